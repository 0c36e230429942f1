// The program from a command line to files, as a user meets it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <regex>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

namespace fs = std::filesystem;

const std::string tiny = "--device cpu --cell gru --batch 2 --hidden 6 --seq 4 --impl naive ";

TEST(Run, WritesATableAndThreeFiles) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder));
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_NE(run.output.find("cpu:naive"), std::string::npos);
  EXPECT_NE(run.output.find("1 of 1 case passed"), std::string::npos) << run.output;
  const auto results = read_results(folder.path());
  EXPECT_TRUE(results.contains("context") && results.contains("benchmarks"));
  EXPECT_NE(text_of(folder.path() / "results.csv").find("gru_b2_t4_i6_h6_l1_f32"),
            std::string::npos);
  EXPECT_NE(text_of(folder.path() / "report.md").find("cpu:naive"), std::string::npos);
}

TEST(Run, EveryStageOfVerificationIsOnRecord) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--outputs h_n");
  ASSERT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  std::vector<std::string> expected;
  for (const char* twin : {"twin T=1", "twin T=2", "twin T=5"})
    for (const char* outputs : {"output h_n", "h_n"})
      for (const char* call : {"call 1", "call 2"})
        expected.push_back(fmt::format("{} {}: {}", twin, call, outputs));
  for (const char* later : {"T=4 call 1: output h_n", "T=4 call 1: h_n", "last timed call: h_n"})
    expected.emplace_back(later);
  EXPECT_EQ(one.at("verification").at("checked").get<std::vector<std::string>>(), expected);
  EXPECT_GT(one.at("verification").at("tolerance").get<double>(), 0);
  EXPECT_LE(one.at("verification").at("max_error").get<double>(),
            one.at("verification").at("tolerance").get<double>());
  EXPECT_EQ(one.at("time").at("n").get<int>() % 3, 0);  // three rounds
}

TEST(Run, SmokeScenariosPassInEveryCpuImplementation) {
  int seen = 0;
  for (const auto& entry : fs::directory_iterator(RNNBENCH_SOURCE_DIR "/scenarios")) {
    if (!entry.path().filename().string().starts_with("smoke")) continue;
    ++seen;
    const Folder folder;
    const auto run =
        run_program(fmt::format("--scenario {} --device cpu --bitwise 3 --verify-only --quiet {}",
                                entry.path().string(), out_flag(folder)));
    EXPECT_EQ(run.code, 0) << run.output;
    const auto cases = cases_in(folder.path());
    for (const auto& one : cases) {
      const auto outcome = one.at("outcome").get<std::string>();
      EXPECT_TRUE(outcome == "passed" || (outcome == "unsupported" && one.at("reason") != ""))
          << one.at("impl") << one.at("problem") << one.at("reason");
    }
  }
  EXPECT_GE(seen, 2);
}

TEST(GpuRun, SmokeScenariosPassInEveryCudaImplementation) {
  const auto devices = run_program("list devices");
  std::smatch why;
  if (std::regex_search(devices.output, why, std::regex("no CUDA device.*")))
    GTEST_SKIP() << why.str();
  for (const std::string scenario : {"smoke", "smoke_sizes"}) {
    const Folder folder;
    const auto run =
        run_program("--scenario " RNNBENCH_SOURCE_DIR "/scenarios/" + scenario +
                    ".toml --device cuda --graph --bitwise 3 --filter '^(?!.*persist-dynamic)' " +
                    fast + out_flag(folder));
    EXPECT_EQ(run.code, 0) << run.output;
    const auto cases = cases_in(folder.path());
    for (const auto& one : cases) {
      const auto impl = one.at("impl").get<std::string>();
      const bool refused = impl.starts_with("cuda:cudnn") && one.at("outcome") == "unsupported";
      EXPECT_TRUE(refused || one.at("outcome") == "passed") << impl << one.at("reason");
    }
  }
}

TEST(GpuRun, EveryNumberFormatPassesOrIsRefusedInWords) {
  const auto devices = run_program("list devices");
  std::smatch why;
  if (std::regex_search(devices.output, why, std::regex("no CUDA device.*")))
    GTEST_SKIP() << why.str();
  const Folder folder;
  const auto run = run_program(
      "--scenario smoke --dtype tf32,f16,bf16 --device cuda --graph --filter "
      "'^(?!.*persist-dynamic)' " +
      fast + out_flag(folder));
  EXPECT_EQ(run.code, 0) << run.output;
  for (const auto& one : cases_in(folder.path())) {
    const auto impl = one.at("impl").get<std::string>(),
               outcome = one.at("outcome").get<std::string>();
    const auto reason = one.at("reason").get<std::string>();
    const bool refused = impl.starts_with("cuda:cudnn") && outcome == "unsupported" &&
                         reason.find("cuDNN") != std::string::npos;
    EXPECT_TRUE(refused || outcome == "passed") << impl << one.at("problem") << reason;
  }
}

TEST(Run, SaysThatThereIsNoCudaDevice) {
  if (run_program("list devices").output.find("no CUDA device") == std::string::npos)
    GTEST_SKIP() << "this machine has a CUDA device";
  const auto run = run_program("--scenario smoke --device cuda");
  EXPECT_EQ(run.code, 2);
  EXPECT_TRUE(run.output.starts_with("rnnbench: no CUDA device")) << run.output;
  const auto list = run_program("list metrics --device cuda");
  EXPECT_EQ(list.code, run.code);
  EXPECT_EQ(list.output, run.output);
}

struct Mistake {
  std::string arguments, says;
};

TEST(Run, BadInputIsOneLineAndExitCodeTwo) {
  const std::vector<Mistake> mistakes{
      {"", "nothing to run: give --scenario NAME"},
      {"--scenario gru_bidr", "gru_bidir"},
      {"--scenario smoke --impl nothing", "--impl nothing: no such implementation"},
      {"--scenario smoke --skip-impl nothing", "--skip-impl nothing"},
      {"--scenario smoke --filter '['", "--filter '['"},
      {"--scenario smoke --device gpu", "--device 'gpu'"},
      {"--scenario smoke --device cpu:7", "no such device"},
      {"list metrics --device cpu:7", "no such device"},
      {"--scenario smoke --batch 0", "--batch"},
      {"--scenario smoke --hidden 256:128:64", "--hidden"},
      {"--scenario smoke --cache warm", "--cache"},
      {"--scenario smoke --budget -1", "--budget"},
      {"--scenario smoke --format pdf", "--format"},
      {"--scenario smoke --tag novalue", "--tag 'novalue'"},
      {"--scenario smoke --no-such-flag", "--no-such-flag"},
      {"--scenario smoke --benchmark_nonsense=1", "--benchmark_nonsense"},
      {"--scenario smoke --plugin nowhere.so", "--plugin nowhere.so: no such file"},
      {"--scenario smoke --plugin " RNNBENCH_SOURCE_DIR "/README.md", "cannot load"},
      {"--scenario smoke --external me=/bin/false", "me:"},
      {"--scenario smoke --external me='echo hello'", "not of the protocol"},
      {"--cell gru", "hidden"},
      {"--problem gru_b1_t0_i1_h1_l1_f32", "t0"},
      {"--cell gru --hidden 4 --layers 2000000000", "at most 10000 layers"},
      {"--problem gru_b1_t1_i4_h4_l2000000000_f32", "at most 10000"},
      {"--resume /nowhere", "--resume /nowhere"},
      {"--resume /nowhere --batch 3", "--batch: --resume goes on with the flags"},
      {"--scenario smoke --seed -1", "from 0 to 2^64 - 1"},
      {"--scenario smoke --seed 99999999999999999999999", "--seed"},
      {"--scenario smoke --benchmark_min_time=10x", "expected seconds"},
      {"--scenario smoke --benchmark_min_time=-5", "expected seconds"},
      {"--scenario smoke --filter no_such_case", "no case is left"},
      {"--scenario smoke --batch ''", "--batch"},
      {"--scenario smoke --no-verify --save-tensors /tmp", "--save-tensors"},
      {"--scenario smoke --out /dev/null/x", "--out /dev/null/x"}};
  for (const auto& mistake : mistakes) {
    const auto run = run_program(mistake.arguments);
    EXPECT_EQ(run.code, 2) << mistake.arguments << "\n" << run.output;
    EXPECT_NE(run.output.find(mistake.says), std::string::npos) << mistake.arguments << "\n"
                                                                << run.output;
    EXPECT_EQ(std::count(run.output.begin(), run.output.end(), '\n'), 1) << run.output;
  }
}

TEST(Run, DryRunOfDeepBenchIsQuick) {
  const auto start = std::chrono::steady_clock::now();
  const auto run = run_program("--scenario deepbench --dry-run --device cpu");
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(run.code, 0);
  EXPECT_LT(took, 0.5);
  EXPECT_NE(run.output.find("lstm_b16_t150_i256_h256_l1_f32/cpu:naive"), std::string::npos);
}

// libgomp would bind the worker's own thread when it is loaded, and all it counts after that is 1.
TEST(Run, OpenMpBindingDoesNotHideCores) {
  const auto cores = [](const std::string& before) {
    const auto run = run_program("doctor --json", before);
    const auto json = nlohmann::json::parse(run.output, nullptr, false);
    return json.is_object() ? json.at("devices").at(0).at("device").at("units").get<int>() : -1;
  };
  EXPECT_GE(cores(""), 1);
  EXPECT_EQ(cores("OMP_PROC_BIND=true OMP_PLACES=cores"), cores(""));
}

TEST(Run, DevicesNamedTwiceRunOnce) {
  const auto once = run_program("--scenario smoke --device cpu --dry-run");
  const auto twice = run_program("--scenario smoke --device cpu,cpu:0 --dry-run");
  EXPECT_EQ(once.output, twice.output);
}

TEST(Run, ScenariosOfOneNameAreResumedEach) {
  const Folder folder;
  for (const std::string cache : {"hot", "cold"}) {
    std::filesystem::create_directory(folder.path() / cache);
    std::ofstream(folder.path() / cache / "x.toml")
        << "[problem]\ncell = \"gru\"\nhidden = 8\nseq = 3\n[protocol]\ncache = \"" << cache
        << "\"\n";
  }
  const auto at = [&](const char* part) { return (folder.path() / part).string(); };
  const auto run =
      run_program(fmt::format("--scenario {} --scenario {} --impl naive --device cpu {} "
                              "--out {}",
                              at("hot/x.toml"), at("cold/x.toml"), fast, at("out")));
  EXPECT_EQ(run.code, 0) << run.output;
  // As if it had been stopped after its first case.
  std::ifstream in(folder.path() / "out/journal.jsonl");
  std::string header, first;
  std::getline(in, header), std::getline(in, first);
  std::ofstream(folder.path() / "out/journal.jsonl") << header << "\n" << first << "\n";
  const auto resumed = run_program("--quiet --resume " + at("out"));
  EXPECT_EQ(resumed.code, 0) << resumed.output;
  const auto cases = cases_in(folder.path() / "out");
  ASSERT_EQ(cases.size(), 2U);
  EXPECT_EQ(cases.at(0).at("cache"), "hot");
  EXPECT_EQ(cases.at(1).at("cache"), "cold");
}

TEST(Run, WithoutChecksTheBudgetStillHolds) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--no-verify --budget 1e-9");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("outcome"), "over budget");
  EXPECT_GT(one.at("projected_s").get<double>(), 0);
}

TEST(Run, EveryResultSaysItsCacheModeAndDevice) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--cache cold");
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_NE(run.output.find("cache cold, "), std::string::npos) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("cache"), "cold");
  EXPECT_EQ(one.at("device"), "cpu");
}

TEST(Run, RotatingSaysWhenItsInstancesDoNotCoverTheCache) {
  const Folder folder;  // one float each way: no number of instances covers a cache
  const auto run = run_program("--problem rnn_tanh_b1_t1_i1_h1_l1_f32 --impl naive --device cpu " +
                               fast + out_flag(folder) + "--cache rotate");
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_NE(run.output.find("warning: cache rotate: 512 instances cover"), std::string::npos)
      << run.output;
}

TEST(Run, OverBudgetIsAProjectionNotAMeasurement) {
  const Folder folder;
  // Steps that are seen above the noise of a call: else there is no projection.
  const auto run =
      run_program("--device cpu --cell gru --batch 8 --hidden 96 --seq 4 --impl naive " + fast +
                  out_flag(folder) + "--budget 1e-9");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto one = cases_in(folder.path()).at(0);
  EXPECT_EQ(one.at("outcome"), "over budget");
  EXPECT_TRUE(one.at("time").is_null());
  EXPECT_GT(one.at("projected_s").get<double>(), 0);
  EXPECT_NE(run.output.find("projected"), std::string::npos);
}

TEST(Run, UnverifiedIsSaid) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--no-verify");
  EXPECT_EQ(cases_in(folder.path()).at(0).at("outcome"), "unverified") << run.output;
}

TEST(Run, ToleranceOptionsReplaceTheDerivedOne) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--rtol 0 --atol 0");
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(cases_in(folder.path()).at(0).at("outcome"), "incorrect") << run.output;
}

TEST(Run, RequireRanFailsARunThatRanTooLittle) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--dtype f16 --require-ran 1");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.output.find("--require-ran asks for 1"), std::string::npos) << run.output;
}

TEST(Run, BenchmarkOutHoldsAllRounds) {
  const Folder folder;
  const auto file = folder.path() / "gb.json";
  const auto run = run_program(tiny + fast + out_flag(folder) + "--benchmark_out=" + file.string() +
                               " --benchmark_repetitions=2");
  ASSERT_EQ(run.code, 0) << run.output;
  const auto json = nlohmann::json::parse(text_of(file));
  int turns = 0;
  for (const auto& entry : json.at("benchmarks"))
    if (entry.at("run_type") == "iteration") ++turns;
  EXPECT_EQ(turns, 3 * 2);
}

TEST(Run, BenchmarkFilterAndListWork) {
  const auto all = run_program("--scenario smoke --device cpu --benchmark_list_tests");
  const auto some =
      run_program("--scenario smoke --device cpu --benchmark_list_tests --benchmark_filter=lstm");
  EXPECT_NE(all.output.find("gru"), std::string::npos);
  EXPECT_EQ(some.output.find("/gru"), std::string::npos) << some.output;
  EXPECT_NE(some.output.find("lstm"), std::string::npos);
}

TEST(Run, SavedTensorsAreTheOnesThatWereUsed) {
  const Folder folder;
  const auto run = run_program(tiny + fast + out_flag(folder) + "--verify-only --save-tensors " +
                               (folder.path() / "npy").string());
  ASSERT_EQ(run.code, 0) << run.output;
  const auto base = folder.path() / "npy" / "gru_b2_t4_i6_h6_l1_f32";
  for (const char* file : {"x.npy", "h_0.npy", "weight_ih_l0.npy", "bias_hh_l0.npy",
                           "reference/output.npy", "cpu-naive/output.npy", "cpu-naive/h_n.npy"})
    EXPECT_TRUE(fs::exists(base / file)) << file;
  const auto x = text_of(base / "x.npy");
  EXPECT_NE(x.find("'shape': (4, 2, 6, )"), std::string::npos);
  EXPECT_EQ(x.size() % 64, (4 * 2 * 6 * sizeof(float)) % 64);
}

TEST(Run, AnInterruptedRunGoesOnAndGivesTheSameFiles) {
  const Folder folder;
  const std::string arguments = "--device cpu --cell gru,lstm --batch 1,2,3 --hidden 32 --seq 50 " +
                                std::string("--impl naive --no-color --min-time 0.3 ") +
                                out_flag(folder);
  // One signal, as soon as the journal holds a case after its heading.
  const std::string journal = (folder.path() / "journal.jsonl").string();
  const std::string interrupt = "sh -c '\"$0\" \"$@\" & run=$!; until grep -qs scenario.:.ad_hoc " +
                                journal + "; do sleep 0.02; done; kill -INT $run; wait $run'";
  const auto first = run_program(arguments, interrupt);
  EXPECT_EQ(first.code, 130) << first.output;
  EXPECT_NE(first.output.find("--resume"), std::string::npos) << first.output;
  const auto kept = cases_in(folder.path());
  ASSERT_GT(kept.size(), 0U);
  ASSERT_LT(kept.size(), 6U);
  // A last line that was cut off costs its case alone.
  std::ofstream(folder.path() / "journal.jsonl", std::ios::app) << "{\"scenario\":\"ad_h";
  const auto second = run_program("--quiet --resume " + folder.path().string());
  EXPECT_EQ(second.code, 0) << second.output;
  const auto all = cases_in(folder.path());
  ASSERT_EQ(all.size(), 6U);
  for (std::size_t k = 0; k < kept.size(); ++k)
    if (kept.at(k).at("outcome") == "passed") {
      EXPECT_EQ(all.at(k), kept.at(k));
    }
  const auto third = run_program("--quiet --resume " + folder.path().string());
  EXPECT_EQ(cases_in(folder.path()), all);
}

TEST(Run, ScenariosAreFoundFromAnywhere) {
  const auto run = run_program("--scenario smoke --dry-run --device cpu", "cd / && ");
  EXPECT_EQ(run.code, 0) << run.output;
  const auto named =
      run_program("list scenarios", "cd / && RNNBENCH_SCENARIOS=" RNNBENCH_SOURCE_DIR "/scenarios");
  EXPECT_NE(named.output.find("gru_bidir"), std::string::npos);
}

TEST(Doctor, PrintsTheCardAndTheCeilings) {
  const auto run = run_program("doctor");
  EXPECT_EQ(run.code, 0) << run.output;
  for (const char* text : {"measured ceilings", "copy", "GEMM f32", "barrier of 2", "no CUDA"})
    if (std::string(text) != "no CUDA" || run.output.find("cuda:0") == std::string::npos) {
      EXPECT_NE(run.output.find(text), std::string::npos) << text << run.output;
    }
}

}  // namespace
}  // namespace rnnbench::testing
