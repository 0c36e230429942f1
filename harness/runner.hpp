// The flow: problems × implementations → supported? → verify → measure → results, one way.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/live_case.hpp"
#include "harness/problem_data.hpp"
#include "harness/rounds.hpp"
#include "harness/scenario.hpp"

namespace rnnbench {

/// Everything a run needs to know; main fills it from the command line.
struct RunPlan {
  std::vector<Scenario> scenarios;
  Protocol protocol;
  DeviceInfo device;
  Peaks peaks;
  int threads = 0;
  std::vector<std::string> impls, skipped;     // names or their part after the colon; empty: all
  std::string filter;                          // regular expression on "scenario/problem/impl"
  std::map<std::string, std::string> options;  // --option, for implementations
  std::string more_flags;  // for the lines that reproduce: plug-ins, external workers
  bool profile = false;
  std::string save_tensors;                 // folder, empty: none
  std::optional<std::uint64_t> order_seed;  // of the turns in a round; else the protocol's
};

/// One case before anything has run.
struct PlannedCase {
  std::size_t scenario = 0, problem = 0, offer = 0;
  bool graph = false;
  std::string unsupported;  // reason, or empty
  std::string config = {};  // as in CaseResult; handed on unless it is the model's own
  ConfigSource config_source = ConfigSource::none;
  std::string config_note = {};
  int copy = 0;  // candidates of one implementation: each has a worker of its own
};

/// Cases in the order they will run; `name_of` a case is "scenario/problem/impl[/graph]".
std::vector<PlannedCase> plan_cases(const RunPlan& plan, Catalog& catalog);
std::string name_of(const PlannedCase& planned, const RunPlan& plan, const Catalog& catalog);

/// What the runner tells while it works.
struct RunEvents {
  std::function<void(const std::string& what, std::size_t done, std::size_t all)> progress;
  /// `complete`: false for a case that Ctrl-C cut short and that --resume must run again.
  std::function<void(const CaseResult&, bool complete)> finished;
  std::function<bool(const std::string& name)> already_done;  // --resume
};

/// Runs the cases; those finished so far are reported through `events` as they come. Throws
/// Interrupted on Ctrl-C, after reporting what is complete.
void run_cases(const RunPlan& plan, const std::vector<PlannedCase>& cases, Catalog& catalog,
               Rounds& rounds, const RunEvents& events);

}  // namespace rnnbench
