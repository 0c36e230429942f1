// The pass for hardware counters, after a problem's cases have been timed.
#pragma once

#include <vector>

#include "harness/live_case.hpp"
#include "harness/problem_data.hpp"

namespace rnnbench {

struct RunPlan;

/// Fills the profile of every case that is still live, as --metrics asks for. Whatever goes wrong
/// is the profile's reason: the case stays what it was. A worker that has loaded a profiler's
/// libraries is ended, so that nothing is timed beside them. The metric "callgrind" is counted in a
/// worker of its own, which valgrind runs.
void collect_metrics(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                     const RunPlan& plan);

}  // namespace rnnbench
