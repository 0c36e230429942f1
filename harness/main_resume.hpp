// Going on with a run that was cut off: what must be as it was, and which of its cases stand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/machine.hpp"
#include "harness/main_plans.hpp"
#include "reports/journal.hpp"

namespace rnnbench {

/// What was run: a resumed run must be of the same build.
std::string this_build();

/// The command line that the run in `typed.resume` was begun with, its journal in `earlier`. Goes
/// to the folder that it was begun in, where that is there: paths as typed are relative to it.
/// Throws UsageError for other flags than --resume takes, no journal, and another build.
CommandLine resumed(const CommandLine& typed, JournalContents& earlier);

/// Throws UsageError where the run was begun on another kind of machine.
void require_same_kind(const std::string& folder, const JournalContents& earlier,
                       const Machine& machine);

/// Cases by name, for each plan.
using KeptCases = std::vector<std::multimap<std::string, CaseResult>>;

/// Those of before that stand. Cases of a problem are measured against each other: where one is
/// missing all of them run again, and where the others are of another machine than this one,
/// those on other devices too.
KeptCases whole_problems(const std::vector<RunPlan>& plans,
                         const std::vector<std::vector<PlannedCase>>& planned,
                         const Catalog& catalog, std::vector<CaseResult> earlier,
                         const std::string& machine);

}  // namespace rnnbench
