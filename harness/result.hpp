// What a run found: plain data that writers read and nobody changes afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/device.hpp"
#include "harness/floor.hpp"
#include "harness/meaning.hpp"
#include "harness/metrics.hpp"
#include "harness/problem.hpp"
#include "harness/statistics.hpp"

namespace rnnbench {

enum class Outcome {
  passed,       // verified before and after timing
  mistrusted,   // verified, but the check could not have failed (see Verification::why)
  incorrect,    // a wrong value, a non-finite one, or a write outside a buffer
  failed,       // an error it reported itself
  crashed,      // its process died
  timed_out,    // no answer within --timeout
  unsupported,  // says itself that it cannot; reason given
  over_budget,  // one run would take longer than --budget; projection given
  unverified,   // verification was switched off
};
std::string_view name(Outcome outcome);  // "passed", "timed out", "over budget", ...
Outcome parse_outcome(std::string_view text);

/// Who chose the configuration of a tunable implementation.
enum class ConfigSource {
  none,       // it has none
  model,      // its own default
  tuned,      // `rnnbench tune`, for this device and code
  asked,      // --option config=…
  candidate,  // one of those that `rnnbench tune` is measuring
};
std::string_view name(ConfigSource source);  // "" for none
ConfigSource parse_config_source(std::string_view text);

/// How close the outputs were to the float64 reference.
struct Verification {
  double max_error = 0;  // largest |got - reference| / scale over all checked outputs
  double tolerance = 0;  // what was allowed, same unit
  double rounding = 0;   // the part of it that f32 sums explain
  std::string tolerance_rule;
  std::string why;  // first violation or reason for mistrust: tensor, index, got, expected
  std::vector<std::string> checked;  // "twin T=1: output h_n", "T=512: output h_n", ...

  bool operator==(const Verification&) const = default;
};

struct TimedSample {
  int round = 0;
  double seconds = 0;       // device time: CUDA events or steady clock
  double wall_seconds = 0;  // host clock around the call and a device-wide synchronisation

  bool operator==(const TimedSample&) const = default;
};

/// One implementation on one problem.
struct CaseResult {
  std::string scenario;
  Problem problem;
  std::string device;   // "cpu", "cuda:0"
  std::string machine;  // that it ran on, as Machine::name; a resumed run may have several
  std::string impl;     // "cpu:blas"
  bool peer = false;
  std::string mode = "eager";  // or "graph"
  std::string cache = "hot";   // while it was timed: hot, cold or rotate
  Outcome outcome = Outcome::unverified;
  std::string reason;  // why it is not `passed`, one line
  std::string note;    // what the kernel chose
  std::string config;  // of a tunable implementation; docs/tuning.md
  ConfigSource config_source = ConfigSource::none;
  std::string config_note;  // "+12.3 % over the default, 2026-01-31"
  std::string reproduce;    // the command line that runs this case again
  Verification verification;
  std::optional<double> setup_s;      // make: workspace, weight repacking
  std::optional<double> projected_s;  // over budget only: a projection, not a measurement
  std::vector<TimedSample> samples;
  std::optional<Summary> time;  // of samples' seconds; absent where there is no time
  std::optional<Summary> wall;
  Floor floor;
  std::vector<std::pair<std::string, std::string>> device_state;  // clocks, throttling
  std::vector<std::string> warnings;
  std::optional<Profile> profile;  // counters, from a pass of its own after timing
  std::optional<Meaning> meaning;  // of the profile
  std::vector<Finding> findings;   // what stands out, what explains most first

  bool operator==(const CaseResult&) const = default;
};

/// Where and how the run was made.
struct Environment {
  std::vector<std::pair<std::string, std::string>> facts;  // cpu, gpu, driver, compiler, flags, git
  std::vector<DeviceInfo> devices;
  std::map<std::string, Peaks> peaks;  // by device key "cpu", "cuda:0"
  std::map<std::string, std::string> tags;

  bool operator==(const Environment&) const = default;
};

struct Protocol {
  int rounds = 9;             // --repetitions: interleaved rounds
  double min_time_s = 0.1;    // per case over all rounds
  int warmup = 1;             // discarded calls at the start of every turn, at least
  double budget_s = 5;        // longest single run
  double timeout_s = 120;     // longest silence of a worker
  std::string cache = "hot";  // hot, cold or rotate
  bool graph = false;
  std::uint64_t seed = 1;
  bool verify = true;
  bool measure = true;  // false: --verify-only
  int bitwise = 0;      // repeats that must agree bit for bit
  std::optional<double> rtol, atol;
  std::string metrics = "default";  // --metrics: none, default, full or names
  double metrics_budget_s = 3;      // of a case's pass for them
  bool fresh_workers = false;       // a process for each turn: rounds are independent samples

  bool operator==(const Protocol&) const = default;
};

/// How the cases of one scenario on one device were measured.
struct PlanProtocol {
  std::string scenario;
  std::string device;  // "cpu", "cuda:0"
  Protocol protocol;

  bool operator==(const PlanProtocol&) const = default;
};

struct RunResult {
  std::string command;  // as typed
  std::string started;  // ISO 8601 with zone
  double elapsed_s = 0;
  bool interrupted = false;
  std::string warning;  // about the machine when it started; empty: none
  Environment environment;
  std::vector<PlanProtocol> protocols;
  std::vector<CaseResult> cases;

  bool operator==(const RunResult&) const = default;
};

/// Ran and was not right: incorrect, failed, crashed or timed out.
bool is_wrong(Outcome outcome);

/// "cpu", "cuda" for the first GPU, "cuda:1" for others.
std::string short_device(const std::string& device);

/// "scenario/problem/impl", then "/graph", then "/cuda:1" on any GPU but the first: what filters,
/// benchmarks and --resume call a case.
std::string case_name(const std::string& scenario, const Problem& problem, const std::string& impl,
                      const std::string& mode, const std::string& device);
std::string case_name(const CaseResult& result);

/// 0 if every case that ran passed; 1 if one was incorrect, failed, crashed or timed out.
int exit_code(const RunResult& run);

/// Fastest passed implementation (not slower in median than any other) of one problem and scenario,
/// by index into run.cases; nothing when none passed. Throws UsageError for what is no id.
std::optional<std::size_t> fastest(const RunResult& run, const std::string& scenario,
                                   const std::string& problem_id);

}  // namespace rnnbench
