// The tuner as a user meets it, on implementations whose configurations last as long as they say
// (tests/zoo/tunable.cpp).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Tune : public ::testing::Test {
 protected:
  /// A cache and a copy of the plug-in that are this test's alone; the ceilings are those that all
  /// tests share, for measuring them takes seconds.
  void SetUp() override {
    fs::create_directory(cache);
    fs::copy(RNNBENCH_BUILD_DIR "/tests/tunable_zoo.so", plugin);
    const char* shared = std::getenv("RNNBENCH_CACHE");
    if (!shared) return;
    if (!fs::exists(shared) || fs::is_empty(shared)) run_program("doctor");
    for (const auto& file : fs::directory_iterator(shared))
      if (file.path().filename().string().starts_with("peaks-")) fs::copy(file.path(), cache);
  }

  Finished rnnbench(const std::string& arguments) const {
    return run_program(arguments, fmt::format("cd {} && RNNBENCH_CACHE={} RNNBENCH_ZOO_MARK={}",
                                              folder.path().string(), cache.string(),
                                              (folder.path() / "mark").string()));
  }
  std::string problem(const std::string& impl, const std::string& more = "") const {
    return fmt::format(
        " --device cpu --plugin {} --impl {} --cell rnn_tanh --hidden 4 --no-color "
        "--quiet {} {} ",
        plugin.string(), impl, more.find("--batch") == std::string::npos ? "--batch 2" : "",
        more.find("--seq") == std::string::npos ? more + " --seq 4" : more);
  }
  /// Enough rounds that a few disturbed ones change no verdict on the planted differences.
  Finished tune(const std::string& impl, const std::string& more = "") const {
    fs::remove_all(folder.path() / "tuned");
    return rnnbench("tune --repetitions 15 --min-time 0.1 --out tuned" + problem(impl, more));
  }
  Finished run(const std::string& impl, const std::string& more = "") const {
    fs::remove_all(folder.path() / "ran");
    const bool its_own = more.find("--repetitions") != std::string::npos;
    return rnnbench((its_own ? "--out ran" : "--repetitions 3 --min-time 0.001 --out ran") +
                    problem(impl, more));
  }
  Json tuning(std::size_t index = 0) const {
    const auto json = Json::parse(text_of(folder.path() / "tuned/tune.json"), nullptr, false);
    return json.is_object() ? json.at("cases").at(index) : Json();
  }
  Json ran_case() const {
    return read_results(folder.path() / "ran").at("rnnbench").at("cases").at(0);
  }
  fs::path cache_file() const { return cache / "tuned.json"; }

  Folder folder;
  fs::path cache = folder.path() / "cache", plugin = folder.path() / "zoo.so";
};

TEST_F(Tune, TheFasterOneIsChosenAndAWrongOneNeverIs) {
  const auto first = tune("zoo_tunable");
  EXPECT_EQ(first.code, 1) << first.output;  // a candidate is wrong
  const auto found = tuning();
  EXPECT_EQ(found.at("choice"), "quick") << first.output;
  EXPECT_EQ(found.at("default"), "base");
  EXPECT_EQ(found.at("problem_class"), "rnn_tanh_b2_tn_i4_h4_l1_f32");
  EXPECT_GT(found.at("gain").get<double>(), 0.2);
  EXPECT_LT(found.at("gain").get<double>(), 0.7);
  EXPECT_LT(found.at("confirmation").at("to_default").at("high").get<double>(), 0.98);
  ASSERT_EQ(found.at("candidates").size(), 4U);
  const auto whole = Json::parse(text_of(folder.path() / "tuned/tune.json"));
  EXPECT_EQ(whole.at("protocols").at(0).at("protocol").at("rounds"), 15);
  for (const auto& row : found.at("candidates")) {
    const bool is_wrong = row.at("config") == "wrong";
    EXPECT_EQ(row.at("result").at("outcome"), is_wrong ? "incorrect" : "passed");
    EXPECT_EQ(row.at("result").at("time").is_null(), is_wrong);
    // Verified like any case of a run: twins, full length, and after timing.
    const auto checked = row.at("result").at("verification").at("checked");
    EXPECT_TRUE(is_wrong || checked.back() == "last timed call: output h_n") << checked;
  }
  EXPECT_EQ(found.at("candidates").at(3).at("verdict"), "incorrect");
  EXPECT_NE(first.output.find("quick replaces base: +"), std::string::npos) << first.output;

  const auto over = rnnbench("tune --out tuned" + problem("zoo_tunable"));
  EXPECT_EQ(over.code, 2);
  EXPECT_NE(over.output.find("holds the results of an earlier tune"), std::string::npos);

  const auto kept = text_of(cache_file());
  const auto second = tune("zoo_tunable");
  EXPECT_EQ(second.code, 0) << second.output;
  EXPECT_NE(second.output.find("kept: quick (+"), std::string::npos) << second.output;
  EXPECT_TRUE(tuning().at("candidates").empty());
  EXPECT_EQ(text_of(cache_file()), kept);

  const auto tuned = run("zoo_tunable");
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_EQ(ran_case().at("config"), "quick");
  EXPECT_EQ(ran_case().at("config_source"), "tuned");
  EXPECT_EQ(ran_case().at("note"), "quick");  // what `make` was told
  const std::regex row(R"(tuned: quick \(\+\d+\.\d % over the default, \d{4}-\d\d-\d\d\))");
  EXPECT_TRUE(std::regex_search(tuned.output, row)) << tuned.output;
  EXPECT_TRUE(std::regex_search(text_of(folder.path() / "ran/results.csv"),
                                std::regex(R"(,quick,tuned,"\+\d+\.\d % over)")));
  EXPECT_NE(text_of(folder.path() / "ran/report.md").find("tuned: quick"), std::string::npos);
  EXPECT_NE(ran_case().at("reproduce").get<std::string>().find("--option config=quick"),
            std::string::npos);

  run("zoo_tunable", "--no-tuned");
  EXPECT_EQ(ran_case().at("config"), "base");
  EXPECT_EQ(ran_case().at("config_source"), "model");
  EXPECT_EQ(ran_case().at("note"), "base");
  EXPECT_NE(ran_case().at("reproduce").get<std::string>().find("--no-tuned"), std::string::npos);
  run("zoo_tunable", "--option config=near");
  EXPECT_EQ(ran_case().at("config"), "near");
  EXPECT_EQ(ran_case().at("config_source"), "asked");
  EXPECT_EQ(ran_case().at("note"), "near");
  // Of the same class: the choice holds, and says where it was measured.
  run("zoo_tunable", "--seq 9 --outputs output");
  EXPECT_EQ(ran_case().at("config_source"), "tuned");
  EXPECT_NE(ran_case().at("config_note").get<std::string>().find("measured on rnn_tanh_b2_t4_"),
            std::string::npos);
  // Of the same class, but its implementation does not offer it there.
  run("zoo_tunable", "--seq 2");
  EXPECT_EQ(ran_case().at("config"), "base");
  EXPECT_EQ(ran_case().at("config_source"), "model");
  EXPECT_NE(ran_case().at("config_note").get<std::string>().find("no candidate here"),
            std::string::npos);
  for (const char* elsewhere : {"--seq 1", "--batch 3", "--cache cold", "--option a=b"}) {
    run("zoo_tunable", elsewhere);
    EXPECT_EQ(ran_case().at("config_source"), "model") << elsewhere;
    EXPECT_EQ(ran_case().at("config_note"), "") << elsewhere;
  }
}

TEST_F(Tune, EqualAndHardlyFasterOnesNeverReplaceTheDefault) {
  const auto tuned = tune("zoo_even");
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_EQ(tuning().at("choice"), "base") << tuned.output;
  EXPECT_FALSE(tuning().at("switched").get<bool>());
  EXPECT_TRUE(tuning().at("confirmation").is_null()) << tuned.output;
  run("zoo_even");
  EXPECT_EQ(ran_case().at("config_source"), "tuned");  // looked at, and kept
  EXPECT_NE(ran_case().at("config_note").get<std::string>().find("the default was kept"),
            std::string::npos);
}

TEST_F(Tune, CopiesOfTheDefaultNeverReplaceIt) {
  const auto tuned = tune("zoo_tunable", "--aa --batch 1,2,3,4,5");
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_NE(tuned.output.find("5 cases: 0 switched, 5 with the default"), std::string::npos)
      << tuned.output;
  for (std::size_t k = 0; k < 5; ++k)
    for (const auto& row : tuning(k).at("candidates")) EXPECT_EQ(row.at("config"), "base");
  EXPECT_EQ(tuning().at("candidates").size(), 4U);
  EXPECT_FALSE(fs::exists(cache_file()));  // a test of the method chooses nothing
}

TEST_F(Tune, AGainThatDoesNotHoldInNewProcessesIsNone) {
  const auto tuned = tune("zoo_lucky");
  EXPECT_EQ(tuned.code, 1) << tuned.output;  // one candidate crashes
  EXPECT_EQ(tuning().at("choice"), "base") << tuned.output;
  const auto rows = tuning().at("candidates");
  EXPECT_TRUE(rows.at(1).at("verdict").get<std::string>().starts_with("not confirmed"))
      << tuned.output;
  EXPECT_EQ(rows.at(2).at("verdict"), "crashed");
}

TEST_F(Tune, TheOrderOfTurnsIsTheSeeds) {
  const auto order = [&](int seed) {
    const auto tuned = tune("zoo_quick", fmt::format("--aa --tune-seed {} --benchmark_out={}", seed,
                                                     (folder.path() / "rounds.json").string()));
    EXPECT_EQ(tuned.code, 0) << tuned.output;
    std::vector<std::string> names;
    const auto rounds = Json::parse(text_of(folder.path() / "rounds.json"));
    for (const auto& turn : rounds.at("benchmarks"))
      names.push_back(turn.at("name").get<std::string>());
    EXPECT_EQ(names.size(), 15U * 4U);
    return names;
  };
  const auto first = order(7);
  EXPECT_EQ(order(7), first);
  EXPECT_NE(order(8), first);
}

TEST_F(Tune, ARunTunesWhatHasNoChoiceYet) {
  const auto before = run("zoo_quick");
  EXPECT_NE(before.output.find("model default: base"), std::string::npos) << before.output;
  EXPECT_EQ(ran_case().at("config_source"), "model");
  const auto tuned = run("zoo_quick", "--tune --repetitions 15 --min-time 0.1");
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_EQ(ran_case().at("config"), "quick") << tuned.output;
  EXPECT_EQ(ran_case().at("config_source"), "tuned");
  EXPECT_TRUE(fs::exists(folder.path() / "ran/tune.json"));
  EXPECT_NE(tuned.output.find("quick replaces base"), std::string::npos) << tuned.output;
  const auto again = run("zoo_quick", "--tune");
  EXPECT_NE(again.output.find("kept: quick"), std::string::npos) << again.output;
}

TEST_F(Tune, ChoicesForOtherCodeAreStale) {
  ASSERT_EQ(tune("zoo_quick").code, 0);
  const auto listed = rnnbench("tune --list");
  EXPECT_TRUE(std::regex_search(
      listed.output, std::regex(R"(rnn_tanh_b2_tn_i4_h4_l1_f32  cpu:zoo_quick +quick +\+\d+\.\d %)"
                                R"( +\d{4}-\d\d-\d\d  current\n)")))
      << listed.output;
  EXPECT_EQ(rnnbench("tune --clear stale").output,
            "0 entries removed from " + cache_file().string() + "\n");
  std::ofstream(plugin, std::ios::app) << "other code";  // which a loader does not mind
  const auto stale = run("zoo_quick");
  EXPECT_EQ(ran_case().at("config"), "base");
  EXPECT_EQ(ran_case().at("config_source"), "model");
  EXPECT_TRUE(std::regex_search(
      stale.output,
      std::regex(R"(model default: base \(quick, tuned for other code on [-\d]+, is stale)")))
      << stale.output;
  EXPECT_NE(rnnbench("tune --list").output.find("  stale\n"), std::string::npos);
  fs::remove(plugin);
  EXPECT_NE(rnnbench("tune --list").output.find("stale: its file is gone\n"), std::string::npos);
  EXPECT_EQ(rnnbench("tune --clear no_such_thing").output,
            "0 entries removed from " + cache_file().string() + "\n");
  EXPECT_EQ(rnnbench("tune --clear 'zoo_quick.*stale'").output,
            "1 entry removed from " + cache_file().string() + "\n");
  EXPECT_EQ(rnnbench("tune --list").output, "no tuned choices in " + cache_file().string() + "\n");
  EXPECT_EQ(rnnbench("tune --clear").code, 0);
}

TEST_F(Tune, ATornCacheCostsOneLine) {
  std::ofstream(cache_file()) << R"({"rnnbench_tuned": 1, "entries": [{"devi)";
  const auto loud = rnnbench("--repetitions 3 --min-time 0.001 --out ran" +
                             std::regex_replace(problem("zoo_quick"), std::regex("--quiet"), ""));
  EXPECT_EQ(loud.code, 0) << loud.output;
  EXPECT_NE(loud.output.find("tuned.json: not a file of tuned choices"), std::string::npos)
      << loud.output;
  EXPECT_EQ(ran_case().at("config_source"), "model");
  EXPECT_EQ(rnnbench("tune --list").code, 0);
  EXPECT_EQ(tune("zoo_quick").code, 0);
  EXPECT_TRUE(fs::exists(cache_file().string() + ".unreadable"));
  EXPECT_NE(rnnbench("tune --list").output.find("cpu:zoo_quick"), std::string::npos);
  EXPECT_TRUE(rnnbench("tune --clear").output.starts_with("1 entry removed"));  // all of them
}

TEST_F(Tune, MoreThanFourCandidatesAreRefusedByName) {
  const auto tuned = tune("zoo_crowded");
  EXPECT_EQ(tuned.code, 1) << tuned.output;
  EXPECT_NE(tuned.output.find("cpu:zoo_crowded: it has 5 candidates; at most 4 are measured"),
            std::string::npos)
      << tuned.output;
  EXPECT_FALSE(fs::exists(cache_file()));
  EXPECT_EQ(run("zoo_crowded").code, 0);  // as its model has it
}

TEST_F(Tune, AWordThatAnImplementationDoesNotHaveIsItsError) {
  const auto asked = run("zoo_quick", "--option config=64x64");
  EXPECT_EQ(asked.code, 1) << asked.output;
  EXPECT_EQ(ran_case().at("outcome"), "failed");
  EXPECT_NE(ran_case().at("reason").get<std::string>().find("'64x64' is not one of base, quick"),
            std::string::npos);
}

/// The worker of docs/worker-protocol.md, with three more lines: tunable by sleeping less.
TEST_F(Tune, AnExternalWorkerCanBeTunable) {
  auto text = text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py");
  const auto replace = [&](const std::string& from, const std::string& to) {
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
  };
  replace("\"deterministic\": True", "\"deterministic\": True, \"tunable\": True");
  replace(
      "    if op == \"make\":\n",
      "    if op == \"candidates\":\n"
      "        return {\"candidates\": [{\"config\": \"slow\"}, {\"config\": \"fast\"}]}\n"
      "    if op == \"make\":\n"
      "        case = cases[asked[\"case\"]]\n"
      "        case[\"pause\"] = 0 if asked[\"options\"].get(\"config\") == \"fast\" else 0.001\n");
  replace("    case[\"outputs\"] =", "    time.sleep(case[\"pause\"])\n    case[\"outputs\"] =");
  std::ofstream(folder.path() / "worker.py") << text;
  const std::string external = "--external mine='python3 worker.py' ";
  const auto tuned = tune("mine", external);
  EXPECT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_EQ(tuning().at("choice"), "fast") << tuned.output;
  run("mine", external);
  EXPECT_EQ(ran_case().at("config_source"), "tuned");
  std::ofstream(folder.path() / "worker.py", std::ios::app) << "# other code";
  run("mine", external);
  EXPECT_EQ(ran_case().at("config_source"), "model");
  EXPECT_NE(ran_case().at("config_note").get<std::string>().find("stale"), std::string::npos);
}

TEST_F(Tune, BadUseIsOneLine) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"tune", "nothing to run: give --scenario NAME"},
      {"tune --device cpu --cell gru --hidden 4 --impl naive", "nothing to tune"},
      {"tune --device cpu --cell gru --hidden 4 --option config=a", "tuning chooses the config"},
      {"tune --device cpu --cell gru --hidden 4 --no-verify", "--no-verify"},
      {"tune --clear '['", "tune --clear '['"},
      {"--device cpu --cell gru --hidden 4 --tune --no-tuned", "--tune and --no-tuned"}};
  for (const auto& [arguments, says] : mistakes) {
    const auto bad = rnnbench(arguments);
    EXPECT_EQ(bad.code, 2) << arguments << "\n" << bad.output;
    EXPECT_NE(bad.output.find(says), std::string::npos) << arguments << "\n" << bad.output;
    EXPECT_EQ(std::count(bad.output.begin(), bad.output.end(), '\n'), 1) << bad.output;
  }
}

TEST_F(Tune, CandidatesKnowTheOptionsThatMakeWillGet) {
  const auto all = rnnbench("tune --dry-run" + problem("zoo_quick"));
  EXPECT_NE(all.output.find("  quick  "), std::string::npos) << all.output;
  const auto fewer = rnnbench("tune --dry-run --option only=base" + problem("zoo_quick"));
  EXPECT_EQ(fewer.code, 0);
  EXPECT_NE(fewer.output.find("  base  "), std::string::npos) << fewer.output;
  EXPECT_EQ(fewer.output.find("  quick  "), std::string::npos) << fewer.output;
}

TEST_F(Tune, ADryRunShowsTheCandidates) {
  const auto dry = rnnbench("tune --dry-run" + problem("zoo_quick"));
  EXPECT_EQ(dry.output,
            "ad_hoc/rnn_tanh_b2_t4_i4_h4_l1_f32/cpu:zoo_quick\n  base  conservative\n"
            "  quick  30 % less time\n");
}

}  // namespace
}  // namespace rnnbench::testing
