#include "harness/main_tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <regex>

#include "harness/calibration.hpp"
#include "harness/environment.hpp"
#include "harness/interrupt.hpp"
#include "harness/main_plans.hpp"
#include "harness/main_tune_report.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

/// Entries, and on standard error what could not be read.
std::vector<TuneEntry> entries_or_complaint(Progress& progress) {
  std::string trouble;
  auto entries = read_tune_cache(trouble);
  if (!trouble.empty()) progress.say("rnnbench: " + trouble);
  return entries;
}

int list_tuned(const CommandLine& line) {
  Progress progress(line.quiet);
  const auto entries = entries_or_complaint(progress);
  CodeHashes hashes;
  if (entries.empty())
    fmt::print("no tuned choices in {}\n", tune_cache_file().string());
  else
    for (const auto& text : entry_lines(entries, hashes)) fmt::print("{}\n", text);
  return 0;
}

/// Those whose line in the list the expression finds; all without one.
int clear_tuned_command(const std::string& expression) {
  std::regex wanted;
  try {
    wanted = std::regex(expression);
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("tune --clear '{}': not a regular expression ({})", expression, error.what()));
  }
  CodeHashes hashes;
  const auto count = clear_tuned([&](const TuneEntry& entry) {
    return std::regex_search(entry_lines({entry}, hashes).back(), wanted);
  });
  fmt::print("{} entr{} removed from {}\n", count, count == 1 ? "y" : "ies",
             tune_cache_file().string());
  return 0;
}

/// One tune from plans to its file.
class TuneRun {
 public:
  explicit TuneRun(const CommandLine& line)
      : line_(line),
        busy_(line.dry_run ? "" : busy_machine()),
        catalog_(catalog_options(line)),
        plans_(plans_for(line, catalog_)),
        progress_(line.quiet) {
    for (const auto& plan : plans_) {
      auto& cases = cases_.emplace_back(plan_cases(plan, catalog_));
      std::erase_if(cases, [&](const PlannedCase& planned) {
        return !catalog_.offers()[planned.offer].info.tunable;
      });
      count_ += cases.size();
    }
    if (count_ == 0)
      throw UsageError(
          "nothing to tune: no implementation selected here has candidates (rnnbench list impls "
          "marks those that have)");
  }

  int dry_run() {
    for (std::size_t k = 0; k < plans_.size(); ++k)
      for (const auto& planned : cases_[k]) {
        fmt::print("{}\n", name_of(planned, plans_[k], catalog_));
        if (!is_tuned(planned, catalog_)) {
          fmt::print("  unsupported: {}\n", planned.unsupported);
          continue;
        }
        const auto& problem = plans_[k].scenarios[planned.scenario].problems[planned.problem];
        for (const auto& candidate :
             catalog_.candidates(planned.offer, problem, plans_[k].device.index, plans_[k].options))
          fmt::print("  {}  {}\n", candidate.config, candidate.why);
      }
    return 0;
  }

  int execute() {
    Rounds rounds(line_.benchmark);
    if (std::error_code ignored;
        !line_.out.empty() && std::filesystem::exists(line_.out + "/tune.json", ignored))
      throw UsageError(fmt::format(
          "--out {}: holds the results of an earlier tune; choose another folder", line_.out));
    const auto folder = output_folder(line_, "tune");
    const auto started = now_iso();
    Environment environment;
    environment.facts = environment_facts();
    environment.tags = line_.tags;
    if (!busy_.empty() && plans_.front().device.kind == Device::cpu) progress_.say(busy_);
    fill_peaks(plans_, catalog_, progress_, environment);
    std::vector<PlanCases> all;
    std::vector<PlanProtocol> protocols;
    for (std::size_t k = 0; k < plans_.size(); ++k) {
      const auto& plan = plans_[k];
      all.push_back({&plan, &cases_[k]});
      protocols.push_back({plan.scenarios[0].name, device_key(plan.device), plan.protocol});
    }
    std::vector<Tuning> tunings;
    bool stopped = false;
    try {
      tune_cases(line_, all, catalog_, rounds, progress_, true, tunings);
    } catch (const Interrupted&) {
      stopped = true;
    }
    progress_.clear();
    const auto file = folder / "tune.json";
    write_file(file, tuning_json(line_, started, stopped, environment, protocols, tunings));
    rounds.finish();
    fmt::print("{}\nWritten: {}\n", summary(tunings), file.string());
    if (stopped) {
      fmt::print(stderr,
                 "rnnbench: interrupted; what was chosen is kept, so that the same command "
                 "measures only the "
                 "rest\n");
      return 130;
    }
    return std::any_of(tunings.begin(), tunings.end(), has_wrong_candidate) ? 1 : 0;
  }

 private:
  std::string summary(const std::vector<Tuning>& tunings) const {
    std::size_t switched = 0, kept = 0, stayed = 0;
    for (const auto& tuning : tunings) {
      if (!tuning.kept.empty())
        ++kept;
      else if (tuning.entry)
        ++(tuning.entry->switched() ? switched : stayed);
    }
    const auto rest = tunings.size() - switched - kept - stayed;
    auto text = fmt::format("{} case{}: {} switched, {} with the default, {} kept from before",
                            tunings.size(), tunings.size() == 1 ? "" : "s", switched, stayed, kept);
    if (rest > 0) text += fmt::format(", {} without a choice", rest);
    if (line_.aa) text += "; an A/A test, so every switch is an error of the method";
    return text + ".";
  }

  const CommandLine& line_;
  std::string busy_;
  Catalog catalog_;
  std::vector<RunPlan> plans_;
  std::vector<std::vector<PlannedCase>> cases_;
  std::size_t count_ = 0;
  Progress progress_;
};

}  // namespace

bool is_tuned(const PlannedCase& planned, const Catalog& catalog) {
  return catalog.offers()[planned.offer].info.tunable && planned.unsupported.empty();
}

void tune_cases(const CommandLine& line, const std::vector<PlanCases>& plans, Catalog& catalog,
                Rounds& rounds, Progress& progress, bool print, std::vector<Tuning>& tunings) {
  CodeHashes hashes;
  auto entries = line.aa ? std::vector<TuneEntry>{} : entries_or_complaint(progress);
  std::vector<TuneEntry> new_ones;  // of this tune: a class is measured once, also with --force
  const auto say = [&](const std::string& text) { progress.say(text); };
  for (const auto& [plan, cases] : plans)
    for (const auto& planned : *cases) {
      if (!is_tuned(planned, catalog)) continue;
      const auto key = tune_key(*plan, planned, catalog);
      const auto& origin = catalog.providers()[catalog.offers()[planned.offer].provider].origin;
      const auto& code = hashes.of(origin);
      const auto* now = find_entry(new_ones, key, code);
      const auto* before = line.force ? nullptr : find_entry(entries, key, code);
      std::string kept_in;
      if (now || before) {
        const auto& entry = now ? *now : *before;
        Tuning& tuning = tunings.emplace_back();
        tuning.name = name_of(planned, *plan, catalog);
        tuning.key = key, tuning.code = code, tuning.origin = origin;
        tuning.subject.scenario = plan->scenarios[planned.scenario].name;
        tuning.subject.problem = plan->scenarios[planned.scenario].problems[planned.problem];
        tuning.entry = entry;
        tuning.kept = fmt::format("kept: {} ({}, measured on {}); --force tunes again",
                                  entry.config, gain_line(entry), entry.problem);
      } else {
        tunings.push_back(
            tune_case(*plan, planned, catalog, rounds, hashes, {line.tune_seed, line.aa}, say));
        if (const auto& entry = tunings.back().entry) {
          new_ones.push_back(*entry);
          if (!line.aa) keep_tuned(*entry, kept_in);
        }
      }
      progress.clear();
      if (print) std::cout << tuning_table(tunings.back(), kept_in) << std::flush;
      if (interrupted()) throw Interrupted();
    }
}

int tune_command(const CommandLine& line) {
  if (line.list_tuned) return list_tuned(line);
  if (line.clear) return clear_tuned_command(*line.clear);
  TuneRun run(line);
  return line.dry_run ? run.dry_run() : run.execute();
}

}  // namespace rnnbench
