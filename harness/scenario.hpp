// Scenario files: TOML in, problems and a protocol out.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/problem.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// Values a file or the command line gives for the protocol; absent ones keep what was there.
struct ProtocolOverrides {
  std::optional<int> rounds, warmup;
  std::optional<double> min_time_s, budget_s, timeout_s;
  std::optional<std::string> cache, metrics;
  std::optional<double> metrics_budget_s;
  std::optional<bool> graph, fresh_workers;
};
void apply(const ProtocolOverrides& overrides, Protocol& protocol);

struct Scenario {
  std::string name;
  std::string title;  // one line
  std::string shows;  // what a reader learns from it
  std::vector<std::string> references;
  std::filesystem::path file;     // empty for a problem made on the command line
  std::vector<Problem> problems;  // expanded for one device kind, each once
  std::size_t repeated = 0;       // rows of included files left out: already there
  ProtocolOverrides protocol;
};

/// Values for fields from the command line, as typed: {"batch", "1,16,64"}, {"hidden",
/// "256:1024:256"}, {"seq", "pow2:64:1024"}, {"dtype", "f32,tf32"}, {"head_at", "last_step"},
/// {"bidirectional", "true"}, {"outputs", "output+h_n,h_n"}, ... A field's values replace the
/// scenario's; a column of its table is replaced for all rows (rows that become equal are kept
/// once).
/// {"problem", "ID,ID"} names whole problems by id and stands alone. Errors name the flag.
using AxisOverrides = std::map<std::string, std::string>;

/// Reads one file. Later layers replace earlier ones field by field: the file, [device.*], [quick]
/// (if `quick`), [device.*.quick] (if `quick`), the overrides. See docs/scenario-format.md. Throws
/// UsageError "FILE:LINE:COLUMN: expected ..., found ...".
Scenario load_scenario(const std::filesystem::path& file, Device device, bool quick,
                       const AxisOverrides& overrides);

/// Problems given on the command line alone: at least `cell` and `hidden`, or `problem`. Lists are
/// multiplied out, in the order of the fields in docs/scenario-format.md.
Scenario ad_hoc_scenario(const AxisOverrides& axes);

/// Where scenarios are looked for, in order: $RNNBENCH_SCENARIOS (colon-separated), ./scenarios,
/// scenarios beside the binary or one folder up, ../share/rnnbench/scenarios.
std::vector<std::filesystem::path> scenario_folders();

/// The file for a name ("gru_bidir") or a path; UsageError with the nearest names otherwise.
std::filesystem::path find_scenario(const std::string& name_or_path);

/// Every scenario file in the first folder that has any, sorted by name.
std::vector<std::filesystem::path> list_scenarios();

/// Sizes as typed on a command line or as a string in a file: "1,16,64", "256:1024:256" (stride
/// 256, end included), "pow2:64:1024", or several of these, comma-separated. Throws UsageError.
std::vector<std::int64_t> parse_axis(const std::string& text);

}  // namespace rnnbench
