#include "harness/tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/calibration.hpp"
#include "harness/environment.hpp"

namespace rnnbench {
namespace {

/// The default again: three copies, as many as there can be other candidates.
std::vector<Candidate> copies_of(const Candidate& baseline) {
  std::vector<Candidate> all(most_candidates, {baseline.config, "the default again (--aa)"});
  all.front() = baseline;
  return all;
}

/// Verified and measured against each other, each in a worker of its own that this call starts.
std::vector<CaseResult> measured(const RunPlan& plan, const PlannedCase& planned, Catalog& catalog,
                                 Rounds& rounds, const std::vector<Candidate>& candidates,
                                 std::uint64_t seed) {
  RunPlan all = plan;
  all.order_seed = seed;
  all.protocol.verify = all.protocol.measure = true;
  all.protocol.metrics = "none";
  all.protocol.rtol.reset(), all.protocol.atol.reset();  // what is kept must pass any run's check
  all.profile = false;
  all.save_tensors.clear();
  std::vector<PlannedCase> cases;
  for (const auto& candidate : candidates) {
    auto& one = cases.emplace_back(planned);
    one.config = candidate.config;
    one.config_source = ConfigSource::candidate;
    one.copy = static_cast<int>(cases.size());
  }
  std::vector<CaseResult> results;
  RunEvents events;
  events.progress = [](const auto&, auto, auto) {};
  events.already_done = [](const auto&) { return false; };
  events.finished = [&](const CaseResult& result, bool) { results.push_back(result); };
  run_cases(all, cases, catalog, rounds, events);
  return results;
}

std::map<int, std::vector<double>> by_round(const CaseResult& result) {
  std::map<int, std::vector<double>> rounds;
  for (const auto& sample : result.samples) rounds[sample.round].push_back(sample.seconds);
  return rounds;
}

std::string percent_faster(const PairedRatio& ratio) {
  return fmt::format("{:+.1f} %", 100 * gain_of(ratio));
}

std::string interval(const PairedRatio& ratio) {
  return fmt::format("{:.3f} ({:.3f} - {:.3f})", ratio.ratio, ratio.low, ratio.high);
}

std::string verdict_on(const TuneRow& row) {
  if (row.result.outcome != Outcome::passed) return std::string(name(row.result.outcome));
  if (!row.ratio) return "nothing to compare with";
  if (gains_enough(*row.ratio)) return "faster";
  if (row.ratio->ratio < worth_a_change) return "faster, but within the noise";
  return "gains less than 2 %";
}

class Tuner {
 public:
  Tuner(const RunPlan& plan, const PlannedCase& planned, Catalog& catalog, Rounds& rounds,
        const TuneOptions& options, const std::function<void(const std::string&)>& say)
      : plan_(plan),
        planned_(planned),
        catalog_(catalog),
        rounds_(rounds),
        options_(options),
        say_(say) {
    const Scenario& scenario = plan.scenarios[planned.scenario];
    const Offer& offer = catalog.offers()[planned.offer];
    t_.name = name_of(planned, plan, catalog);
    t_.key = tune_key(plan, planned, catalog);
    t_.origin = catalog.providers()[offer.provider].origin;
    t_.subject.scenario = scenario.name;
    t_.subject.problem = scenario.problems[planned.problem];
    t_.subject.device = device_key(plan.device);
    t_.subject.impl = offer.info.name;
    t_.subject.peer = offer.info.peer;
    t_.subject.mode = t_.key.mode;
    t_.subject.cache = t_.key.cache;
  }

  Tuning run(CodeHashes& hashes) {
    t_.code = hashes.of(t_.origin);
    std::vector<Candidate> candidates;
    try {
      candidates = catalog_.candidates(planned_.offer, t_.subject.problem, plan_.device.index,
                                       plan_.options);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      t_.subject.outcome = Outcome::failed;
      t_.subject.reason = t_.remark = error.what();
      return t_;
    }
    if (options_.a_a) candidates = copies_of(candidates.front());
    say_(fmt::format("tuning {}: {} candidates", t_.name, candidates.size()));
    const auto results = measured(plan_, planned_, catalog_, rounds_, candidates, options_.seed);
    for (std::size_t k = 0; k < results.size(); ++k) {
      auto& row = t_.rows.emplace_back(TuneRow{candidates[k], results[k], std::nullopt, ""});
      if (k > 0) row.ratio = compare(results[k], results.front());
      row.verdict = k > 0 ? verdict_on(row) : "the default";
    }
    judge();
    return t_;
  }

 private:
  void judge() {
    TuneRow& baseline = t_.rows.front();
    if (baseline.result.outcome != Outcome::passed) {
      baseline.verdict = verdict_on(baseline);
      t_.remark = fmt::format("no choice: the default is {}, so there is nothing to compare with",
                              name(baseline.result.outcome));
      return;
    }
    TuneRow* best = nullptr;
    for (auto& row : t_.rows)
      if (row.ratio && gains_enough(*row.ratio) && (!best || row.ratio->ratio < best->ratio->ratio))
        best = &row;
    for (auto& row : t_.rows)
      if (best && &row != best && row.verdict == "faster")
        row.verdict = "faster, though less than " + best->candidate.config;
    if (!best) {
      choose(baseline.candidate.config, std::nullopt);
      t_.remark = fmt::format("{} stays: no candidate gains 2 % outside the noise",
                              baseline.candidate.config);
      return;
    }
    confirm(*best);
  }

  /// The one that looks best of several looks better than it is: only it, and once, is measured
  /// again with the default alone, in new processes and another order. That measurement is quoted.
  void confirm(TuneRow& best) {
    const auto& baseline = t_.rows.front().candidate;
    say_(fmt::format("confirming {} for {}", best.candidate.config, t_.name));
    t_.confirmed = measured(plan_, planned_, catalog_, rounds_, {baseline, best.candidate},
                            options_.seed + 0x9E3779B97F4A7C15);
    t_.confirmation = compare(t_.confirmed.at(1), t_.confirmed.at(0));
    if (t_.confirmation && gains_enough(*t_.confirmation)) {
      best.verdict = "chosen";
      choose(best.candidate.config, t_.confirmation);
      t_.remark = fmt::format("{} replaces {}: {} over the default, confirmed at {}",
                              best.candidate.config, baseline.config,
                              percent_faster(*t_.confirmation), interval(*t_.confirmation));
      return;
    }
    best.verdict = "not confirmed";
    const auto& again = t_.confirmed.at(1);
    choose(baseline.config, std::nullopt);
    t_.remark =
        fmt::format("{} stays: what {} gained did not hold in new processes ({})", baseline.config,
                    best.candidate.config,
                    t_.confirmation ? interval(*t_.confirmation)
                                    : fmt::format("{} {}", name(again.outcome), again.reason));
  }

  void choose(const std::string& config, const std::optional<PairedRatio>& ratio) {
    auto& entry = t_.entry.emplace();
    entry.key = t_.key;
    entry.code = t_.code;
    entry.origin = t_.origin;
    entry.config = config;
    entry.default_config = t_.rows.front().candidate.config;
    entry.ratio = ratio.value_or(PairedRatio{1, 1, 1, 0});
    entry.problem = id(t_.subject.problem);
    entry.date = now_iso();
  }

  const RunPlan& plan_;
  const PlannedCase& planned_;
  Catalog& catalog_;
  Rounds& rounds_;
  const TuneOptions& options_;
  const std::function<void(const std::string&)>& say_;
  Tuning t_;
};

}  // namespace

bool gains_enough(const PairedRatio& ratio) { return ratio.high < worth_a_change; }

std::optional<PairedRatio> compare(const CaseResult& candidate, const CaseResult& baseline) {
  if (candidate.outcome != Outcome::passed || baseline.outcome != Outcome::passed)
    return std::nullopt;
  auto above = by_round(candidate), below = by_round(baseline);
  std::vector<double> over, under;
  for (auto& [round, seconds] : above) {
    const auto same = below.find(round);
    if (same == below.end()) continue;
    over.push_back(median(std::move(seconds)));
    under.push_back(median(std::move(same->second)));
  }
  if (over.size() < fewest_rounds_to_judge) return std::nullopt;
  return paired_ratio(over, under);
}

Tuning tune_case(const RunPlan& plan, const PlannedCase& planned, Catalog& catalog, Rounds& rounds,
                 CodeHashes& hashes, const TuneOptions& options,
                 const std::function<void(const std::string&)>& say) {
  return Tuner(plan, planned, catalog, rounds, options, say).run(hashes);
}

bool has_wrong_candidate(const Tuning& tuning) {
  const auto wrong = [](const CaseResult& result) { return is_wrong(result.outcome); };
  return wrong(tuning.subject) ||
         std::any_of(tuning.rows.begin(), tuning.rows.end(),
                     [&](const TuneRow& row) { return wrong(row.result); }) ||
         std::any_of(tuning.confirmed.begin(), tuning.confirmed.end(), wrong);
}

}  // namespace rnnbench
