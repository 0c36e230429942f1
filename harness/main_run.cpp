#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>

#include "harness/build_info.hpp"
#include "harness/calibration.hpp"
#include "harness/environment.hpp"
#include "harness/interrupt.hpp"
#include "harness/main.hpp"
#include "harness/progress.hpp"
#include "harness/runner.hpp"
#include "harness/words.hpp"
#include "reports/journal.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& words) {
  std::string text = "rnnbench";
  for (const auto& word : words) text.append(" ").append(quoted(word));
  return text;
}

/// Revision, and when the program and its modules were last linked.
std::string this_build() {
  std::string text;
  for (const auto& [label, value] : build_facts())
    if (label.starts_with("git")) text += (text.empty() ? "" : " ") + value;
  fs::file_time_type newest = fs::last_write_time(program_file());
  for (const char* module : {"cpu", "cuda"})
    if (const auto file = module_file(module))
      newest = std::max(newest, fs::last_write_time(*file));
  const auto when = std::chrono::duration_cast<std::chrono::seconds>(newest.time_since_epoch());
  return fmt::format("{}, linked at {}", text, when.count());
}

CatalogOptions catalog_options(const CommandLine& line) {
  CatalogOptions options;
  const auto wanted = [&](Device kind) {
    return line.devices.empty() ||
           std::any_of(line.devices.begin(), line.devices.end(),
                       [&](const auto& choice) { return choice.kind == kind; });
  };
  options.cpu = wanted(Device::cpu);
  options.cuda = wanted(Device::cuda);
  options.plugins = line.plugins;
  options.external = line.external;
  options.timeout_s = line.protocol.timeout_s.value_or(Protocol().timeout_s);
  return options;
}

/// The devices asked for, or a GPU where one answers, else the CPU.
std::vector<DeviceInfo> chosen_devices(const CommandLine& line, const Catalog& catalog) {
  std::vector<DeviceInfo> devices;
  for (const auto& choice : line.devices) {
    const auto device = catalog.device(choice.kind, choice.index);
    if (!device) {
      const auto why = catalog.no_device(choice.kind);
      throw UsageError(why.empty() ? fmt::format("--device {}:{}: no such device (rnnbench list "
                                                 "devices)",
                                                 name(choice.kind), choice.index)
                                   : why);
    }
    devices.push_back(*device);
  }
  if (!devices.empty()) return devices;
  for (const auto kind : {Device::cuda, Device::cpu})
    if (const auto device = catalog.device(kind, 0)) return {*device};
  throw UsageError(catalog.no_device(Device::cpu));
}

std::vector<Scenario> scenarios_for(const CommandLine& line, Device device) {
  std::vector<Scenario> scenarios;
  for (const auto& wanted : line.scenarios)
    scenarios.push_back(load_scenario(find_scenario(wanted), device, line.quick, line.axes));
  if (!scenarios.empty()) return scenarios;
  if (line.axes.empty())
    throw UsageError(
        "nothing to run: give --scenario NAME (rnnbench list scenarios), or a problem such as "
        "--cell gru --hidden 256");
  return {ad_hoc_scenario(line.axes)};
}

Protocol protocol_for(const CommandLine& line, const Scenario& scenario) {
  Protocol protocol;
  apply(scenario.protocol, protocol);
  apply(line.protocol, protocol);
  protocol.seed = line.seed;
  protocol.verify = line.verify;
  protocol.measure = line.measure;
  protocol.bitwise = line.bitwise;
  protocol.rtol = line.rtol;
  protocol.atol = line.atol;
  return protocol;
}

/// One plan for each scenario on each device; peaks are filled in later, where there is a run.
std::vector<RunPlan> plans_for(const CommandLine& line, const Catalog& catalog) {
  std::vector<RunPlan> plans;
  for (const auto& device : chosen_devices(line, catalog))
    for (const auto& scenario : scenarios_for(line, device.kind)) {
      RunPlan& plan = plans.emplace_back();
      plan.scenarios = {scenario};
      plan.protocol = protocol_for(line, scenario);
      plan.device = device;
      plan.threads = line.threads;
      if (device.kind == Device::cpu && line.threads > 0)  // the floor is that of these threads
        plan.device.units = std::min(device.units, line.threads);
      plan.impls = line.impls;
      plan.skipped = line.skipped;
      plan.filter = line.filter;
      plan.options = line.options;
      plan.profile = line.profile;
      for (const auto& plugin : line.plugins) plan.more_flags += " --plugin " + quoted(plugin);
      for (const auto& [name_of_it, command] : line.external)
        plan.more_flags.append(" --external ")
            .append(quoted(fmt::format("{}={}", name_of_it, command)));
      plan.save_tensors = line.save_tensors;
    }
  return plans;
}

fs::path output_folder(const CommandLine& line, const RunPlan& plan) {
  if (!line.resume.empty()) return line.resume;
  if (!line.out.empty()) {
    if (fs::exists(fs::path(line.out) / "journal.jsonl"))
      throw UsageError(fmt::format(
          "--out {}: holds the results of an earlier run; choose another folder, or --resume {}",
          line.out, line.out));
    return line.out;
  }
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
  const auto folder = fs::path("results") / fmt::format("{}-{}", plan.scenarios[0].name, stamp);
  // Made here, so that of two runs in one second each gets its own.
  std::error_code error;
  fs::create_directories("results", error);
  fs::path own = folder;
  for (int k = 2; !fs::create_directory(own, error) && !error; ++k)
    own = folder.string() + fmt::format("-{}", k);
  return own;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw UsageError(
        fmt::format("--out {}: cannot make this folder ({})", folder.string(), error.message()));
}

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
    Rounds rounds(line_.benchmark);
    prepare();
    JournalContents contents = earlier_;
    contents.arguments = line_.arguments;
    contents.build = this_build();
    if (contents.folder.empty()) contents.folder = fs::current_path().string();
    contents.started = result_.started;
    Journal journal(folder_, contents);
    const auto start = std::chrono::steady_clock::now();
    try {
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
  void prepare() {
    folder_ = output_folder(line_, plans_.front());
    make_folder(folder_);
    result_.command = joined(line_.arguments);
    result_.started = earlier_.started.empty() ? now_iso() : earlier_.started;
    result_.environment.facts = environment_facts();
    if (plans_.front().device.kind == Device::cpu) result_.warning = busy_;
    result_.environment.tags = line_.tags;
    for (const auto& plan : plans_)
      result_.protocols.push_back({plan.scenarios[0].name, device_key(plan.device), plan.protocol});
    if (line_.devices.empty() && plans_.front().device.kind == Device::cpu)
      progress_.say(catalog_.no_device(Device::cuda) + "; running on the CPU");
    for (auto& plan : plans_) {
      const auto key = device_key(plan.device);
      auto& peaks = result_.environment.peaks;
      if (!peaks.contains(key)) {
        if (std::string ignored; !kept_peaks(plan.device, plan.threads, ignored))
          progress_.say(fmt::format("measuring the ceilings of {} (once)", plan.device.name));
        try {
          std::string where;
          peaks[key] = peaks_of(plan.device, plan.threads, catalog_, false, where);
        } catch (const Interrupted&) {
          throw;
        } catch (const std::exception& error) {
          peaks[key] = {};
          progress_.say(fmt::format("no floors: the ceilings of {} could not be measured ({})",
                                    plan.device.name, error.what()));
        }
        result_.environment.devices.push_back(plan.device);
      }
      plan.peaks = peaks[key];
    }
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
      if (complete) journal.add(result);
      result_.cases.push_back(result);
    };
    events.already_done = [&](const std::string& wanted) {
      const auto found =
          std::find_if(earlier_.cases.begin(), earlier_.cases.end(),
                       [&](const auto& result) { return case_name(result) == wanted; });
      if (found == earlier_.cases.end()) return false;
      result_.cases.push_back(std::move(*found));
      earlier_.cases.erase(found);  // two scenarios of one name have a case of this name each
      return true;
    };
    run_cases(plans_[k], cases_[k], catalog_, rounds, events);
  }

  void write() {
    progress_.clear();
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
    return exit_code(result_);
  }

  const CommandLine& line_;
  std::string busy_;
  JournalContents earlier_;
  Catalog catalog_;
  std::vector<RunPlan> plans_;
  std::vector<std::vector<PlannedCase>> cases_;
  Progress progress_;
  fs::path folder_;
  RunResult result_;
};

}  // namespace

/// A resumed run goes on as it was begun: other flags would make two halves of different runs.
void only_resume(const std::vector<std::string>& arguments) {
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    const auto& word = arguments[k];
    if (word == "--resume")
      ++k;
    else if (word != "--quiet" && word != "--no-color" && !word.starts_with("--resume="))
      throw UsageError(fmt::format(
          "{}: --resume goes on with the flags that the run was begun with, and takes no others "
          "but --quiet and --no-color",
          word));
  }
}

int run_command(const CommandLine& typed) {
  CommandLine line = typed;
  JournalContents earlier;
  if (!typed.resume.empty()) {
    only_resume(typed.arguments);
    earlier = read_journal(typed.resume);
    if (earlier.build != this_build())
      throw UsageError(fmt::format(
          "--resume {}: it was begun with another build ({}; this is {}): run anew with --out",
          typed.resume, earlier.build, this_build()));
    const auto results = fs::absolute(typed.resume);
    std::error_code error;
    fs::current_path(earlier.folder, error);
    if (error)
      throw UsageError(fmt::format("--resume {}: it was started in {}, which is not there any more",
                                   typed.resume, earlier.folder));
    bool exit_now = false;
    line = parse_command_line(earlier.arguments, exit_now);
    line.resume = results.string();
    line.quiet = typed.quiet;
    line.color = line.color && typed.color;
  }
  const bool only_lists = line.dry_run || line.benchmark.list_tests;
  Run run(line, std::move(earlier), only_lists ? "" : busy_machine());
  if (line.dry_run) return run.dry_run();
  if (line.benchmark.list_tests) return run.list_tests();
  return run.execute();
}

}  // namespace rnnbench
