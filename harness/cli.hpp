// The command line: words in, a plain struct out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/rounds.hpp"
#include "harness/scenario.hpp"

namespace rnnbench {

enum class Command { run, list, doctor, tune, report, compare, history, worker };

struct DeviceChoice {
  Device kind = Device::cpu;
  int index = 0;
};

struct CommandLine {
  Command command = Command::run;
  std::vector<std::string> arguments;  // as typed, without the program

  std::vector<std::string> scenarios;  // --scenario; empty: a problem from axes
  AxisOverrides axes;
  bool quick = false;
  std::vector<DeviceChoice> devices;  // --device; empty: a GPU where one answers, else the CPU
  std::vector<std::string> impls, skipped;
  std::string filter;
  std::map<std::string, std::string> options;
  std::vector<std::string> plugins;
  std::vector<std::pair<std::string, std::string>> external;
  int threads = 0;

  ProtocolOverrides protocol;
  std::uint64_t seed = 1;
  int bitwise = 0;
  std::optional<double> rtol, atol;
  bool verify = true, measure = true, dry_run = false, profile = false;
  int require_ran = 0;

  bool tune = false;      // run: tune first what has no entry
  bool use_tuned = true;  // run: look into the cache of tuned choices
  std::uint64_t tune_seed = 1;
  bool aa = false, force = false, list_tuned = false;  // tune
  std::optional<std::string> clear;                    // tune: a regular expression

  std::string out, resume, save_tensors;
  std::vector<std::string> formats{"console", "json", "csv", "md", "html"};
  std::map<std::string, std::string> tags;
  bool quiet = false, color = true;
  BenchmarkFlags benchmark;

  std::vector<std::string> runs;  // report, compare: files
  std::vector<std::string> report_formats{"console", "md", "csv", "html"};

  std::string threshold = "2%", fail_on, compare_format = "console";  // compare
  std::vector<std::string> noise_floor;                               // a percentage, or files
  bool judge_same_code = false, other_machine = false;
  std::vector<std::string> interleave;     // two programs
  std::vector<std::string> run_arguments;  // after two dashes
  int compare_rounds = 9;
  bool rounds_given = false;

  std::string history_what, store, commit, commit_time, commit_url, resources;  // history
  std::string floor_share;                                                      // history check
  int last = 10;

  std::string list_what = "all";  // list: all, scenarios, impls, devices or metrics
  bool calibrate = false, exchange = false, json = false;  // doctor
  std::vector<std::string> worker_modules, worker_plugins;
};

/// Throws UsageError in one line. `--help` and `--version` print and set `exit_now`.
CommandLine parse_command_line(const std::vector<std::string>& arguments, bool& exit_now);

/// 0.02 of "2%" or "2 %". Throws UsageError naming `flag`.
double parse_percentage(const std::string& text, const std::string& flag);

}  // namespace rnnbench
