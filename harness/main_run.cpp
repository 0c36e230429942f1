#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "harness/calibration.hpp"
#include "harness/code_identity.hpp"
#include "harness/environment.hpp"
#include "harness/interrupt.hpp"
#include "harness/main_resume.hpp"
#include "harness/main_tune.hpp"
#include "harness/main_tune_report.hpp"
#include "harness/tune_lookup.hpp"
#include "reports/journal.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

bool ran(Outcome outcome) {
  return outcome != Outcome::unsupported && outcome != Outcome::over_budget;
}

/// A run from plans to files.
class Run {
 public:
  /// `busy`: what busy_machine said before workers were started, whose libraries spin for a while.
  Run(const CommandLine& line, JournalContents earlier, std::string busy)
      : line_(line),
        busy_(std::move(busy)),
        earlier_(std::move(earlier)),
        catalog_(catalog_options(line)),
        plans_(plans_for(line, catalog_)),
        progress_(line.quiet) {
    std::size_t count = 0;
    for (const auto& plan : plans_) {
      cases_.push_back(plan_cases(plan, catalog_));
      count += cases_.back().size();
    }
    if (count == 0)
      throw UsageError(
          "no case is left on this device after --filter, --impl and --skip-impl (rnnbench list "
          "impls)");
  }

  int dry_run() {
    std::size_t count = 0;
    for (std::size_t k = 0; k < plans_.size(); ++k)
      for (const auto& planned : cases_[k]) {
        ++count;
        fmt::print("{}{}\n", name_of(planned, plans_[k], catalog_),
                   planned.unsupported.empty() ? "" : "  unsupported: " + planned.unsupported);
      }
    fmt::print("{} case{}\n", count, count == 1 ? "" : "s");
    return 0;
  }

  int list_tests() {
    for (std::size_t k = 0; k < plans_.size(); ++k)
      for (const auto& planned : cases_[k])
        if (planned.unsupported.empty()) fmt::print("{}\n", name_of(planned, plans_[k], catalog_));
    return 0;
  }

  int execute() {
    know_machine();
    Rounds rounds(line_.benchmark);
    prepare();
    Journal journal(folder_, kept_so_far());
    const auto start = std::chrono::steady_clock::now();
    try {
      if (line_.tune) tune();
      choose();
      for (std::size_t k = 0; k < plans_.size(); ++k) run_plan(k, rounds, journal);
    } catch (const Interrupted&) {
      result_.interrupted = true;
    }
    result_.elapsed_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    write();
    rounds.finish();
    return verdict();
  }

 private:
  /// Where this is; throws UsageError where an earlier part cannot be gone on with here.
  void know_machine() {
    auto& facts = result_.environment.facts;
    facts = environment_facts();
    Facts libraries;
    std::vector<DeviceInfo> devices;
    for (const auto& plan : plans_) {
      devices.push_back(plan.device);
      // An outside profiler is to be alone: CUPTI is one of these libraries.
      if (plan.device.kind == Device::cuda && libraries.empty() && !plan.profile)
        libraries = late_libraries(catalog_, Device::cuda);
    }
    machine_ = machine_of(facts, libraries, devices);
    facts.insert(facts.end(), libraries.begin(), libraries.end());
    const Facts code = code_facts(catalog_);
    facts.insert(facts.end(), code.begin(), code.end());
    if (line_.resume.empty()) return;
    require_same_kind(line_.resume, earlier_, machine_);
    kept_ = whole_problems(plans_, cases_, catalog_, std::move(earlier_.cases), machine_.name);
  }

  /// The journal as it begins: with what stands of an earlier part.
  JournalContents kept_so_far() const {
    JournalContents contents;
    contents.arguments = line_.arguments;
    contents.started = result_.started;
    contents.build = this_build();
    contents.kind = machine_.kind;
    contents.folder = fs::current_path().string();
    for (const auto& of_plan : kept_)
      for (const auto& [name, result] : of_plan) contents.cases.push_back(result);
    return contents;
  }

  void prepare() {
    folder_ = output_folder(line_, plans_.front().scenarios[0].name);
    result_.command = as_typed(line_);
    result_.started = earlier_.started.empty() ? now_iso() : earlier_.started;
    if (plans_.front().device.kind == Device::cpu) result_.warning = busy_;
    result_.environment.tags = line_.tags;
    for (const auto& plan : plans_)
      result_.protocols.push_back({plan.scenarios[0].name, device_key(plan.device), plan.protocol});
    if (line_.devices.empty() && plans_.front().device.kind == Device::cpu)
      progress_.say(catalog_.no_device(Device::cuda) + "; running on the CPU");
    fill_peaks(plans_, catalog_, progress_, result_.environment);
  }

  /// The classes that have no entry; what --benchmark_out asks for is the run's.
  void tune() {
    Rounds rounds{BenchmarkFlags{}};
    const bool print =
        std::find(line_.formats.begin(), line_.formats.end(), "console") != line_.formats.end();
    std::vector<PlanCases> all;
    for (std::size_t k = 0; k < plans_.size(); ++k) all.push_back({&plans_[k], &cases_[k]});
    std::vector<Tuning> tunings;
    const auto write = [&](bool stopped) {
      fs::path file = folder_ / "tune.json";  // after --resume beside that of the first part
      for (int k = 2; fs::exists(file); ++k) file = folder_ / fmt::format("tune-{}.json", k);
      write_file(file, tuning_json(line_, result_.started, stopped, result_.environment,
                                   result_.protocols, tunings));
    };
    try {
      tune_cases(line_, all, catalog_, rounds, progress_, print, tunings);
    } catch (const Interrupted&) {
      write(true);
      throw;
    }
    write(false);
    wrong_candidate_ = std::any_of(tunings.begin(), tunings.end(), has_wrong_candidate);
  }

  void choose() {
    std::string trouble;
    const auto entries = line_.use_tuned ? read_tune_cache(trouble) : std::vector<TuneEntry>{};
    if (!trouble.empty()) progress_.say("rnnbench: " + trouble);
    CodeHashes hashes;
    for (std::size_t k = 0; k < plans_.size(); ++k)
      choose_configs(plans_[k], cases_[k], catalog_, entries, hashes);
  }

  void run_plan(std::size_t k, Rounds& rounds, Journal& journal) {
    std::size_t before = 0, all = 0;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      if (i < k) before += cases_[i].size();
      all += cases_[i].size();
    }
    RunEvents events;
    events.progress = [&](const std::string& what, std::size_t done, std::size_t) {
      progress_.show(what, before + done, all);
    };
    events.finished = [&](const CaseResult& result, bool complete) {
      auto& added = result_.cases.emplace_back(result);
      added.machine = machine_.name;
      if (complete) journal.add(added);
    };
    events.already_done = [&](const std::string& wanted) {
      if (kept_.empty()) return false;
      const auto found = kept_[k].find(wanted);
      if (found == kept_[k].end()) return false;
      result_.cases.push_back(std::move(found->second));
      kept_[k].erase(found);
      return true;
    };
    run_cases(plans_[k], cases_[k], catalog_, rounds, events);
  }

  void write() {
    progress_.clear();
    if (const auto note = machines_note(result_.cases); !note.empty())
      result_.warning += (result_.warning.empty() ? "warning: " : "; ") + note;
    std::vector<std::string> on_disk = line_.formats;
    std::erase(on_disk, "console");
    const auto files = write_reports(result_, folder_, on_disk);
    if (on_disk.size() == line_.formats.size()) return;
    ConsoleStyle style;
    style.color = line_.color && isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR");
    style.files = files;
    write_console(std::cout, result_, style);
    std::cout.flush();
    if (!std::cout)
      throw Error("standard output cannot be written; the results are in " + folder_.string());
  }

  int verdict() const {
    if (result_.interrupted) {
      fmt::print(stderr, "rnnbench: interrupted; rnnbench --resume {} goes on\n", folder_.string());
      return 130;
    }
    const auto count = std::count_if(result_.cases.begin(), result_.cases.end(),
                                     [](const auto& one) { return ran(one.outcome); });
    if (count < line_.require_ran) {
      fmt::print(stderr, "rnnbench: {} cases ran, --require-ran asks for {}\n", count,
                 line_.require_ran);
      return 1;
    }
    return wrong_candidate_ ? 1 : exit_code(result_);
  }

  const CommandLine& line_;
  std::string busy_;
  JournalContents earlier_;
  Machine machine_;
  KeptCases kept_;  // of an earlier part; empty where there was none
  Catalog catalog_;
  std::vector<RunPlan> plans_;
  std::vector<std::vector<PlannedCase>> cases_;
  Progress progress_;
  fs::path folder_;
  RunResult result_;
  bool wrong_candidate_ = false;  // in --tune
};

}  // namespace

int run_command(const CommandLine& typed) {
  JournalContents earlier;
  const CommandLine line = typed.resume.empty() ? typed : resumed(typed, earlier);
  const bool only_lists = line.dry_run || line.benchmark.list_tests;
  Run run(line, std::move(earlier), only_lists ? "" : busy_machine());
  if (line.dry_run) return run.dry_run();
  if (line.benchmark.list_tests) return run.list_tests();
  return run.execute();
}

}  // namespace rnnbench
