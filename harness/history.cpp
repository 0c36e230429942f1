#include "harness/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "harness/calibration.hpp"
#include "harness/machine.hpp"

namespace rnnbench {
namespace {

std::string fact(const Facts& facts, std::string_view label) {
  for (const auto& [key, value] : facts)
    if (key == label) return value;
  return {};
}

/// What times depend on and a commit does not change.
std::string machine_text(const RunResult& run, const CaseResult& result) {
  for (const auto& device : run.environment.devices) {
    if (device_key(device) != result.device) continue;
    const auto driver = fact(device.card, "driver");
    return fmt::format("{}, {} {}{}", device.name, device.units,
                       device.kind != Device::cpu ? "SMs"
                       : device.units == 1        ? "core"
                                                  : "cores",
                       driver.empty() ? "" : ", driver " + driver);
  }
  return result.device;
}

bool is_timed(const CaseResult& result) {
  return result.time &&
         (result.outcome == Outcome::passed || result.outcome == Outcome::unverified);
}

/// A case's time as a series, without commit and value.
HistoryEntry time_of(const RunResult& run, const CaseResult& result) {
  HistoryEntry e;
  e.machine = machine_text(run, result);
  e.scenario = result.scenario, e.problem = id(result.problem);
  e.impl = result.impl, e.mode = result.mode;
  e.measure = "time", e.unit = "s";
  return e;
}

std::string case_text(const HistoryEntry& e) {
  return fmt::format("{}/{}/{}{}{}", e.scenario, e.problem, e.impl,
                     e.mode == "eager" ? "" : "/" + e.mode,
                     e.measure == "time" ? "" : ": " + e.measure);
}

/// Instructions of a call over its steps, where callgrind counted them: the same every time.
std::optional<double> instructions_a_step(const CaseResult& result) {
  if (!result.profile) return std::nullopt;
  const auto found = result.profile->region.find("callgrind");
  if (found == result.profile->region.end() || !found->second.value) return std::nullopt;
  return *found->second.value / double(result.problem.seq);
}

}  // namespace

std::string series_of(const HistoryEntry& e) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", e.machine, e.scenario, e.problem, e.impl, e.mode,
                     e.measure);
}

std::string identity(const HistoryEntry& e) { return e.commit + "\n" + series_of(e); }

std::string commit_of(const RunResult& run) {
  const auto revision = fact(run.environment.facts, "git revision");
  const bool stated = revision != "unknown" && fact(run.environment.facts, "git state") == "clean";
  return stated ? revision : "";
}

std::vector<HistoryEntry> entries_of(const RunResult& run, const std::string& commit,
                                     const std::string& time) {
  std::vector<HistoryEntry> entries;
  const auto of = commit.empty() ? commit_of(run) : commit;
  for (const auto& result : run.cases) {
    if (!is_timed(result)) continue;
    HistoryEntry e = time_of(run, result);
    e.commit = of;
    e.time = time.empty() ? run.started : time;
    e.value = result.time->median, e.low = result.time->ci_low, e.high = result.time->ci_high;
    e.processes = process_medians(run, result);
    entries.push_back(e);
    if (const auto count = instructions_a_step(result)) {
      e.measure = "instructions a step", e.unit = "";
      e.value = e.low = e.high = *count;
      e.processes.clear();
      entries.push_back(e);
    }
  }
  return entries;
}

std::vector<Trend> trends(std::vector<HistoryEntry> entries, double least) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  std::map<std::string, std::size_t> places;
  std::vector<Trend> all;
  for (auto& entry : entries) {
    const auto [found, is_new] = places.try_emplace(series_of(entry), all.size());
    if (is_new) all.emplace_back();
    all[found->second].entries.push_back(std::move(entry));
  }
  for (auto& trend : all) {
    std::vector<double> values;
    for (const auto& entry : trend.entries) values.push_back(entry.value);
    if (std::all_of(values.begin(), values.end(), [](double v) { return v > 0; }))
      trend.changes = change_points(values, least);
  }
  return all;
}

namespace {

/// The commits that a new one is held against: those since the last change.
std::vector<HistoryEntry> since_last_change(const Trend& trend, const std::string& but,
                                            std::size_t last) {
  std::vector<HistoryEntry> recent;
  const std::size_t first = trend.changes.empty() ? 0 : trend.changes.back().at;
  for (std::size_t k = first; k < trend.entries.size(); ++k)
    if (trend.entries[k].commit != but) recent.push_back(trend.entries[k]);
  if (recent.size() > last) recent.erase(recent.begin(), recent.end() - std::ptrdiff_t(last));
  return recent;
}

double spread_of(const std::vector<HistoryEntry>& entries) {
  std::vector<double> values;
  for (const auto& entry : entries) values.push_back(entry.value);
  const double middle = median(values);
  double most = 0;
  for (const double value : values)
    most = std::max(most, std::max(value / middle, middle / value) - 1);
  return most;
}

/// What is counted is the same every time: the numbers alone decide.
void judge_exact(ComparedCase& one, double base, double fresh, double threshold) {
  one.base_s = one.new_s = std::nullopt;
  const double ratio = fresh / base;
  one.ratio = PairedRatio{ratio, ratio, ratio, 1};
  one.verdict = ratio > 1 + threshold         ? Verdict::slower
                : ratio < 1 / (1 + threshold) ? Verdict::faster
                                              : Verdict::same;
  one.why = fmt::format("{:.0f}, was {:.0f}", fresh, base);
}

}  // namespace

std::vector<ComparedCase> lost_cases(const std::vector<HistoryEntry>& store, const RunResult& run) {
  std::vector<ComparedCase> lost;
  for (const auto& result : run.cases) {
    if (is_timed(result)) continue;
    const auto series = series_of(time_of(run, result));
    if (std::none_of(store.begin(), store.end(),
                     [&](const auto& entry) { return series_of(entry) == series; }))
      continue;
    ComparedCase& one = lost.emplace_back();
    one.name = case_text(time_of(run, result));
    one.problem = id(result.problem), one.impl = result.impl;
    one.verdict = Verdict::broken;
    one.why = fmt::format("{}{}", name(result.outcome),
                          result.reason.empty() ? "" : ": " + result.reason);
  }
  return lost;
}

Comparison check_against(const std::vector<HistoryEntry>& store,
                         const std::vector<HistoryEntry>& fresh, std::size_t last,
                         const ComparisonOptions& options) {
  std::map<std::string, Trend> by_series;
  for (auto& trend : trends(store, options.threshold))
    by_series[series_of(trend.entries.front())] = std::move(trend);
  Comparison comparison;
  comparison.options = options;
  std::vector<std::size_t> tested;
  for (const auto& entry : fresh) {
    const auto name = case_text(entry);
    const auto found = by_series.find(series_of(entry));
    const auto recent = found == by_series.end()
                            ? std::vector<HistoryEntry>{}
                            : since_last_change(found->second, entry.commit, last);
    if (recent.empty()) {
      comparison.only_new.push_back(name);
      continue;
    }
    ComparedCase& one = comparison.cases.emplace_back();
    one.name = name, one.problem = entry.problem, one.impl = entry.impl;
    const double floor = std::max(options.noise_floor, spread_of(recent));
    comparison.options.noise_floors[name] = floor;
    one.gate = std::max(options.threshold, floor);
    if (entry.processes.empty()) {
      judge_exact(one, recent.back().value, entry.value, options.threshold);
      continue;
    }
    std::vector<double> before;
    for (const auto& past : recent)
      before.insert(before.end(), past.processes.begin(), past.processes.end());
    hold_against(one, before, entry.processes);
    tested.push_back(comparison.cases.size() - 1);
  }
  judge(comparison, tested);
  return comparison;
}

}  // namespace rnnbench
