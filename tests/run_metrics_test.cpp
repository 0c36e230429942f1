// Counters, from the command line to the files; a worker of one's own has made-up ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

const std::string problem = "--device cpu --cell rnn_tanh --hidden 4 --seq 3 ";

std::string worker_source() { return text_of(RNNBENCH_SOURCE_DIR "/tests/external_worker.py"); }

Finished run_worker(const Folder& folder, const std::string& source, const std::string& flags) {
  std::ofstream(folder.path() / "worker.py") << source;
  return run_program(problem + "--impl mine " + fast + out_flag(folder) +
                     "--external mine='python3 " + (folder.path() / "worker.py").string() + "' " +
                     flags);
}

nlohmann::json metrics_in(const Folder& folder) {
  std::ifstream in(folder.path() / "metrics.json");
  return in ? nlohmann::json::parse(in) : nlohmann::json();
}

/// Its case is measured and checked by then, and yet not finished.
TEST(RunMetrics, InterruptedWhileCountersAreReadItsProblemRunsAgain) {
  const Folder folder;
  const std::string began = (folder.path() / "began").string();
  std::string source = worker_source();
  const std::string op = "    if op == \"metrics\":";
  const auto line = source.find('\n', source.find(op)) + 1;
  source.insert(line, fmt::format("        import os, time\n"
                                  "        if not os.path.exists('{0}'):\n"
                                  "            open('{0}', 'w').close()\n"
                                  "            time.sleep(60)\n",
                                  began));
  std::ofstream(folder.path() / "worker.py") << source;
  const std::string arguments = problem + "--impl mine,naive " + fast + "--metrics default " +
                                out_flag(folder) + "--external mine='python3 " +
                                (folder.path() / "worker.py").string() + "'";
  const auto first =
      run_program(arguments, "sh -c '\"$0\" \"$@\" & run=$!; until [ -e " + began +
                                 " ]; do sleep 0.02; done; kill -INT $run; wait $run'");
  EXPECT_EQ(first.code, 130) << first.output;
  EXPECT_NE(first.output.find("before its counters were read"), std::string::npos) << first.output;

  const auto second = run_program("--quiet --resume " + folder.path().string());
  EXPECT_EQ(second.code, 0) << second.output;
  const auto cases = cases_in(folder.path());
  ASSERT_EQ(cases.size(), 2U);
  for (const auto& one : cases) {
    EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
    EXPECT_FALSE(one.at("profile").at("region").empty()) << one.at("impl");
  }
}

TEST(RunMetrics, CountersGoFromAWorkerIntoAllFiles) {
  const Folder folder;
  const auto run = run_worker(folder, worker_source(), "--metrics default");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
  const auto& profile = one.at("profile");
  EXPECT_EQ(profile.at("region").at("instructions"), 1000);
  EXPECT_TRUE(profile.at("region").at("cycles").at("value").is_null());
  EXPECT_EQ(profile.at("region").at("cycles").at("why"), "plain Python does not count it");
  EXPECT_EQ(profile.at("timeline").at("series").at("cycles"), nlohmann::json({1.0, 2.0}));

  const auto metrics = metrics_in(folder);
  ASSERT_EQ(metrics.at("cases").size(), 1U);
  const auto& again = metrics.at("cases").begin().value();
  EXPECT_EQ(metrics.at("cases").begin().key(), "ad_hoc/rnn_tanh_b1_t3_i4_h4_l1_f32/cpu:mine");
  EXPECT_EQ(again.at("region").at("instructions"), 1000);
  EXPECT_TRUE(again.at("region").at("cycles").is_null());
  EXPECT_EQ(again.at("why").at("cycles"), "plain Python does not count it");
  EXPECT_EQ(again.at("kernels").at("step").at("gpu__time_duration.sum"), 1500);
  EXPECT_EQ(again.at("kernels").at("step").at("launches"), 3);

  std::ifstream csv(folder.path() / "results.csv");
  std::string header, row;
  std::getline(csv, header), std::getline(csv, row);
  EXPECT_NE(header.find(",cycles,"), std::string::npos) << header;
  EXPECT_NE(header.find(",instructions,"), std::string::npos) << header;
  EXPECT_NE(row.find(",1000,"), std::string::npos) << row;
  EXPECT_NE(run.output.find("counters of one call: 1 k instructions"), std::string::npos)
      << run.output;
  EXPECT_EQ(run.output.find("No counters"), std::string::npos) << run.output;
}

TEST(RunMetrics, OnlyWhatWasAskedForIsRead) {
  const Folder folder;
  const auto run =
      run_worker(folder, worker_source(), "--metrics instructions,zzz,median_s --timeout 45");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("profile").at("region").size(), 3U);
  std::ifstream csv(folder.path() / "results.csv");
  std::string header;
  std::getline(csv, header);
  EXPECT_EQ(header.find(",median_s"), header.rfind(",median_s")) << header;
  const auto reproduce = one.at("reproduce").get<std::string>();
  EXPECT_NE(reproduce.find("--metrics instructions,zzz,median_s"), std::string::npos);
  EXPECT_NE(reproduce.find("--timeout 45"), std::string::npos) << "else it waits longer for less";

  const Folder none;
  EXPECT_EQ(run_worker(none, worker_source(), "--metrics none").code, 0);
  EXPECT_TRUE(cases_in(none.path()).at(0).at("profile").is_null());
  EXPECT_FALSE(std::filesystem::exists(none.path() / "metrics.json"));
}

/// The worker with something else where it is asked for metrics.
std::string with_metrics(const std::string& instead) {
  std::string source = worker_source();
  const std::string from = "    if op == \"metrics\":";
  const auto at = source.find(from);
  if (at == std::string::npos) return {};
  const auto line = source.find('\n', at);
  return source.insert(line + 1, "        " + instead + "\n");
}

TEST(RunMetrics, WhateverGoesWrongThereLeavesTheCaseAsItWas) {
  const std::pair<const char*, const char*> troubles[] = {
      {"raise ValueError('counters are out')", "counters are out"},
      {"import os; os._exit(3)", "exit code 3"},
      {"time.sleep(60)", "no answer within 8 s"},
      {"return {}", "profile"}};
  for (const auto& [trouble, reason] : troubles) {
    const Folder folder;
    const auto run = run_worker(folder, with_metrics(trouble), "--timeout 8");
    EXPECT_EQ(run.code, 0) << run.output;
    const auto one = cases_in(folder.path()).at(0);
    EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
    EXPECT_FALSE(one.at("time").is_null());
    const auto why = one.at("profile").at("region").at("cycles").at("why").get<std::string>();
    EXPECT_NE(why.find(reason), std::string::npos) << why;
    EXPECT_NE(run.output.find("its counters could not be read: "), std::string::npos) << run.output;
  }
}

TEST(RunMetrics, WhoInterruptsThePassKeepsWhatWasMeasured) {
  const Folder folder;
  std::ofstream(folder.path() / "worker.py")
      << with_metrics("import os, signal; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)");
  const auto run =
      run_program(problem + "--impl mine " + fast + out_flag(folder) +
                  "--external mine='exec python3 " + (folder.path() / "worker.py").string() + "'");
  EXPECT_EQ(run.code, 130) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
  EXPECT_FALSE(one.at("time").is_null());
}

TEST(RunMetrics, OurOwnCountersHaveAValueOrAReason) {
  const Folder folder;
  const auto run = run_program(problem + "--impl naive " + fast + out_flag(folder) +
                               "--metrics instructions,no-such-counter");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto again = run_program(problem + "--impl naive " + fast + "--out " +
                                 (folder.path() / "full").string() + " --metrics full");
  EXPECT_EQ(again.code, 0) << again.output;
  for (const auto& file : {folder.path(), folder.path() / "full"})
    for (const auto& [name, metric] : cases_in(file).at(0).at("profile").at("region").items()) {
      if (metric.is_number()) continue;
      EXPECT_TRUE(metric.at("value").is_null()) << name;
      EXPECT_NE(metric.at("why"), "") << name;
    }
  const auto unknown =
      cases_in(folder.path()).at(0).at("profile").at("region").at("no-such-counter");
  EXPECT_NE(unknown.at("why").get<std::string>().find("no such counter"), std::string::npos);
}

TEST(RunMetrics, AMisspeltNameIsSaidOnTheScreenOnce) {
  const Folder folder;
  const auto run = run_program(problem + "--impl naive,blas " + fast + out_flag(folder) +
                               "--metrics context-switches,cache-mises");
  EXPECT_EQ(run.code, 0) << run.output;
  const std::string says =
      "warning: no value for cache-mises: no such counter; nearest: cache-misses";
  const auto at = run.output.find(says);
  EXPECT_NE(at, std::string::npos) << run.output;
  EXPECT_EQ(run.output.find("cache-mises", at + says.size()), std::string::npos) << run.output;
  EXPECT_EQ(run.output.find("No counters"), std::string::npos) << run.output;
}

TEST(RunMetrics, CallgrindCountsTheInstructionsOfACall) {
  const Folder folder;
  const std::string flags = "--metrics callgrind --threads 1 --impl naive ";
  const auto count = [&](const std::string& sizes, const std::string& out) {
    const auto run = run_program("--device cpu --cell rnn_tanh --hidden 16 " + sizes + flags +
                                 fast + "--out " + (folder.path() / out).string());
    EXPECT_EQ(run.code, 0) << run.output;
    const auto profile = cases_in(folder.path() / out).at(0).at("profile");
    const auto& counted = profile.at("region").at("callgrind");
    if (counted.is_number()) {
      EXPECT_GT(profile.at("spent_s"), 0.05) << "less than valgrind's start";
    }
    return counted;
  };
  const auto once = count("--seq 8 ", "once");
  if (!once.is_number()) {
    EXPECT_NE(once.at("why").get<std::string>().find("valgrind"), std::string::npos);
    GTEST_SKIP() << once.at("why");
  }
  EXPECT_GT(once.get<double>(), 8 * 16 * 32);  // an instruction each at least
  EXPECT_EQ(count("--seq 8 ", "again"), once);
  const double twice = count("--seq 16 ", "twice").get<double>();
  EXPECT_NEAR(twice / once.get<double>(), 2, 0.2);
}

TEST(RunMetrics, BadWordsAreUsageErrors) {
  for (const char* flags : {"--metrics ''", "--metrics a,,b", "--metrics 'a b'",
                            "--metrics-budget 0", "--metrics-budget x"}) {
    const auto run = run_program(problem + flags);
    EXPECT_EQ(run.code, 2) << flags << run.output;
    EXPECT_NE(run.output.find("--metrics"), std::string::npos) << run.output;
  }
}

TEST(RunMetrics, AScenarioNamesItsLevel) {
  const Folder folder;
  const auto file = folder.path() / "quiet.toml";
  const auto write = [&](const std::string& level) {
    std::ofstream(file)
        << "title = \"t\"\nshows = \"s\"\n[problem]\ncell = \"gru\"\nbatch = 1\nseq = 2\n"
           "hidden = 4\n[protocol]\nmetrics = \"" +
               level + "\"\n";
  };
  write("none");
  const auto run = run_program("--device cpu --impl naive --scenario " + file.string() + " " +
                               fast + "--out " + (folder.path() / "a").string());
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(cases_in(folder.path() / "a").at(0).at("profile").is_null());
  const auto over = run_program("--device cpu --impl naive --scenario " + file.string() + " " +
                                fast + "--metrics default --out " + (folder.path() / "b").string());
  EXPECT_EQ(over.code, 0) << over.output;
  EXPECT_FALSE(cases_in(folder.path() / "b").at(0).at("profile").is_null());
  write("a,,b");
  const auto bad = run_program("--device cpu --scenario " + file.string());
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.output.find("quiet.toml:9:"), std::string::npos) << bad.output;
}

TEST(RunMetrics, TheKnownOnesAreListed) {
  const auto all = run_program("list metrics --device cpu");
  EXPECT_EQ(all.code, 0) << all.output;
  EXPECT_NE(all.output.find("instructions"), std::string::npos);
  const auto some = run_program("list metrics --device cpu --filter '^cache'");
  EXPECT_NE(some.output.find("cache-misses"), std::string::npos);
  EXPECT_EQ(some.output.find("instructions"), std::string::npos) << some.output;
  EXPECT_EQ(run_program("list metrics --device cpu --filter '['").code, 2);
  const auto none = run_program("list metrics --device cpu --filter zzz");
  EXPECT_EQ(none.code, 0);
  EXPECT_NE(none.output.find("names matches 'zzz'"), std::string::npos) << none.output;
}

}  // namespace
}  // namespace rnnbench::testing
