// The pass for hardware counters, after a problem's cases have been timed.
#pragma once

#include <vector>

#include "harness/live_case.hpp"

namespace rnnbench {

struct RunPlan;

/// Fills the profile of every case that is still live, as --metrics asks for. Whatever goes wrong
/// is the profile's reason: the case stays what it was. A worker that has loaded a profiler's
/// libraries is ended, so that nothing is timed beside them.
void collect_metrics(std::vector<LiveCase>& cases, WorkerPool& pool, const RunPlan& plan);

}  // namespace rnnbench
