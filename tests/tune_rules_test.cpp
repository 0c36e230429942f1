// The rules of the tuner and its cache, without a program or a clock.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "harness/protocol.hpp"
#include "harness/tune.hpp"
#include "run_program.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

std::string class_of(const std::string& problem) { return problem_class(parse_id(problem)); }

TEST(TuneRules, StepsBeyondOneAreOneClass) {
  EXPECT_EQ(class_of("gru-bi_b10_t512_i128_h256_l6_f32"), "gru-bi_b10_tn_i128_h256_l6_f32");
  EXPECT_EQ(class_of("gru_b1_t2_i8_h8_l1_f32"), class_of("gru_b1_t999_i8_h8_l1_f32"));
  EXPECT_EQ(class_of("gru_b1_t1_i8_h8_l1_f32"), "gru_b1_t1_i8_h8_l1_f32");
  EXPECT_EQ(class_of("lstm_b2_t20_i2_h2_l1_f16_btc_nobias_head4-last_stateful"),
            "lstm_b2_tn_i2_h2_l1_f16_btc_nobias_head4-last_stateful");
}

TEST(TuneRules, OutputsWrittenOnceACallMakeNoClassButAtOneStep) {
  const std::string lstm = "lstm_b2_t20_i4_h8_l1_f32", one = "lstm_b2_t1_i4_h8_l1_f32";
  EXPECT_EQ(class_of(lstm + "_want-out"), class_of(lstm));
  EXPECT_EQ(class_of(lstm + "_want-out+cn"), class_of(lstm));
  EXPECT_EQ(class_of(lstm + "_want-cn"), class_of(lstm + "_want-hn"));
  EXPECT_NE(class_of(lstm + "_want-hn"), class_of(lstm));  // no stores at every step
  EXPECT_NE(class_of(one + "_want-hn"), class_of(one + "_want-cn"));
  const std::string head = "gru_b2_t20_i4_h8_l1_f32_head4-every";
  EXPECT_EQ(class_of(head + "_want-hn"), class_of(head));
  EXPECT_NE(class_of(head + "_want-out"), class_of(head));
}

TEST(TuneRules, WhatChangesTheWorkChangesTheClass) {
  const auto plain = class_of("gru_b4_t9_i8_h8_l2_f32");
  for (const char* other :
       {"gru_b5_t9_i8_h8_l2_f32", "gru_b4_t9_i9_h8_l2_f32", "gru_b4_t9_i8_h9_l2_f32",
        "gru_b4_t9_i8_h8_l3_f32", "gru_b4_t9_i8_h8_l2_bf16", "gru_b4_t9_i8_h8_l2_f32_btc",
        "gru_b4_t9_i8_h8_l2_f32_nobias", "gru_b4_t9_i8_h8_l2_f32_stateful",
        "gru-bi_b4_t9_i8_h8_l2_f32", "lstm_b4_t9_i8_h8_l2_f32"})
    EXPECT_NE(class_of(other), plain) << other;
}

TEST(TuneRules, TheHashIsTheStatedOne) {  // published values of 64-bit FNV-1a
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8U);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
}

TEST(TuneRules, CommandsAreHashedWithTheFilesTheyName) {
  const testing::Folder folder;
  const auto file = (folder.path() / "worker.py").string();
  const auto hash = [&] { return CodeHashes().of("command python3 '" + file + "' --fast"); };
  const auto none = hash();
  std::ofstream(file) << "1";
  const auto first = hash();
  std::ofstream(file) << "2";
  EXPECT_NE(first, none);
  EXPECT_NE(first, hash());
  std::ofstream(file) << "1";
  EXPECT_EQ(first, hash());
  EXPECT_EQ(CodeHashes().of("plugin " + file + ".gone"), "");
}

/// A passed case: one sample a round.
CaseResult passed(const std::vector<double>& seconds) {
  CaseResult result;
  result.outcome = Outcome::passed;
  for (std::size_t k = 0; k < seconds.size(); ++k)
    result.samples.push_back({static_cast<int>(k), seconds[k], seconds[k]});
  return result;
}

bool switches(const std::vector<double>& candidate, const std::vector<double>& baseline) {
  const auto ratio = compare(passed(candidate), passed(baseline));
  return ratio && gains_enough(*ratio);
}

TEST(TuneRules, TwoPercentOutsideTheNoiseAndNothingLess) {
  const std::vector<double> baseline(9, 1.0);
  EXPECT_TRUE(switches(std::vector(9, 0.97), baseline));
  EXPECT_FALSE(switches(std::vector(9, 0.98), baseline));
  EXPECT_FALSE(switches(std::vector(9, 0.99), baseline));
  EXPECT_FALSE(switches(std::vector(9, 1.5), baseline));
  // Fast in most rounds, but not so surely that it could not be chance.
  EXPECT_FALSE(switches({.9, .9, .9, .9, .9, .9, 1.1, 1.1, 1.1}, baseline));
  EXPECT_TRUE(switches({.9, .9, .9, .9, .9, .9, .9, .9, 1.1}, baseline));
}

TEST(TuneRules, WhatBothSufferInARoundCancels) {
  const std::vector<double> clocks{1, 2, 1, 3, 1, 1.5, 1, 2.5, 1};
  std::vector<double> candidate;
  for (const double clock : clocks) candidate.push_back(0.9 * clock);
  const auto ratio = compare(passed(candidate), passed(clocks));
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->low, 0.9, 1e-9);
  EXPECT_NEAR(ratio->high, 0.9, 1e-9);
}

TEST(TuneRules, OnlyPassedCasesWithEnoughRoundsCompare) {
  const auto good = passed(std::vector(9, 1.0));
  auto bad = passed(std::vector(9, 0.1));
  for (const auto outcome : {Outcome::incorrect, Outcome::failed, Outcome::mistrusted,
                             Outcome::unverified, Outcome::unsupported}) {
    bad.outcome = outcome;
    EXPECT_FALSE(compare(bad, good));
    EXPECT_FALSE(compare(good, bad));
  }
  EXPECT_FALSE(compare(passed({1, 1}), good));
  EXPECT_EQ(compare(passed({1, 1, 1}), good)->rounds, 3U);
}

// Two equal things, measured with noise of 5 % a round: the rule may err, but must do so rarely.
TEST(TuneRules, NoiseAloneHardlyEverPasses) {
  std::mt19937 random(5);
  std::normal_distribution<double> noise(1.0, 0.05);
  int switched = 0;
  for (int test = 0; test < 400; ++test) {
    std::vector<double> a, b;
    for (int round = 0; round < 9; ++round) a.push_back(noise(random)), b.push_back(noise(random));
    switched += switches(a, b);
  }
  EXPECT_LE(switched, 4);  // 1 %; the confirmation squares it
}

class TuneCache : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* shared = std::getenv("RNNBENCH_CACHE")) shared_ = shared;
    setenv("RNNBENCH_CACHE", folder.path().c_str(), 1);
  }
  void TearDown() override {
    if (shared_.empty())
      unsetenv("RNNBENCH_CACHE");
    else
      setenv("RNNBENCH_CACHE", shared_.c_str(), 1);
  }
  static TuneEntry entry(const std::string& problem, const std::string& config) {
    TuneEntry e;
    e.key = {"box", 2, "", "cpu:mine", "eager", "hot", "", problem};
    e.code = "fnv1a64:1", e.origin = "module cpu", e.config = config, e.default_config = "base";
    e.ratio = {0.8, 0.79, 0.81, 9}, e.problem = problem, e.date = "2026-01-31T12:00:00+0100";
    return e;
  }
  static std::vector<TuneEntry> read() {
    std::string trouble;
    auto entries = read_tune_cache(trouble);
    EXPECT_EQ(trouble, "");
    return entries;
  }
  static std::string text() {
    std::ifstream in(tune_cache_file());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  testing::Folder folder;

 private:
  std::string shared_;
};

TEST_F(TuneCache, EntriesComeBackAndReplaceTheirLike) {
  EXPECT_TRUE(read().empty());
  std::string where;
  keep_tuned(entry("p", "a"), where);
  EXPECT_EQ(where, "kept in " + tune_cache_file().string());
  auto other_code = entry("p", "b");
  other_code.code = "fnv1a64:2";
  keep_tuned(other_code, where);
  keep_tuned(entry("p", "c"), where);
  const auto entries = read();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(*find_entry(entries, entry("p", "").key, "fnv1a64:1"), entry("p", "c"));
  EXPECT_EQ(find_entry(entries, entry("p", "").key, "fnv1a64:2")->config, "b");
  EXPECT_EQ(find_entry(entries, entry("p", "").key, "fnv1a64:3"), nullptr);
  EXPECT_NE(find_stale(entries, entry("p", "").key, "fnv1a64:3"), nullptr);
  EXPECT_EQ(find_stale(entries, entry("q", "").key, "fnv1a64:3"), nullptr);
}

TEST_F(TuneCache, EveryPartOfTheKeyCounts) {
  std::string where;
  keep_tuned(entry("p", "a"), where);
  const auto entries = read();
  const std::vector<void (*)(TuneKey&)> changes{
      [](TuneKey& k) { k.device += "other"; }, [](TuneKey& k) { k.units = 3; },
      [](TuneKey& k) { k.driver += "580"; },   [](TuneKey& k) { k.impl += "other"; },
      [](TuneKey& k) { k.mode += "graph"; },   [](TuneKey& k) { k.cache += "cold"; },
      [](TuneKey& k) { k.options += "a=b"; },  [](TuneKey& k) { k.problem_class += "q"; }};
  for (const auto change : changes) {
    auto key = entry("p", "").key;
    EXPECT_NE(find_entry(entries, key, "fnv1a64:1"), nullptr);
    change(key);
    EXPECT_EQ(find_entry(entries, key, "fnv1a64:1"), nullptr);
  }
}

TEST_F(TuneCache, WritersAtOnceLoseNothing) {
  constexpr int writers = 4, each = 12;
  std::vector<pid_t> children;
  for (int w = 0; w < writers; ++w) {
    const pid_t child = fork();
    if (child == 0) {
      std::string where;
      for (int k = 0; k < each; ++k) keep_tuned(entry(fmt::format("p{}-{}", w, k), "a"), where);
      _exit(where.starts_with("kept in ") ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(read().size(), static_cast<std::size_t>(writers * each));
  int files = 0;  // the cache and its lock: nothing half-written is left
  for ([[maybe_unused]] const auto& file : fs::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 2);
}

TEST_F(TuneCache, GarbageIsIgnoredInOneLineAndSetAside) {
  for (const std::string garbage :
       {"", "{\"rnnbench_tuned\": 1, \"entries\": [{\"dev", "[]", "null",
        "{\"rnnbench_tuned\": 99}", "{\"rnnbench_tuned\": 1, \"entries\": 3}", "\xff\xfe"}) {
    std::ofstream(tune_cache_file()) << garbage;
    std::string trouble, where;
    EXPECT_TRUE(read_tune_cache(trouble).empty()) << garbage;
    EXPECT_NE(trouble.find("ignored"), std::string::npos) << garbage;
    EXPECT_EQ(trouble.find('\n'), std::string::npos);
    keep_tuned(entry("p", "a"), where);
    EXPECT_EQ(read().size(), 1U) << garbage;
    std::ifstream aside(tune_cache_file().string() + ".unreadable");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(aside), {}), garbage);
  }
}

TEST_F(TuneCache, AnEntryThatCannotBeReadCostsItselfAloneAndStays) {
  std::string where, trouble;
  keep_tuned(entry("p", "a"), where);
  auto json = Json::parse(text());
  json["entries"].push_back({{"device", 3}});
  auto half = json["entries"][0];
  half.erase("config");
  json["entries"].push_back(half);
  std::ofstream(tune_cache_file()) << json;
  EXPECT_EQ(read_tune_cache(trouble).size(), 1U);
  EXPECT_NE(trouble.find("2 of its entries cannot be read and are ignored"), std::string::npos)
      << trouble;
  keep_tuned(entry("q", "a"), where);
  EXPECT_EQ(Json::parse(text())["entries"].size(), 4U);
}

TEST_F(TuneCache, ClearingTakesWhatIsNamed) {
  std::string where;
  EXPECT_EQ(clear_tuned([](const TuneEntry&) { return true; }), 0U);
  for (const char* problem : {"p", "q", "r"}) keep_tuned(entry(problem, "a"), where);
  EXPECT_EQ(clear_tuned([](const TuneEntry& e) { return e.problem == "q"; }), 1U);
  EXPECT_EQ(read().size(), 2U);
}

TEST_F(TuneCache, AFolderThatCannotBeWrittenIsSaid) {
  setenv("RNNBENCH_CACHE", "/dev/null/nowhere", 1);
  std::string where;
  keep_tuned(entry("p", "a"), where);
  EXPECT_TRUE(where.starts_with("not kept: /dev/null/nowhere")) << where;
  EXPECT_NE(where.find("RNNBENCH_CACHE"), std::string::npos);
}

}  // namespace
}  // namespace rnnbench
