// Instruction counts by valgrind, in a worker of its own.
#pragma once

#include "harness/live_case.hpp"
#include "harness/problem_data.hpp"

namespace rnnbench {

struct RunPlan;

/// The metric's name.
inline constexpr const char* callgrind = "callgrind";

/// Instructions of one call, counted by valgrind: exact, and tens of times slower. Throws what a
/// worker throws.
Metric callgrind_instructions(const LiveCase& live, WorkerPool& pool, const ProblemData& data,
                              const RunPlan& plan);

}  // namespace rnnbench
