// Which configuration the tunable cases of a run get, and who chose it.
#pragma once

#include <vector>

#include "harness/runner.hpp"
#include "harness/tune_cache.hpp"

namespace rnnbench {

/// Fills config, config_source and config_note of every supported case of a tunable
/// implementation: as --option config=… asks, else as `entries` say for this device and code where
/// that is a candidate of this very problem, else the model's default. Throws Interrupted.
void choose_configs(const RunPlan& plan, std::vector<PlannedCase>& cases, Catalog& catalog,
                    const std::vector<TuneEntry>& entries, CodeHashes& hashes);

}  // namespace rnnbench
