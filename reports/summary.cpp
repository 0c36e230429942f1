#include "reports/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "reports/text.hpp"

namespace rnnbench {
namespace {

bool shows_time(const CaseResult& c) {
  return c.time && (c.outcome == Outcome::passed || c.outcome == Outcome::mistrusted ||
                    c.outcome == Outcome::unverified);
}

std::string label_of(const CaseResult& c) {
  const auto device = clean(short_device(c.device));
  const bool first = device.find(':') == std::string::npos;
  return clean(c.impl) + (c.mode == "eager" ? "" : " (" + clean(c.mode) + ")") +
         (first ? "" : " on " + device);
}

/// Less is more accurate; f16 and tf32 products keep as many bits, but f16 stores fewer values.
int coarseness(Dtype dtype) {
  return dtype == Dtype::f32 ? 0 : dtype == Dtype::tf32 ? 1 : dtype == Dtype::f16 ? 2 : 3;
}

bool same_but_dtype(const CaseResult& c, const Section& s) {
  if (c.scenario != s.scenario) return false;
  Problem p = c.problem;
  p.dtype = s.problem.dtype;
  return p == s.problem;
}

void choose_baseline(Section& s, const RunResult& run, Outcome wanted) {
  const CaseResult* peer = nullptr;
  for (const CaseResult& c : run.cases) {
    if (!c.peer || c.outcome != wanted || !c.time || !same_but_dtype(c, s)) continue;
    if (coarseness(c.problem.dtype) > coarseness(s.problem.dtype)) continue;
    if (!peer || c.time->median < peer->time->median) peer = &c;
  }
  const CaseResult* slowest = nullptr;
  for (const Row& row : s.rows) {
    const CaseResult& c = *row.result;
    if (c.outcome != wanted || !c.time) continue;
    if (!slowest || c.time->median > slowest->time->median) slowest = &c;
  }
  const CaseResult* chosen = peer ? peer : slowest;
  if (!chosen) return;
  s.baseline = label_of(*chosen);
  if (chosen->problem.dtype != s.problem.dtype)
    s.baseline += fmt::format(" in {}", name(chosen->problem.dtype));
  s.baseline_rule = peer ? "the fastest peer" : "the slowest; no peer was timed";
  s.baseline_s = chosen->time->median;
}

void fill_numbers(Section& s) {
  for (Row& row : s.rows) {
    const CaseResult& c = *row.result;
    if (!shows_time(c) || c.time->median <= 0) continue;
    row.median_s = c.time->median;
    row.flops_per_s = flops(c.problem) / *row.median_s;
    if (s.baseline_s > 0) row.speedup = s.baseline_s / *row.median_s;
    if (c.floor.seconds > 0) row.floor_share = c.floor.seconds / *row.median_s;
  }
}

void choose_best_cudnn(Section& s) {
  constexpr std::string_view prefix = "cuda:cudnn-";
  const Row* best = nullptr;
  for (const Row& row : s.rows)
    if (row.result->impl.starts_with(prefix) && row.result->outcome == Outcome::passed &&
        row.median_s && (!best || *row.median_s < *best->median_s))
      best = &row;
  if (!best) return;
  s.best_cudnn = *best;
  s.best_cudnn->label = "best cuDNN: " + best->label.substr(prefix.size());
  s.best_cudnn->fastest = false;  // the row itself is marked
}

const Row* fastest_row(const Section& s) {
  const auto found =
      std::find_if(s.rows.begin(), s.rows.end(), [](const Row& r) { return r.fastest; });
  return found == s.rows.end() ? nullptr : &*found;
}

std::string praise(const Section& s, const Row& best) {
  const Row* next = nullptr;
  for (const Row& row : s.rows)
    if (&row != &best && row.result->outcome == Outcome::passed && row.median_s)
      if (!next || *row.median_s < *next->median_s) next = &row;
  std::string text = fmt::format("{} is fastest: {}", best.label, format_seconds(*best.median_s));
  if (best.floor_share)
    text += fmt::format(", {} of the floor's speed", format_percent(*best.floor_share));
  if (next)
    text += fmt::format("; {} as fast as {}", format_ratio(*next->median_s / *best.median_s),
                        next->label);
  if (next && s.baseline != best.label && s.baseline != next->label)
    text += fmt::format(" and {} as fast as {}", format_ratio(*best.speedup), s.baseline);
  if (next && next->result->time->ci_low <= best.result->time->ci_high)
    text += " (their intervals overlap, so the order may be chance)";
  return text + ".";
}

std::string no_winner(const std::vector<Section>& all) {
  for (const Section& s : all)
    for (const Row& row : s.rows)
      if (row.median_s) return "Nothing that was timed has passed.";
  return "Nothing was timed.";
}

std::string tally(const RunResult& run) {
  std::map<Outcome, int> counts;
  for (const CaseResult& c : run.cases) ++counts[c.outcome];
  std::string text = fmt::format("{} of {} case{} passed", counts[Outcome::passed],
                                 run.cases.size(), run.cases.size() == 1 ? "" : "s");
  for (const auto& [outcome, count] : counts)
    if (outcome != Outcome::passed && count > 0)
      text += fmt::format(", {} {}", count, name(outcome));
  return text + (run.interrupted ? "; the run was interrupted." : ".");
}

}  // namespace

std::vector<Section> sections(const RunResult& run) {
  std::vector<Section> all;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (std::size_t k = 0; k < run.cases.size(); ++k) {
    const CaseResult& c = run.cases[k];
    const auto [place, is_new] = places.try_emplace({c.scenario, id(c.problem)}, all.size());
    if (is_new) {
      all.emplace_back();
      all.back().scenario = c.scenario;
      all.back().problem = c.problem;
      all.back().problem_id = place->first.second;
    }
    Row& row = all[place->second].rows.emplace_back();
    row.result = &c;
    row.index = k;
    row.label = label_of(c);
  }
  for (Section& s : all) {
    choose_baseline(s, run, Outcome::passed);
    if (s.baseline.empty()) choose_baseline(s, run, Outcome::unverified);
    fill_numbers(s);
    const auto best = fastest(run, s.scenario, s.problem_id);
    for (Row& row : s.rows) row.fastest = best && row.index == *best && row.median_s;
    choose_best_cudnn(s);
  }
  return all;
}

RowText text_of(const Row& row) {
  const auto number = [](const std::optional<double>& value, auto format) {
    return value ? format(*value) : std::string("-");
  };
  RowText text;
  text.label = row.label;
  text.median = number(row.median_s, format_seconds);
  text.interval =
      row.median_s ? format_interval(row.result->time->ci_low, row.result->time->ci_high) : "-";
  text.speedup = number(row.speedup, format_ratio);
  text.gflops = number(row.flops_per_s, [](double v) {
    return v < 1e12 ? fmt::format("{:.4g}", v / 1e9) : fmt::format("{:.0f}", v / 1e9);
  });
  text.floor_share = number(row.floor_share, format_percent);
  text.outcome = name(row.result->outcome);
  return text;
}

namespace {

/// "tuned: 64x16 (+12.3 % over the default, 2026-01-31)"; "" where there is nothing to choose.
std::string config_line(const CaseResult& c) {
  const std::string config = clean(c.config), note = clean(c.config_note);
  const std::string in_brackets = note.empty() ? "" : fmt::format(" ({})", note);
  switch (c.config_source) {
    case ConfigSource::tuned:
      return "tuned: " + config + in_brackets;
    case ConfigSource::asked:
      return "config as asked: " + config + in_brackets;
    case ConfigSource::model:
      return "model default" + (config.empty() ? "" : ": " + config) + in_brackets;
    default:
      return "";
  }
}

}  // namespace

std::vector<std::string> metric_lines(const Row& row) {
  if (!row.fastest || !row.result->profile) return {};
  const Metrics& region = row.result->profile->region;
  std::string line;
  const auto add = [&](const char* metric, const auto& words) {
    const auto found = region.find(metric);
    if (found == region.end() || !found->second.value) return;
    line += (line.empty() ? "counters of one call: " : ", ") + words(*found->second.value);
  };
  const auto share = [](const char* what) {
    return [what](double percent) { return fmt::format("{} {:.3g} %", what, percent); };
  };
  const auto amount = [](const char* what, const char* unit) {
    return [what, unit](double value) {
      return fmt::format("{} {}", format_amount(value, unit), what);
    };
  };
  add("sm__throughput.avg.pct_of_peak_sustained_elapsed", share("SM throughput"));
  add("sm__warps_active.avg.pct_of_peak_sustained_active", share("warps active"));
  add("dram__throughput.avg.pct_of_peak_sustained_elapsed", share("DRAM throughput"));
  add("dram__bytes_read.sum", amount("read", "B"));
  add("lts__t_sector_hit_rate.pct", [](double percent) {  // two passes: over 100 is possible
    return percent > 103   ? std::string("L2 hits unknown (hits and look-ups do not agree)")
           : percent > 100 ? std::string("L2 hits about 100 %")
                           : fmt::format("L2 hits {:.3g} %", percent);
  });
  add("rnnbench__kernel_launches",
      [](double count) { return fmt::format("{:.0f} kernel launches", count); });
  add("instructions", amount("instructions", ""));
  add("callgrind", amount("instructions (callgrind)", ""));
  add("instructions-per-cycle",
      [](double value) { return fmt::format("{:.3g} instructions per cycle", value); });
  add("cache-misses", amount("cache misses", ""));
  add("task-clock",
      [](double value) { return format_seconds(1e-9 * value) + " of core time in it"; });
  std::vector<std::string> lines;
  if (!line.empty()) lines.push_back(line);
  constexpr std::size_t most_findings = 2;
  const auto& findings = row.result->findings;
  for (std::size_t k = 0; k < std::min(most_findings, findings.size()); ++k)
    lines.push_back("finding: " + clean(findings[k].sentence));
  if (findings.size() > most_findings)
    lines.push_back(
        fmt::format("{} more findings in metrics.json", findings.size() - most_findings));
  return lines;
}

namespace {

/// What --metrics or a scenario names; a level's metrics are not.
std::set<std::string> named_metrics(const RunResult& run) {
  std::set<std::string> names;
  for (const PlanProtocol& plan : run.protocols) {
    const auto choice = parse_metrics_choice(plan.protocol.metrics);
    names.insert(choice.names.begin(), choice.names.end());
  }
  return names;
}

std::set<std::string> counted_metrics(const RunResult& run) {
  std::set<std::string> names;
  const auto add = [&](const Metrics& metrics) {
    for (const auto& [name, metric] : metrics)
      if (metric.value) names.insert(name);
  };
  for (const CaseResult& result : run.cases) {
    if (!result.profile) continue;
    add(result.profile->region);
    for (const auto& kernel : result.profile->kernels) add(kernel.metrics);
  }
  return names;
}

/// What is known without a profiler or a permission: its values do not say that counters were read.
bool always_known(const std::string& name) {
  return name == "context-switches" || from_records(name);
}

/// The kernels' reason where they have one: the region's may only send the reader to them.
std::string why_missing(const Profile& profile, const std::string& name) {
  for (const auto& kernel : profile.kernels)
    if (const auto found = kernel.metrics.find(name);
        found != kernel.metrics.end() && !found->second.why.empty())
      return found->second.why;
  return profile.region.at(name).why;
}

/// Of the implementation that is fastest most often: by how much, and how far from the floor.
std::string by_how_much(const std::vector<Section>& all, const std::string& label) {
  double logs = 0;
  int compared = 0;
  std::vector<double> shares;
  for (const Section& s : all) {
    const Row* best = fastest_row(s);
    if (!best || best->label != label) continue;
    if (best->speedup && s.baseline != label) logs += std::log(*best->speedup), ++compared;
    if (best->floor_share) shares.push_back(*best->floor_share);
  }
  std::string text;
  if (compared > 0)
    text += fmt::format("{} as fast as their baselines in the geometric mean",
                        format_ratio(std::exp(logs / compared)));
  if (!shares.empty())
    text += fmt::format("{}{} of the floor's speed in the median", text.empty() ? "" : ", ",
                        format_percent(median(shares)));
  return text.empty() ? "" : fmt::format(" {} there: {}.", label, text);
}

}  // namespace

std::vector<std::string> counters_notes(const RunResult& run) {
  const auto named = named_metrics(run), counted = counted_metrics(run);
  const bool nothing = std::all_of(counted.begin(), counted.end(), [&](const auto& name) {
    return always_known(name) && !named.contains(name);
  });
  std::vector<std::pair<std::string, std::vector<std::string>>> missing;  // reason, names
  // The first reason of a metric on a device stands for all cases: it may have a case's numbers.
  std::set<std::pair<std::string, std::string>> seen;
  for (const CaseResult& result : run.cases) {
    if (!result.profile) continue;
    for (const auto& entry : result.profile->region) {
      const std::string& name = entry.first;
      const bool by_name = named.contains(name);
      if (counted.contains(name) || !(by_name || nothing)) continue;
      if (!seen.emplace(result.device, name).second) continue;
      const auto why = why_missing(*result.profile, name);
      auto found = std::find_if(missing.begin(), missing.end(),
                                [&](const auto& one) { return one.first == why; });
      if (found == missing.end()) found = missing.insert(found, {why, {}});
      auto& names = found->second;
      if (by_name && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  }
  std::vector<std::string> lines;
  for (const auto& [why, names] : missing)
    lines.push_back(fmt::format("{}{}{}: {}.", nothing ? "No counters" : "warning: no value",
                                names.empty() ? "" : " for ", fmt::join(names, ", "), why));
  return lines;
}

std::vector<std::string> remarks(const CaseResult& c) {
  std::vector<std::string> lines;
  if (const auto config = config_line(c); !config.empty()) lines.push_back(config);
  if (c.outcome != Outcome::passed) {
    std::string why = clean(c.reason.empty() ? c.verification.why : c.reason);
    if (c.projected_s) {
      const auto projection =
          fmt::format("projected {}, not measured", format_seconds(*c.projected_s));
      why = why.empty() ? projection : projection + ": " + why;
    }
    if (!why.empty()) lines.push_back(why);
  }
  if (is_wrong(c.outcome) && !c.reproduce.empty()) lines.push_back("again: " + clean(c.reproduce));
  for (const std::string& warning : c.warnings) lines.push_back("warning: " + clean(warning));
  return lines;
}

std::string work_line(const Problem& p) {
  return fmt::format("{}, {}", format_amount(flops(p), "FLOP"),
                     format_amount(compulsory_bytes(p), "B"));
}

std::string floor_line(const Section& s) {
  std::string text;
  std::vector<std::string> seen;
  for (const Row& row : s.rows) {
    const std::string device = clean(short_device(row.result->device));
    const Floor& f = row.result->floor;
    if (f.seconds <= 0 || std::find(seen.begin(), seen.end(), device) != seen.end()) continue;
    seen.push_back(device);
    text += fmt::format(
        "{} {} {} ({}{})", text.empty() ? "floor:" : ",", device, format_seconds(f.seconds),
        clean(f.bound),
        f.bound == "latency" ? fmt::format(", {} unit{}", f.units, f.units == 1 ? "" : "s") : "");
  }
  return text.empty() ? "floor: unknown, no peaks were measured for this dtype" : text;
}

std::string conditions_line(const Section& s) {
  std::vector<std::pair<std::string, int>> seen;  // cache mode, most rounds
  for (const Row& row : s.rows) {
    const auto& samples = row.result->samples;
    if (!row.median_s || samples.empty()) continue;
    const auto same = [&](const auto& one) { return one.first == row.result->cache; };
    auto found = std::find_if(seen.begin(), seen.end(), same);
    if (found == seen.end()) found = seen.insert(found, {row.result->cache, 0});
    found->second = std::max(found->second, samples.back().round + 1);
  }
  std::string text;
  for (const auto& [cache, rounds] : seen)
    text += fmt::format("{}cache {}, {} round{}", text.empty() ? "" : "; ", clean(cache), rounds,
                        rounds == 1 ? "" : "s");
  return text.empty() ? "not timed" : text;
}

std::string baseline_line(const Section& s) {
  if (s.baseline.empty()) return "speed-up: nothing to compare with";
  return fmt::format("speed-up over {} ({})", s.baseline, s.baseline_rule);
}

std::string conclusion(const RunResult& run, const std::vector<Section>& all) {
  if (all.size() == 1) {
    const Row* best = fastest_row(all.front());
    return (best ? praise(all.front(), *best) : no_winner(all)) + " " + tally(run);
  }
  std::map<std::string, int> wins;
  for (const Section& s : all)
    if (const Row* best = fastest_row(s)) ++wins[best->label];
  std::vector<std::pair<std::string, int>> order(wins.begin(), wins.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [label, count] : order)
    text += text.empty()
                ? fmt::format("{} is fastest on {} of {} problems", label, count, all.size())
                : fmt::format(", {} on {}", label, count);
  if (text.empty()) return no_winner(all) + " " + tally(run);
  return text + "." + by_how_much(all, order.front().first) + " " + tally(run);
}

}  // namespace rnnbench
