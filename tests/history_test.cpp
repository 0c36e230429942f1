#include "harness/history.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "harness/error.hpp"
#include "harness/timestamp.hpp"
#include "reports/history_page.hpp"
#include "reports/history_store.hpp"
#include "tests/reports_fixture.hpp"
#include "tests/run_program.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// A run of one case, nine processes of which each has three samples.
RunResult run_of(double milliseconds, const std::string& commit,
                 const std::string& state = "clean") {
  RunResult run;
  run.started = "2026-01-02T03:04:05+0000";
  run.environment.facts = {{"git revision", commit}, {"git state", state}};
  run.environment.devices.resize(1);
  run.environment.devices[0].name = "Some CPU";
  run.environment.devices[0].units = 2;
  PlanProtocol plan{"gru_bidir", "cpu", {}};
  plan.protocol.fresh_workers = true;
  run.protocols = {plan};
  run.cases = {timed("cpu:blas", milliseconds, bidir)};
  return run;
}

HistoryEntry entry(const std::string& commit, const std::string& time, double value) {
  auto e = entries_of(run_of(1e3 * value, commit), "", time).at(0);
  return e;
}

TEST(History, KeepsWhatIsNeededOfACase) {
  auto run = run_of(10, "abc");
  run.cases.push_back(untimed("cpu:wrong", Outcome::incorrect, "off by one"));
  Profile profile;
  profile.region["callgrind"] = read_as(512000);
  run.cases[0].profile = profile;
  const auto entries = entries_of(run, "", "");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].commit, "abc");
  EXPECT_EQ(entries[0].time, "2026-01-02T03:04:05+0000");
  EXPECT_EQ(entries[0].machine, "Some CPU, 2 cores");
  EXPECT_EQ(entries[0].problem, bidir);
  EXPECT_NEAR(entries[0].value, 0.01, 1e-9);
  EXPECT_EQ(entries[0].processes.size(), 9u);
  EXPECT_EQ(entries[1].measure, "instructions a step");
  EXPECT_EQ(entries[1].value, 1000);  // of 512 steps
  EXPECT_TRUE(entries[1].processes.empty());
  EXPECT_EQ(entries_of(run, "named", "2020")[0].commit, "named");
  EXPECT_EQ(commit_of(run_of(1, "abc", "dirty")), "");
}

class HistoryStore : public ::testing::Test {
 protected:
  std::string text() const {
    std::ifstream in(store() / history_name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path store() const { return folder_.path() / "store"; }

 private:
  testing::Folder folder_;
};

TEST_F(HistoryStore, WhatIsThereIsNotAddedAgain) {
  const std::vector<HistoryEntry> entries{entry("a", "1", 1), entry("b", "2", 2)};
  EXPECT_EQ(add_history(store(), entries).added, 2u);
  const auto before = text();
  const auto again = add_history(store(), {entry("a", "9", 5), entry("c", "3", 3)});
  EXPECT_EQ(again.added, 1u);
  EXPECT_EQ(again.there, 1u);
  EXPECT_TRUE(text().starts_with(before));  // only ever added to
  const auto kept = read_history(store()).entries;
  ASSERT_EQ(kept.size(), 3u);
  EXPECT_EQ(kept[0], entries[0]);
  EXPECT_EQ(kept[2].commit, "c");
}

TEST_F(HistoryStore, ExactNumbersAreKeptWhenTheyChange) {
  const auto of = [](const std::string& commit, double value) {
    auto e = entry(commit, commit, value);
    e.measure = "registers";
    e.processes.clear();
    return e;
  };
  EXPECT_EQ(add_history(store(), {of("a", 40)}).added, 1u);
  const auto same = add_history(store(), {of("b", 40)});
  EXPECT_EQ(same.added, 0u);
  EXPECT_EQ(same.unchanged, 1u);
  EXPECT_EQ(add_history(store(), {of("c", 48)}).added, 1u);
  EXPECT_EQ(add_history(store(), {of("d", 40)}).added, 1u);
}

TEST_F(HistoryStore, ATornLastLineCostsItselfAlone) {
  add_history(store(), {entry("a", "1", 1), entry("b", "2", 2)});
  fs::resize_file(store() / history_name, fs::file_size(store() / history_name) - 40);
  auto kept = read_history(store());
  EXPECT_EQ(kept.entries.size(), 1u);
  EXPECT_EQ(kept.torn_lines, (std::vector<std::size_t>{2}));
  EXPECT_EQ(add_history(store(), {entry("b", "2", 2), entry("c", "3", 3)}).added, 2u);
  kept = read_history(store());
  EXPECT_EQ(kept.entries.size(), 3u);
  EXPECT_EQ(kept.torn_lines, (std::vector<std::size_t>{2}));
}

TEST_F(HistoryStore, SeveralMayAddAtOnce) {
  std::vector<std::thread> writers;
  for (int k = 0; k < 8; ++k)
    writers.emplace_back([&, k] {
      for (int n = 0; n < 20; ++n)
        add_history(store(), {entry(fmt::format("common{}", n), "1", 1),
                              entry(std::to_string(100 * k + n), "1", 1)});
    });
  for (auto& writer : writers) writer.join();
  const auto kept = read_history(store());
  EXPECT_TRUE(kept.torn_lines.empty());
  EXPECT_EQ(kept.entries.size(), 20u + 8 * 20);
}

TEST_F(HistoryStore, WhatCannotBeReadOrWrittenIsNamed) {
  fs::create_directories(store());
  std::ofstream(store() / history_name) << "{\"rnnbench_history\":99}\n";
  EXPECT_THROW(read_history(store()), UsageError);
  std::ofstream(store() / history_name) << "{\"rnnbench_history\":1,\"commit\":3}\n";
  try {
    read_history(store());
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("history.jsonl:1: commit"), std::string::npos);
  }
  fs::create_directories(store() / "folder" / history_name);
  EXPECT_THROW(add_history(store() / "folder", {entry("a", "1", 1)}), Error);
  EXPECT_THROW(read_resources(store() / "none.json", "a", "1"), UsageError);
}

TEST_F(HistoryStore, ResourcesOfKernels) {
  fs::create_directories(store());
  const auto file = store() / "kernel_resources.json";
  std::ofstream(file) << R"json({"version": 1, "kernels": [
    {"kernel": "step()", "file": "a.cu", "arch": "sm_90a", "registers": 168, "shared_bytes": 1024,
     "stack_bytes": 0, "spill_store_bytes": 8, "spill_load_bytes": 12}]})json";
  const auto entries = read_resources(file, "abc", "1");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].machine, "sm_90a");
  EXPECT_EQ(entries[0].value, 168);
  EXPECT_EQ(entries[1].measure, "bytes spilled");
  EXPECT_EQ(entries[1].value, 20);
  EXPECT_EQ(entries[2].value, 1024);
}

std::vector<HistoryEntry> commits(const std::vector<double>& values) {
  std::vector<HistoryEntry> all;
  for (std::size_t k = 0; k < values.size(); ++k)
    all.push_back(entry(fmt::format("c{}", k), std::to_string(100 + k), values[k]));
  return all;
}

TEST(History, TrendsAreInTheOrderOfCommits) {
  auto entries = commits({1, 1, 1, 1, 1, 1.2, 1.2, 1.2, 1.2, 1.2});
  std::swap(entries[0], entries[8]);
  entries.push_back(entries[1]);
  entries.back().impl = "cpu:other";
  const auto all = trends(entries, 0.02);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].entries.front().commit, "c0");
  ASSERT_EQ(all[0].changes.size(), 1u);
  EXPECT_EQ(all[0].entries[all[0].changes[0].at].commit, "c5");
}

TEST(History, ANewCommitIsHeldAgainstThoseSinceTheLastChange) {
  const auto store = commits({1, 1, 1, 1, 1, 1.2, 1.2, 1.201, 1.199, 1.2});
  const auto verdict = [&](double value, const ComparisonOptions& options = {}) {
    const auto result = check_against(store, {entry("new", "999", value)}, 10, options);
    EXPECT_EQ(result.cases.size(), 1u);
    return result.cases.at(0).verdict;
  };
  EXPECT_EQ(verdict(1.2), Verdict::same);
  EXPECT_EQ(verdict(1.26), Verdict::slower);
  EXPECT_EQ(verdict(1.0), Verdict::faster);  // as the oldest were: what counts are the latest
  EXPECT_EQ(verdict(1.26, {.threshold = 0.1}), Verdict::same);
  const auto unknown = check_against({}, {entry("new", "999", 1)}, 10, {});
  EXPECT_TRUE(unknown.cases.empty());
  EXPECT_EQ(unknown.only_new.size(), 1u);
  // Its own commit is no witness.
  EXPECT_TRUE(check_against({entry("new", "1", 1)}, {entry("new", "2", 2)}, 10, {}).cases.empty());
}

TEST(History, CommitsThatDifferAmongThemselvesRaiseTheBar) {
  const auto store = commits({1, 1.06, 0.95, 1.05, 0.96});
  const auto result = check_against(store, {entry("new", "999", 1.05)}, 10, {});
  EXPECT_EQ(result.cases.at(0).verdict, Verdict::too_noisy);
  EXPECT_NEAR(result.cases[0].gate, std::exp(6.94 * -std::log(0.95)) - 1, 1e-9);
  // One outlier among ten raises nothing.
  const auto steady = commits({1, 1, 1, 1, 1.3, 1, 1, 1, 1, 1});
  EXPECT_EQ(check_against(steady, {entry("new", "999", 1.05)}, 10, {}).cases[0].verdict,
            Verdict::slower);
}

TEST(History, FewCommitsDoNotSayHowFarRunsDiffer) {
  const auto store = commits({1, 1, 1, 1});
  const auto none = check_against(store, {entry("new", "999", 1.5)}, 10, {}).cases.at(0);
  EXPECT_EQ(none.verdict, Verdict::too_noisy);
  EXPECT_NE(none.why.find("4 commits"), std::string::npos) << none.why;
  const auto told = check_against(store, {entry("new", "999", 1.5)}, 10, {.noise_floor = 0.1});
  EXPECT_EQ(told.cases.at(0).verdict, Verdict::slower);
}

// Runs of the same code that differ by 3 %, however steady each is in itself.
TEST(History, OneRunInAHundredLiesBeyondTheGate) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(0, 0.03);
  for (std::size_t count = fewest_commits; count <= 10; ++count) {
    int beyond = 0;
    constexpr int turns = 40000;
    for (int turn = 0; turn < turns; ++turn) {
      std::vector<double> past(count);
      for (double& one : past) one = std::exp(normal(random));
      const double off = std::abs(normal(random) - std::log(median(past)));
      beyond += std::exp(off) - 1 > prediction_gate(past);
    }
    EXPECT_NEAR(beyond / double(turns), 0.01, 0.0025) << count;
  }
}

TEST(History, CountsChangeWhereTheyDiffer) {
  std::vector<HistoryEntry> counts = commits({8, 8, 12});
  for (auto& e : counts) e.measure = "bytes spilled", e.processes.clear();
  counts[0].value = 0;
  const auto changes = trends(counts, 0.02).at(0).changes;
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].at, 1u);
  EXPECT_EQ(changes[0].before, 0);
  EXPECT_EQ(changes[1].after, 12);
  auto fresh = counts[2];
  fresh.commit = "new", fresh.value = 0, counts.resize(1);
  const auto same = check_against(counts, {fresh}, 10, {}).cases.at(0);
  EXPECT_EQ(same.verdict, Verdict::same);
  EXPECT_EQ(same.ratio->ratio, 1);  // of nothing to nothing
  fresh.value = 8;
  const auto more = check_against(counts, {fresh}, 10, {}).cases.at(0);
  EXPECT_EQ(more.verdict, Verdict::slower);
  EXPECT_FALSE(more.ratio);
}

TEST(History, ColdCachesAreAnotherSeries) {
  auto cold = run_of(10, "new");
  cold.cases[0].cache = "cold";
  const auto result = check_against(commits({1, 1, 1, 1, 1}), entries_of(cold, "", ""), 10, {});
  EXPECT_TRUE(result.cases.empty());
}

TEST(History, TimesAreOrderedInTheirZones) {
  auto first = entry("a", "2026-01-02T03:30:00+0200", 1);
  const auto second = entry("b", "2026-01-02T02:00:00Z", 1);
  EXPECT_TRUE(is_earlier(first, second));
  EXPECT_EQ(unix_seconds("2026-01-02T03:30:00+02:00"), unix_seconds("2026-01-02 01:30:00"));
  EXPECT_EQ(utc_text(*unix_seconds("2026-01-02T03:30:00+02:00")), "2026-01-02T01:30:00+0000");
  for (const char* wrong : {"nonsense", "2026-13-45", "2026-02-30", "2026-01-02T25:00:00", ""})
    EXPECT_FALSE(unix_seconds(wrong)) << wrong;
}

TEST(History, WhatIsCountedNeedsNoStatistics) {
  auto before = entry("a", "1", 1000), after = entry("b", "2", 1030);
  for (auto* e : {&before, &after}) e->measure = "instructions a step", e->processes.clear();
  const auto result = check_against({before}, {after}, 10, {});
  EXPECT_EQ(result.cases.at(0).verdict, Verdict::slower);
  after.value = 1010;
  EXPECT_EQ(check_against({before}, {after}, 10, {}).cases.at(0).verdict, Verdict::same);
}

TEST(History, WhatHadATimeAndHasNoneIsBroken) {
  auto run = run_of(10, "new");
  run.cases[0].outcome = Outcome::incorrect;
  run.cases[0].reason = "off by one";
  run.cases.push_back(untimed("cpu:never", Outcome::unsupported, "no such cell"));
  const auto lost = lost_cases({entry("a", "1", 1)}, run).broken;
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].verdict, Verdict::broken);
  EXPECT_EQ(lost[0].why, "incorrect: off by one");
  EXPECT_TRUE(entries_of(run, "", "").empty());
  // A commit that went without it settled that.
  auto other = entry("b", "2", 1);
  other.impl = "cpu:other";
  const auto later = lost_cases({entry("a", "1", 1), other}, run);
  EXPECT_TRUE(later.broken.empty());
  ASSERT_EQ(later.missing.size(), 1u);  // that commit's own case, which this run does not have
  EXPECT_NE(later.missing[0].find("cpu:other"), std::string::npos);
}

TEST(History, GithubBenchmarkHasItsFields) {
  std::ostringstream out;
  write_github_benchmark(out, {entry("a", "1", 0.002)});
  const auto list = nlohmann::json::parse(out.str());
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("name"), std::string("gru_bidir/") + bidir + "/cpu:blas");
  EXPECT_EQ(list[0].at("unit"), "us");
  EXPECT_NEAR(list[0].at("value").get<double>(), 2000, 1);
  EXPECT_TRUE(list[0].at("range").is_string());
}

TEST(History, ThePageHoldsTheDataAndNoForeignMarkup) {
  auto entries = commits({1, 1, 1, 1.2, 1.2, 1.2});
  for (auto& e : entries) e.scenario = "</script><script>alert(1)</script>" + hostile;
  std::ostringstream out;
  write_history_html(out, trends(entries, 0.02), "https://example.org/{}");
  EXPECT_EQ(out.str().find("<script>alert"), std::string::npos);
  EXPECT_NE(out.str().find("https://example.org/{}"), std::string::npos);
  EXPECT_NE(out.str().find("1 series over 6 commits"), std::string::npos);
}

}  // namespace
}  // namespace rnnbench
