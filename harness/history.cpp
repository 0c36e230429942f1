#include "harness/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/calibration.hpp"
#include "harness/machine.hpp"
#include "harness/timestamp.hpp"

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
  if (result.cache != "hot") e.mode += ", cache " + result.cache;  // another series
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

bool is_earlier(const HistoryEntry& a, const HistoryEntry& b) {
  const auto x = unix_seconds(a.time), y = unix_seconds(b.time);
  return x && y ? *x < *y : a.time < b.time;
}

namespace {

/// What is counted changes where a stored number differs from the one before it.
std::vector<ChangePoint> steps_of(const std::vector<double>& values, double least) {
  std::vector<ChangePoint> steps;
  for (std::size_t k = 1; k < values.size(); ++k) {
    const auto [low, high] = std::minmax(values[k - 1], values[k]);
    if (high > low * (1 + least))
      steps.push_back({.at = k, .before = values[k - 1], .after = values[k], .p = 0});
  }
  return steps;
}

}  // namespace

std::vector<Trend> trends(std::vector<HistoryEntry> entries, double least) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return is_earlier(a, b); });
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
    if (trend.entries.front().processes.empty())
      trend.changes = steps_of(values, least);
    else if (std::all_of(values.begin(), values.end(), [](double v) { return v > 0; }))
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

std::vector<double> values_of(const std::vector<HistoryEntry>& entries) {
  std::vector<double> values;
  for (const auto& entry : entries) values.push_back(entry.value);
  return values;
}

/// What is counted is the same every time: the numbers alone decide.
void judge_exact(ComparedCase& one, double base, double fresh, double threshold) {
  one.base_s = one.new_s = std::nullopt;
  if (base > 0 || fresh == base) {
    const double ratio = fresh == base ? 1 : fresh / base;
    one.ratio = PairedRatio{ratio, ratio, ratio, 1};
  }
  one.verdict = fresh > base * (1 + threshold)   ? Verdict::slower
                : base > fresh * (1 + threshold) ? Verdict::faster
                                                 : Verdict::same;
  one.why = fmt::format("{:.0f}, was {:.0f}", fresh, base);
}

}  // namespace

double prediction_gate(const std::vector<double>& values) {
  // Of 5, 6, … 10 values, by simulation (tests/history_test.cpp); for more, that of 10.
  constexpr double factors[] = {6.94, 4.80, 3.70, 4.69, 3.90, 3.39};
  const double middle = std::log(median(values));
  std::vector<double> off;
  for (const double value : values) off.push_back(std::abs(std::log(value) - middle));
  std::sort(off.begin(), off.end());
  const double wide = off[(3 * off.size() + 3) / 4 - 1];
  const std::size_t more = std::min(off.size() - fewest_commits, std::size(factors) - 1);
  return std::exp(factors[more] * wide) - 1;
}

Lost lost_cases(const std::vector<HistoryEntry>& store, const RunResult& run) {
  std::map<std::string, const HistoryEntry*> latest;  // by machine and scenario
  const auto place = [](const HistoryEntry& e) { return e.machine + "\n" + e.scenario; };
  for (const auto& entry : store) {
    if (entry.measure != "time") continue;
    const auto [found, is_new] = latest.try_emplace(place(entry), &entry);
    if (!is_new && !is_earlier(entry, *found->second)) found->second = &entry;
  }
  const auto was_timed = [&](const HistoryEntry& e) {
    const auto found = latest.find(place(e));
    return found != latest.end() && e.measure == "time" && e.commit == found->second->commit;
  };
  std::map<std::string, const HistoryEntry*> expected;  // by series
  for (const auto& entry : store)
    if (was_timed(entry)) expected[series_of(entry)] = &entry;

  Lost lost;
  std::set<std::string> measured;  // machine and scenario
  for (const auto& result : run.cases) {
    const auto series = time_of(run, result);
    measured.insert(place(series));
    const bool was = expected.erase(series_of(series)) > 0;
    if (is_timed(result) || !was) continue;
    ComparedCase& one = lost.broken.emplace_back();
    one.name = case_text(series);
    one.problem = id(result.problem), one.impl = result.impl;
    one.verdict = Verdict::broken;
    one.why = fmt::format("{}{}", name(result.outcome),
                          result.reason.empty() ? "" : ": " + result.reason);
  }
  for (const auto& [series, entry] : expected)
    if (measured.contains(place(*entry))) lost.missing.push_back(case_text(*entry));
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
  comparison.kind = ComparisonKind::commits;
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
    if (entry.processes.empty()) {
      one.gate = options.threshold;
      judge_exact(one, recent.back().value, entry.value, options.threshold);
      continue;
    }
    std::vector<double> before;
    for (const auto& past : recent)
      before.insert(before.end(), past.processes.begin(), past.processes.end());
    hold_against(one, before, entry.processes);
    const bool enough = recent.size() >= fewest_commits;
    const double floor =
        std::max(options.noise_floor, enough ? prediction_gate(values_of(recent)) : 0.0);
    comparison.options.noise_floors[name] = floor;
    one.gate = std::max(options.threshold, floor);
    if (enough || options.noise_floor > 0) {
      tested.push_back(comparison.cases.size() - 1);
      continue;
    }
    one.verdict = Verdict::too_noisy;
    one.why = fmt::format(
        "{} commit{} since the last change, {} needed to know how far runs differ here; until then "
        "--noise-floor says it",
        recent.size(), recent.size() == 1 ? "" : "s", fewest_commits);
  }
  judge(comparison, tested);
  return comparison;
}

}  // namespace rnnbench
