// Timing the cases of one problem against each other, in interleaved rounds.
#pragma once

#include <vector>

#include "harness/live_case.hpp"
#include "harness/problem_data.hpp"
#include "harness/rounds.hpp"

namespace rnnbench {

struct RunPlan;

/// Warms each live case up until its time is stable, then runs rounds in which every case has one
/// turn, in an order shuffled anew for each round. Samples go into the cases; a turn that fails
/// ends its case. With Protocol::fresh_workers each turn has a new process, which takes its inputs
/// from `data` and is warmed up first.
void measure(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
             Rounds& rounds, const RunPlan& plan);

/// --warmup calls whose times nobody looks at, so that what comes next finds a warm device.
void discard_calls(Remote& worker, const Protocol& protocol);

/// Fills time and wall summaries from the samples, and marks what makes them doubtful.
void summarize_samples(LiveCase& live);

}  // namespace rnnbench
