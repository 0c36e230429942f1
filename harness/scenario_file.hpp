// What a scenario file says, before anything is multiplied out.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/scenario.hpp"
#include "harness/scenario_plan.hpp"

namespace rnnbench {

/// A part of a file that can be overridden by a later one.
struct ScenarioLayer {
  Plan plan;
  ProtocolOverrides protocol;
};

/// A layer and what replaces parts of it in a quick look.
struct ScenarioVariant {
  ScenarioLayer usual, quick;
};

struct ScenarioFile {
  std::string name, title, shows;
  std::vector<std::string> references;
  std::vector<Setting> includes;  // files whose problems make up this scenario, relative to it
  ScenarioVariant base, cpu, cuda;
};

/// Reads and checks one file, all variants of it. Throws UsageError "FILE:LINE:COLUMN: expected
/// ..., found ..."; without a position where the file itself cannot be read.
ScenarioFile read_scenario_file(const std::filesystem::path& file);

}  // namespace rnnbench
