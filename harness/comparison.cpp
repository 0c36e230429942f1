#include "harness/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "harness/calibration.hpp"
#include "harness/code_identity.hpp"
#include "harness/error.hpp"
#include "harness/machine.hpp"

namespace rnnbench {
namespace {

constexpr double clocks_alike = 0.03;

using Cases = std::map<std::string, const CaseResult*>;

Cases by_name(const RunResult& run) {
  Cases cases;
  for (const auto& result : run.cases) cases[case_name(result)] = &result;
  return cases;
}

const Protocol* protocol_of(const RunResult& run, const CaseResult& result) {
  for (const auto& plan : run.protocols)
    if (plan.scenario == result.scenario && plan.device == result.device) return &plan.protocol;
  return nullptr;
}

/// Median of each process by its round; of all samples where one process made them all.
std::map<int, double> medians_by_round(const RunResult& run, const CaseResult& result) {
  const auto* protocol = protocol_of(run, result);
  const bool fresh = protocol && protocol->fresh_workers;
  std::map<int, std::vector<double>> seconds;
  for (const auto& sample : result.samples)
    seconds[fresh ? sample.round : 0].push_back(sample.seconds);
  std::map<int, double> medians;
  for (auto& [round, values] : seconds) medians[round] = median(std::move(values));
  return medians;
}

std::vector<double> values(const std::map<int, double>& by_round) {
  std::vector<double> all;
  for (const auto& [round, value] : by_round) all.push_back(value);
  return all;
}

bool timed(const CaseResult& result) {
  return (result.outcome == Outcome::passed || result.outcome == Outcome::unverified) &&
         !result.samples.empty();
}

/// Says itself that something is wrong; not one that does not run here.
bool went_wrong(const CaseResult& result) {
  return result.outcome == Outcome::incorrect || result.outcome == Outcome::failed ||
         result.outcome == Outcome::crashed || result.outcome == Outcome::timed_out;
}

std::string fact(const Facts& facts, std::string_view label) {
  for (const auto& [key, value] : facts)
    if (key == label) return value;
  return {};
}

/// Of "1980 of 1980 MHz".
double sm_clock(const CaseResult& result) {
  return std::strtod(fact(result.device_state, "SM clock").c_str(), nullptr);
}

Facts kind_of(const RunResult& run, const CaseResult& result) {
  std::vector<DeviceInfo> devices;
  for (const auto& device : run.environment.devices)
    if (device_key(device) == result.device) devices.push_back(device);
  return machine_of(run.environment.facts, {}, devices).kind;
}

/// Why two cases of one name cannot be held against each other; "" where they can.
std::string obstacle(const RunResult& base, const CaseResult& a, const RunResult& fresh,
                     const CaseResult& b, const ComparisonOptions& options) {
  if (const auto text = difference(kind_of(base, a), kind_of(fresh, b), "in BASE", "in NEW");
      !text.empty())
    return "another kind of machine: " + text;
  if (!options.other_machine && a.machine != b.machine)
    return fmt::format("another machine: {} in BASE, {} in NEW (--other-machine compares them)",
                       a.machine.empty() ? "unknown" : a.machine,
                       b.machine.empty() ? "unknown" : b.machine);
  if (a.cache != b.cache) return fmt::format("cache {} in BASE, {} in NEW", a.cache, b.cache);
  const auto *p = protocol_of(base, a), *q = protocol_of(fresh, b);
  if (!p || !q) return "a run does not say how it was measured";
  if (p->fresh_workers != q->fresh_workers)
    return "only one of the two was measured with --fresh-workers";
  if (p->warmup != q->warmup)
    return fmt::format("--warmup {} in BASE, {} in NEW", p->warmup, q->warmup);
  if (p->seed != q->seed) return fmt::format("--seed {} in BASE, {} in NEW", p->seed, q->seed);
  const double x = sm_clock(a), y = sm_clock(b);
  if (x > 0 && y > 0 && std::abs(x - y) > clocks_alike * std::max(x, y))
    return fmt::format("SM clock {:g} MHz in BASE, {:g} in NEW", x, y);
  return {};
}

/// Executables, modules and libraries are known and alike in both.
bool same_code(const RunResult& base, const RunResult& fresh) {
  Facts code[2];
  for (int side = 0; side < 2; ++side)
    for (const auto& one : (side == 0 ? base : fresh).environment.facts)
      if (tells_code(one.first)) code[side].push_back(one);
  const bool known = std::none_of(code[0].begin(), code[0].end(), [](const auto& one) {
    return one.second.ends_with(unknown_code);
  });
  return known && !code[0].empty() && code[0] == code[1];
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

/// Why a case that may well have changed got no verdict, or that its interval is wide.
std::string noise_text(const ComparedCase& one, const ComparisonOptions& options,
                       std::size_t family) {
  const auto& r = *one.ratio;
  const double off = std::max(r.ratio, 1 / r.ratio) - 1;
  const bool apart = (r.low > 1 || r.high < 1) && off > options.threshold;
  if (apart && off > one.gate && one.false_discoveries > false_discovery_rate)
    return fmt::format("q is {:.2g}: among {} cases, {} processes a side tell one alone",
                       one.false_discoveries, family,
                       std::max(fewest_a_side(family, false_discovery_rate), fewest_processes));
  if (apart || one.gate > options.threshold)
    return fmt::format("the machine's noise floor is {}", percent(one.gate));
  return fmt::format("the interval reaches beyond {}", percent(options.threshold));
}

/// A verdict from the numbers; `false_discoveries` is there already, of `family` cases.
void judge(ComparedCase& one, const ComparisonOptions& options, std::size_t family) {
  const std::size_t fewest = std::min(one.base_count, one.new_count);
  const auto& r = *one.ratio;
  const double off = std::max(r.ratio, 1 / r.ratio) - 1;
  if (fewest < fewest_processes) {
    one.verdict = Verdict::too_noisy;
    one.why = fmt::format(
        "{} process{} a side, {} needed: rnnbench --fresh-workers, or compare "
        "--interleave",
        fewest, fewest == 1 ? "" : "es", fewest_processes);
    return;
  }
  const bool differs = one.false_discoveries <= false_discovery_rate && (r.low > 1 || r.high < 1);
  if (differs && off > one.gate) {
    one.verdict = r.ratio > 1 ? Verdict::slower : Verdict::faster;
  } else if (r.low > 1 / (1 + options.threshold) && r.high < 1 + options.threshold &&
             one.gate <= options.threshold) {
    one.verdict = Verdict::same;
  } else {
    one.verdict = Verdict::too_noisy;
    one.why = noise_text(one, options, family);
  }
}

/// Medians, ratio and test of two cases that can be compared.
void measure(ComparedCase& one, const std::map<int, double>& base,
             const std::map<int, double>& fresh, bool paired) {
  hold_against(one, values(base), values(fresh));
  std::vector<double> before, after;  // of the rounds that both have
  for (const auto& [round, seconds] : base)
    if (const auto found = fresh.find(round); paired && found != fresh.end()) {
      before.push_back(seconds);
      after.push_back(found->second);
    }
  if (!before.empty()) one.ratio = paired_ratio(after, before);
}

std::string label(const CaseResult& result) {
  return result.impl + (result.mode == "eager" ? "" : fmt::format(" ({})", result.mode));
}

std::string outcome_text(const CaseResult& result) {
  return fmt::format("{}{}", name(result.outcome),
                     result.reason.empty() ? "" : ": " + result.reason);
}

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::slower:
      return "slower";
    case Verdict::faster:
      return "faster";
    case Verdict::same:
      return "same";
    case Verdict::too_noisy:
      return "too noisy";
    case Verdict::same_code:
      return "same code";
    case Verdict::broken:
      return "broken";
    case Verdict::mended:
      return "mended";
    case Verdict::not_comparable:
      return "not comparable";
  }
  throw Error("a verdict without a name");
}

bool is_regression(Verdict verdict) {
  return verdict == Verdict::slower || verdict == Verdict::broken;
}

bool is_decided(Verdict verdict) {
  return verdict != Verdict::too_noisy && verdict != Verdict::not_comparable;
}

bool has_regression(const Comparison& comparison) {
  const bool nothing = comparison.cases.empty() && (comparison.kind != ComparisonKind::commits ||
                                                    !comparison.only_base.empty());
  return nothing || std::any_of(comparison.cases.begin(), comparison.cases.end(),
                                [](const auto& one) { return is_regression(one.verdict); });
}

bool is_undecided(const Comparison& comparison) {
  return !comparison.only_base.empty() ||
         std::any_of(comparison.cases.begin(), comparison.cases.end(),
                     [](const auto& one) { return !is_decided(one.verdict); });
}

std::vector<double> process_medians(const RunResult& run, const CaseResult& result) {
  return values(medians_by_round(run, result));
}

void hold_against(ComparedCase& one, const std::vector<double>& base,
                  const std::vector<double>& fresh) {
  one.base_s = median(base), one.new_s = median(fresh);
  one.base_count = base.size(), one.new_count = fresh.size();
  one.test = mann_whitney(fresh, base);
  one.ratio = ratio_of_medians(fresh, base);
}

void judge(Comparison& comparison, const std::vector<std::size_t>& tested) {
  std::vector<double> p;
  for (const auto k : tested) p.push_back(comparison.cases[k].test->p);
  const auto rates = false_discovery_rates(p);
  for (std::size_t k = 0; k < tested.size(); ++k) {
    auto& one = comparison.cases[tested[k]];
    one.false_discoveries = rates[k];
    judge(one, comparison.options, tested.size());
  }
}

Comparison compare_runs(const RunResult& base, const RunResult& fresh,
                        const ComparisonOptions& options) {
  Comparison comparison;
  comparison.options = options;
  const auto turns = fact(base.environment.facts, by_turns_fact);
  const bool paired = !turns.empty() && turns == fact(fresh.environment.facts, by_turns_fact);
  if (paired) comparison.kind = ComparisonKind::by_turns;
  const auto theirs = by_name(fresh);
  const bool equal_code = options.equal_code_rule && same_code(base, fresh);
  std::vector<std::size_t> tested;
  std::set<std::string> seen;
  for (const auto& a : base.cases) {
    const auto key = case_name(a);
    seen.insert(key);
    const auto found = theirs.find(key);
    if (found == theirs.end()) {
      comparison.only_base.push_back(key);
      continue;
    }
    const CaseResult& b = *found->second;
    const bool newly_wrong = !timed(a) && !went_wrong(a) && went_wrong(b);
    if (!timed(a) && !timed(b) && !newly_wrong) {
      comparison.no_time.push_back(fmt::format("{} ({})", key, name(b.outcome)));
      continue;
    }
    ComparedCase& one = comparison.cases.emplace_back();
    one.name = key, one.problem = id(a.problem), one.impl = label(a);
    if (!timed(a) || !timed(b)) {
      one.verdict = timed(b) ? Verdict::mended : Verdict::broken;
      one.why = fmt::format("{} in {}", outcome_text(timed(b) ? a : b), timed(b) ? "BASE" : "NEW");
      continue;
    }
    const auto floor = options.noise_floors.find(key);
    one.gate = std::max(options.threshold,
                        floor == options.noise_floors.end() ? options.noise_floor : floor->second);
    measure(one, medians_by_round(base, a), medians_by_round(fresh, b), paired);
    one.why = obstacle(base, a, fresh, b, options);
    if (!one.why.empty()) continue;
    if (equal_code && a.config == b.config && a.note == b.note) {
      one.verdict = Verdict::same_code;
      continue;
    }
    tested.push_back(comparison.cases.size() - 1);
  }
  for (const auto& b : fresh.cases)
    if (!seen.contains(case_name(b))) comparison.only_new.push_back(case_name(b));

  judge(comparison, tested);
  for (const auto& [key, value] : base.environment.facts)
    if (const auto other = fact(fresh.environment.facts, key);
        other != value && key != "load average")
      comparison.differences.push_back(
          fmt::format("{}: {}, {}", key, value, other.empty() ? "none" : other));
  return comparison;
}

std::map<std::string, double> noise_floors(const std::vector<RunResult>& runs) {
  if (runs.size() < 2) throw UsageError("--noise-floor: two runs of the same code are needed");
  const auto first = by_name(runs[0]);
  std::map<std::string, std::vector<double>> medians;
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const std::string which = fmt::format("--noise-floor: runs 1 and {}: ", k + 1);
    if (k > 0 && !same_code(runs[0], runs[k]))
      throw UsageError(which + "not known to be of the same code: name runs of one build");
    for (const auto& result : runs[k].cases) {
      if (!timed(result)) continue;
      if (const auto found = first.find(case_name(result)); found != first.end())
        if (const auto why = obstacle(runs[0], *found->second, runs[k], result, {}); !why.empty())
          throw UsageError(which + why);
      medians[case_name(result)].push_back(median(process_medians(runs[k], result)));
    }
  }
  std::map<std::string, double> floors;
  for (const auto& [key, all] : medians) {
    if (all.size() < 2) continue;
    const auto [least, most] = std::minmax_element(all.begin(), all.end());
    floors[key] = *most / *least - 1;
  }
  if (floors.empty()) throw UsageError("--noise-floor: no case was timed in two of these runs");
  return floors;
}

}  // namespace rnnbench
