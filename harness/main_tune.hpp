// Tuning the cases of plans, for `rnnbench tune` and `rnnbench --tune`.
#pragma once

#include <string>
#include <vector>

#include "harness/main.hpp"
#include "harness/progress.hpp"
#include "harness/tune.hpp"

namespace rnnbench {

/// The cases of one plan.
struct PlanCases {
  const RunPlan* plan = nullptr;
  const std::vector<PlannedCase>* cases = nullptr;
};

/// Tunes every supported case of a tunable implementation whose class has no entry yet (--force:
/// every class once) and keeps what was chosen; with --aa nothing is read or kept. `tunings` grows
/// as they are done, and standard output has a table for each unless `print` is off. Throws
/// Interrupted; what is in `tunings` is then complete.
void tune_cases(const CommandLine& line, const std::vector<PlanCases>& plans, Catalog& catalog,
                Rounds& rounds, Progress& progress, bool print, std::vector<Tuning>& tunings);

/// Whether the case takes part: its implementation is tunable and supports the problem.
bool is_tuned(const PlannedCase& planned, const Catalog& catalog);

}  // namespace rnnbench
