#include "harness/comparison.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "harness/code_identity.hpp"
#include "harness/error.hpp"
#include "reports/comparison_report.hpp"
#include "reports/writers.hpp"
#include "tests/reports_fixture.hpp"

namespace rnnbench {
namespace {

/// Milliseconds of each process, three samples of each.
CaseResult processes(const std::vector<double>& milliseconds, const std::string& impl = "cpu:blas",
                     const std::string& problem = bidir) {
  CaseResult c = timed(impl, 1, problem);
  c.machine = "box";
  c.samples.clear();
  for (std::size_t k = 0; k < milliseconds.size(); ++k)
    for (const double off : {0.99, 1.0, 1.3})
      c.samples.push_back({static_cast<int>(k), 1e-3 * off * milliseconds[k], 1});
  return c;
}

RunResult run_of(std::vector<CaseResult> cases, bool fresh = true) {
  RunResult run;
  run.environment.facts = {{"host", "box"},
                           {"cpu", "Some CPU"},
                           {"git revision", "a"},
                           {"code of rnnbench", "1"},
                           {"code of cpu", "2"}};
  PlanProtocol plan{"gru_bidir", "cpu", {}};
  plan.protocol.fresh_workers = fresh;
  run.protocols = {plan};
  run.cases = std::move(cases);
  return run;
}

RunResult changed(RunResult run) {
  run.environment.facts[4].second = "3";
  run.environment.facts[2].second = "b";
  return run;
}

std::vector<double> around(double center, double spread, int count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, spread);
  std::vector<double> all;
  for (int k = 0; k < count; ++k) all.push_back(center * std::exp(normal(random)));
  return all;
}

Verdict verdict_of(const RunResult& base, const RunResult& fresh,
                   const ComparisonOptions& options = {}) {
  const auto comparison = compare_runs(base, fresh, options);
  EXPECT_EQ(comparison.cases.size(), 1u);
  return comparison.cases.at(0).verdict;
}

const std::vector<double> steady{10, 10.01, 9.99, 10.02, 9.98, 10.005, 9.995, 10.015, 9.985};

std::vector<double> scaled(std::vector<double> all, double by) {
  for (double& one : all) one *= by;
  return all;
}

TEST(Comparison, TellsSlowerFasterAndSame) {
  const auto base = run_of({processes(steady)});
  const auto against = [&](double by) { return changed(run_of({processes(scaled(steady, by))})); };
  EXPECT_EQ(verdict_of(base, against(1.05)), Verdict::slower);
  EXPECT_EQ(verdict_of(base, against(0.95)), Verdict::faster);
  EXPECT_EQ(verdict_of(base, against(1.01)), Verdict::same);  // shown, and less than 2 %
  EXPECT_EQ(verdict_of(base, against(1.01), {.threshold = 0.005}), Verdict::slower);
  const auto one = compare_runs(base, against(1.05), {}).cases[0];
  EXPECT_DOUBLE_EQ(one.ratio->ratio, 1.05);
  EXPECT_LT(one.ratio->low, 1.05);
  EXPECT_GT(one.ratio->low, 1.04);
  EXPECT_LT(one.ratio->high, 1.06);
  EXPECT_EQ(one.test->u, 81);
  EXPECT_EQ(one.base_count, 9u);
  EXPECT_DOUBLE_EQ(*one.base_s, 0.01);  // the median of processes' medians, not of all samples
}

TEST(Comparison, TheNoiseFloorOfTheMachineRaisesTheBar) {
  const auto base = run_of({processes(steady)});
  const auto slower = changed(run_of({processes(scaled(steady, 1.05))}));
  ComparisonOptions options{.noise_floor = 0.06};
  EXPECT_EQ(verdict_of(base, slower, options), Verdict::too_noisy);
  options.noise_floors[case_name(base.cases[0])] = 0.01;
  EXPECT_EQ(verdict_of(base, slower, options), Verdict::slower);
  // Runs of the same code that differ by 4 %: what is not more than that is no change.
  const auto floors = noise_floors({base, run_of({processes(scaled(steady, 1.04))})});
  ASSERT_EQ(floors.size(), 1u);
  EXPECT_NEAR(floors.begin()->second, 0.04, 1e-9);
  EXPECT_THROW(noise_floors({base}), UsageError);
  EXPECT_THROW(noise_floors({base, slower}), UsageError);  // not of the same code
  auto cold = base;
  cold.cases[0].cache = "cold";
  EXPECT_THROW(noise_floors({base, cold}), UsageError);
  EXPECT_THROW(noise_floors({base, run_of({processes(steady, "cpu:other")})}), UsageError);
}

TEST(Comparison, NothingIsTheSameOnAMachineThatDiffersByMore) {
  const auto base = run_of({processes(steady)});
  const auto again = changed(run_of({processes(scaled(steady, 1.001))}));
  EXPECT_EQ(verdict_of(base, again), Verdict::same);
  const auto one = compare_runs(base, again, {.noise_floor = 0.05}).cases.at(0);
  EXPECT_EQ(one.verdict, Verdict::too_noisy);
  EXPECT_EQ(one.why, "the machine's noise floor is 5.0 %");
}

TEST(Comparison, CommandsOutsideAreNeverTheSameCode) {
  auto base = run_of({processes(steady)}), again = run_of({processes(scaled(steady, 1.5))});
  for (auto* run : {&base, &again})
    run->environment.facts.emplace_back("code of mine", std::string("1") + unknown_code);
  EXPECT_EQ(verdict_of(base, again), Verdict::slower);
}

TEST(Comparison, FewProcessesGiveNoVerdict) {
  const auto eight = std::vector<double>(steady.begin(), steady.begin() + 8);
  const auto slower = changed(run_of({processes(scaled(steady, 1.5))}));
  EXPECT_EQ(verdict_of(run_of({processes(eight)}), slower), Verdict::too_noisy);
  // Rounds of one process are one process, however many.
  const auto base = run_of({processes(steady)}, false);
  const auto one = changed(run_of({processes(scaled(steady, 1.5))}, false));
  const auto comparison = compare_runs(base, one, {});
  EXPECT_EQ(comparison.cases[0].verdict, Verdict::too_noisy);
  EXPECT_EQ(comparison.cases[0].base_count, 1u);
  EXPECT_NE(comparison.cases[0].why.find("--fresh-workers"), std::string::npos);
}

TEST(Comparison, TheSameCodeIsNotJudged) {
  const auto base = run_of({processes(steady)});
  const auto again = run_of({processes(scaled(steady, 1.5))});
  EXPECT_EQ(verdict_of(base, again), Verdict::same_code);
  EXPECT_EQ(verdict_of(base, again, {.equal_code_rule = false}), Verdict::slower);
  auto other_choice = again;  // of the same code: it runs something else
  other_choice.cases[0].note = "another kernel";
  EXPECT_EQ(verdict_of(base, other_choice), Verdict::slower);
  auto unknown = again;
  for (auto* run : {&unknown})
    std::erase_if(run->environment.facts,
                  [](const auto& fact) { return fact.first.starts_with("code of "); });
  EXPECT_EQ(verdict_of(base, unknown), Verdict::slower);
}

TEST(Comparison, WhatWasMeasuredOtherwiseIsNotCompared) {
  const auto base = run_of({processes(steady)});
  const auto fresh = changed(run_of({processes(scaled(steady, 1.5))}));
  const auto why = [&](auto change) {
    auto other = fresh;
    change(other);
    const auto one = compare_runs(base, other, {}).cases.at(0);
    EXPECT_EQ(one.verdict, Verdict::not_comparable);
    EXPECT_TRUE(one.ratio);  // shown nevertheless
    return one.why;
  };
  EXPECT_NE(why([](auto& r) { r.environment.facts[1].second = "Other CPU"; }).find("Other CPU"),
            std::string::npos);
  EXPECT_NE(why([](auto& r) { r.cases[0].machine = "cube"; }).find("--other-machine"),
            std::string::npos);
  EXPECT_NE(why([](auto& r) { r.cases[0].cache = "cold"; }).find("cache hot in BASE, cold in NEW"),
            std::string::npos);
  EXPECT_NE(why([](auto& r) { r.protocols[0].protocol.warmup = 5; }).find("--warmup 1 in BASE"),
            std::string::npos);
  EXPECT_NE(why([](auto& r) { r.protocols[0].protocol.seed = 5; }).find("--seed"),
            std::string::npos);
  EXPECT_NE(
      why([](auto& r) { r.protocols[0].protocol.fresh_workers = false; }).find("--fresh-workers"),
      std::string::npos);
  auto clocked = base;
  clocked.cases[0].device_state = {{"SM clock", "1980 of 1980 MHz"}};
  auto slow_clock = fresh;
  slow_clock.cases[0].device_state = {{"SM clock", "1500 of 1980 MHz"}};
  EXPECT_EQ(verdict_of(clocked, slow_clock), Verdict::not_comparable);
  auto moved = fresh;
  moved.cases[0].machine = "cube";
  EXPECT_EQ(verdict_of(base, moved, {.other_machine = true}), Verdict::slower);
}

TEST(Comparison, WhatNoLongerWorksIsARegression) {
  const auto base = run_of({processes(steady)});
  auto wrong = changed(base);
  wrong.cases[0].outcome = Outcome::incorrect;
  wrong.cases[0].reason = "h_n[0]: got 1";
  const auto one = compare_runs(base, wrong, {}).cases.at(0);
  EXPECT_EQ(one.verdict, Verdict::broken);
  EXPECT_TRUE(is_regression(one.verdict));
  EXPECT_EQ(one.why, "incorrect: h_n[0]: got 1 in NEW");
  EXPECT_EQ(verdict_of(wrong, changed(base)), Verdict::mended);
  const auto neither = compare_runs(wrong, wrong, {});
  EXPECT_TRUE(neither.cases.empty());
  EXPECT_EQ(neither.no_time.size(), 1u);
  // One that did not run here and gives wrong numbers now is no mere gap.
  auto unsupported = base;
  unsupported.cases[0].outcome = Outcome::unsupported;
  EXPECT_EQ(verdict_of(unsupported, wrong), Verdict::broken);
  const auto other = run_of({processes(steady, "cpu:other")});
  const auto apart = compare_runs(base, other, {});
  EXPECT_EQ(apart.only_base, (std::vector<std::string>{case_name(base.cases[0])}));
  EXPECT_EQ(apart.only_new, (std::vector<std::string>{case_name(other.cases[0])}));
  // A gate that held nothing against anything has not passed.
  EXPECT_TRUE(has_regression(apart));
  EXPECT_EQ(counts_of(apart), "nothing to compare: the two runs have no case in common");
  const auto both = run_of({processes(steady), processes(steady, "cpu:other")});
  EXPECT_TRUE(is_undecided(compare_runs(both, changed(base), {})));
  EXPECT_FALSE(has_regression(compare_runs(both, changed(base), {})));
  EXPECT_FALSE(is_undecided(compare_runs(base, changed(both), {})));
}

TEST(Comparison, ManyCasesRaiseTheBarForEach) {
  std::vector<CaseResult> base, fresh;
  for (int k = 0; k < 60; ++k) {
    const std::string problem = "gru_b1_t1_i1_h" + std::to_string(k + 1) + "_l1_f32";
    base.push_back(processes(around(10, 0.01, 9, 1000 + k), "cpu:blas", problem));
    fresh.push_back(processes(around(10, 0.01, 9, 2000 + k), "cpu:blas", problem));
  }
  fresh[7] = processes(around(11, 0.01, 9, 1), "cpu:blas", "gru_b1_t1_i1_h8_l1_f32");
  const auto comparison = compare_runs(run_of(base), changed(run_of(fresh)), {});
  for (std::size_t k = 0; k < comparison.cases.size(); ++k) {
    const auto& one = comparison.cases[k];
    EXPECT_EQ(one.verdict == Verdict::slower, k == 7) << k;
    EXPECT_GE(one.false_discoveries, one.test->p);
  }
  EXPECT_NEAR(comparison.cases[7].false_discoveries, 60 * comparison.cases[7].test->p, 1e-9);
}

TEST(Comparison, TooManyCasesForTheirProcessesSayHowManyItTakes) {
  std::vector<CaseResult> base, fresh;
  for (int k = 0; k < 400; ++k) {
    const std::string problem = "gru_b1_t1_i1_h" + std::to_string(k + 1) + "_l1_f32";
    base.push_back(processes(steady, "cpu:blas", problem));
    fresh.push_back(processes(k == 7 ? scaled(steady, 10) : steady, "cpu:blas", problem));
  }
  const auto comparison = compare_runs(run_of(base), changed(run_of(fresh)), {});
  EXPECT_EQ(comparison.cases[7].verdict, Verdict::too_noisy);
  EXPECT_EQ(comparison.cases[7].why,
            "q is 0.016: among 400 cases, 10 processes a side tell one alone");
}

TEST(Comparison, RoundsMadeByTurnsCancelDrift) {
  std::vector<double> base, fresh;  // the machine gets slower by 4 % a round
  for (int k = 0; k < 9; ++k) {
    base.push_back(10 * std::pow(1.04, k));
    fresh.push_back(base.back() * (k % 2 ? 1.049 : 1.051));
  }
  auto a = run_of({processes(base)}), b = changed(run_of({processes(fresh)}));
  EXPECT_EQ(verdict_of(a, b), Verdict::too_noisy);
  for (auto* run : {&a, &b}) run->environment.facts.emplace_back(by_turns_fact, "now");
  const auto one = compare_runs(a, b, {}).cases.at(0);
  EXPECT_GT(one.ratio->low, 1.04);
  EXPECT_LT(one.ratio->high, 1.06);
}

/// On machines as noisy as one likes: hardly ever a false alarm, and a slowdown of 5 % is found or
/// the noise is said, never that nothing changed.
TEST(Comparison, FalseAlarmsAreRareAndFivePercentAreFound) {
  for (const double spread : {0.003, 0.01, 0.03, 0.1}) {
    int alarms = 0, found = 0, called_same = 0;
    constexpr int times = 200;
    for (int k = 0; k < times; ++k) {
      const auto seed = static_cast<unsigned>(10 * k);
      const auto base = run_of({processes(around(10, spread, 9, seed))});
      alarms += verdict_of(base, changed(run_of({processes(around(10, spread, 9, seed + 1))}))) !=
                    Verdict::same &&
                verdict_of(base, changed(run_of({processes(around(10, spread, 9, seed + 1))}))) !=
                    Verdict::too_noisy;
      const auto verdict =
          verdict_of(base, changed(run_of({processes(around(10.5, spread, 9, seed + 2))})));
      found += verdict == Verdict::slower;
      called_same += verdict == Verdict::same;
    }
    EXPECT_LE(alarms, times / 50) << spread;
    EXPECT_EQ(called_same, 0) << spread;
    if (spread <= 0.01) {
      EXPECT_GE(found, times * 95 / 100) << spread;
    }
  }
}

TEST(Comparison, ReportsCarryTheSameNumbersAndNoForeignMarkup) {
  auto base = run_of({processes(steady), processes(steady, "cpu:wrong")});
  auto fresh = changed(run_of({processes(scaled(steady, 1.05)), processes(steady, "cpu:wrong")}));
  fresh.cases[1].outcome = Outcome::failed;
  fresh.cases[1].reason = hostile;
  const auto comparison = compare_runs(base, fresh, {});
  std::ostringstream console, markdown, json;
  write_comparison_console(console, comparison, {});
  write_comparison_markdown(markdown, comparison);
  write_comparison_json(json, comparison);
  for (const auto& text : {console.str(), markdown.str()}) {
    EXPECT_NE(text.find("1 slower, 1 broken"), std::string::npos) << text;
    EXPECT_NE(text.find("1.050"), std::string::npos);
    EXPECT_NE(text.find("10.50 ms"), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find("git revision: a, b"), std::string::npos);
  }
  EXPECT_EQ(markdown.str().find("<b>"), std::string::npos);
  const auto parsed = nlohmann::json::parse(json.str());
  EXPECT_EQ(parsed.at("cases").at(0).at("verdict"), "slower");
  EXPECT_DOUBLE_EQ(parsed.at("cases").at(0).at("ratio"), 1.05);
  EXPECT_EQ(parsed.at("cases").at(1).at("verdict"), "broken");
}

}  // namespace
}  // namespace rnnbench
