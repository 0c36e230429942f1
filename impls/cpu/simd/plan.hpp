// How the SIMD implementations share a problem among threads.
#pragma once

#include "harness/problem.hpp"

namespace rnnbench {

/// Every thread owns one of each: a direction, a range of batch rows, a range of units, and every
/// `lanes`-th layer.
struct TeamPlan {
  int directions = 1;
  int batches = 1;
  int units = 1;
  int lanes = 1;
  bool hoisted = true;     // input products of `chunk` steps at once, else with each step
  std::int64_t chunk = 1;  // steps
  int size() const { return directions * batches * units * lanes; }
};

/// The cheapest way for at most `threads` threads with vectors of `vector_lanes` floats.
TeamPlan plan_team(const Problem& p, int threads, int vector_lanes);

/// Directions at once, units in slices, nothing hoisted.
TeamPlan plan_steps(const Problem& p, int threads, int vector_lanes);

/// Clocks of the whole call as `plan_team` sees it: for tests of its choice.
double predicted_clocks(const Problem& p, const TeamPlan& plan, int vector_lanes);

}  // namespace rnnbench
