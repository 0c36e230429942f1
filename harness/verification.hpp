// The verification of the cases of one problem, before and after they are timed.
#pragma once

#include <vector>

#include "harness/live_case.hpp"
#include "harness/problem_data.hpp"

namespace rnnbench {

struct RunPlan;

/// Stage 1, the short twins (T in {1, 2, 5}, all outputs, two calls): everything an implementation
/// can get wrong shows here for little time. Also estimates the time of one full call; a case whose
/// estimate is over the budget ends as such, before the longer twins where a short one tells.
/// `mistrust` is set when this check could not have failed.
void verify_twins(const Problem& problem, std::vector<LiveCase>& cases, WorkerPool& pool,
                  const RunPlan& plan, const ReferenceMaker& reference,
                  const std::shared_ptr<const Weights>& weights, std::string& mistrust);

/// Stage 2, at full length: all outputs at every step, then the kernel that will be timed, left
/// made in its worker under `timed_key`; for stateful problems over three calls.
void verify_full(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                 const RunPlan& plan);

/// Stage 3, after timing: the outputs of the last timed call.
void verify_after(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                  const RunPlan& plan);

/// Without checks: the same estimate from T = 1, 5 and 50, and the same end of what is over it.
void apply_budget_only(const Problem& problem, std::vector<LiveCase>& cases, WorkerPool& pool,
                       const RunPlan& plan, const std::shared_ptr<const Weights>& weights);

/// Loads and makes the kernel to be timed; `verify_full` does it too.
void make_timed(LiveCase& live, Remote& worker, const ProblemData& data, const RunPlan& plan);

}  // namespace rnnbench
