// From a command line to plans: what `run` and `tune` share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/main.hpp"
#include "harness/progress.hpp"
#include "harness/runner.hpp"

namespace rnnbench {

/// The command as a shell takes it.
std::string as_typed(const CommandLine& line);

/// A device of --device; throws UsageError with the reason where it is not there.
DeviceInfo asked_device(const DeviceChoice& choice, const Catalog& catalog);

CatalogOptions catalog_options(const CommandLine& line);

/// One plan for each scenario on each device; peaks are filled in later, where there is a run.
std::vector<RunPlan> plans_for(const CommandLine& line, const Catalog& catalog);

/// Fills the plans' peaks, and the environment's peaks and devices. What could not be measured
/// leaves plans without floors, which is said.
void fill_peaks(std::vector<RunPlan>& plans, Catalog& catalog, Progress& progress,
                Environment& environment);

/// --out, made where it is missing, or a new folder results/<name>-<time>.
std::filesystem::path output_folder(const CommandLine& line, const std::string& name);

}  // namespace rnnbench
