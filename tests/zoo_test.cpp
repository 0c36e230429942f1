// Every wrong implementation of the zoo gets its right outcome, through the command a user types.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

constexpr const char* plugin = RNNBENCH_BUILD_DIR "/tests/zoo.so";

struct Animal {
  std::string name;
  std::string outcome;
  std::string reason;  // a part of it
  std::string problem = "gru-bi_b3_t6_i5_h8_l2_f32";
  std::string flags = "";
};

void PrintTo(const Animal& animal, std::ostream* out) { *out << animal.name; }

/// The animal, and `neighbours` (",cuda:naive"), on its problem.
Finished run_animal(const Animal& animal, const std::string& where, const std::string& from,
                    const std::string& neighbours, const Folder& folder) {
  return run_program(fmt::format(
      "--plugin {} --impl zoo_{}{} {} --problem {} --quiet --no-color --min-time 0.001 "
      "--repetitions 3 --out {} {}",
      from, animal.name, neighbours, where, animal.problem, folder.path().string(), animal.flags));
}

class Zoo : public ::testing::TestWithParam<Animal> {};

TEST_P(Zoo, GetsItsOutcome) {
  const Animal& animal = GetParam();
  const Folder folder;
  const auto run = run_animal(animal, "--device cpu --timeout 3", plugin, "", folder);
  const auto results = read_results(folder.path());
  ASSERT_TRUE(results.is_object()) << run.output;
  const auto& cases = results.at("rnnbench").at("cases");
  ASSERT_EQ(cases.size(), 1U) << run.output;
  const auto& found = cases.at(0);
  EXPECT_EQ(found.at("outcome"), animal.outcome) << run.output;
  EXPECT_NE(found.at("reason").get<std::string>().find(animal.reason), std::string::npos)
      << found.at("reason");
  const bool fine = animal.outcome == "passed" || animal.outcome == "mistrusted";
  const bool not_run = animal.outcome == "unsupported" || animal.outcome == "over budget";
  EXPECT_EQ(run.code, fine || not_run ? 0 : 1);
  // What is wrong has no time, so that nobody can quote one.
  EXPECT_EQ(found.at("time").is_null(), !fine);
}

const std::string rnn = "rnn_tanh_b3_t6_i5_h8_l2_f32";
const std::string stateful = "gru_b3_t2_i5_h8_l1_f32_stateful";

INSTANTIATE_TEST_SUITE_P(
    Animals, Zoo,
    ::testing::Values(
        Animal{"none", "passed", ""}, Animal{"none", "passed", "", rnn},
        Animal{"none", "passed", "", stateful},
        Animal{"none", "passed", "", "lstm-bi_b2_t5_i3_h7_l2_f32_btc_nobias_head4-last"},
        Animal{"none", "passed", "", "rnn_relu_b4_t5_i3_h7_l1_f32_head4-every"},
        Animal{"stale", "incorrect", "nan"}, Animal{"one_step_short", "incorrect", "twin T=1"},
        Animal{"swapped_gates", "incorrect", "expected"},
        Animal{"swapped_gates", "incorrect", "expected", "lstm_b3_t6_i5_h8_l1_f32"},
        Animal{"reset_before", "incorrect", "expected"},
        Animal{"ignored_h0", "incorrect", "twin T=1"},
        Animal{"directions_swapped", "incorrect", "twin T=2"},
        Animal{"layer_input_wrong", "incorrect", "expected"},
        Animal{"nan_in_one", "incorrect", "nan"}, Animal{"zeros", "incorrect", " is 0,"},
        Animal{"out_of_bounds", "incorrect", "past the end of output"},
        Animal{"underrun", "incorrect", "before the start of output"},
        Animal{"cached", "incorrect", "call 2"}, Animal{"previous_input", "incorrect", "call 2"},
        Animal{"odd_sizes", "passed", ""},
        Animal{"odd_sizes", "incorrect", "expected", "gru_b3_t6_i5_h7_l2_f32"},
        Animal{"side_thread", "incorrect", "nan"}, Animal{"crash", "crashed", "signal 11"},
        Animal{"hang", "timed out", "within 3 s"},
        Animal{"abort_after_first", "crashed", "signal 6"},
        Animal{"changed_input", "incorrect", "changed its input x"},
        Animal{"changed_weights", "incorrect", "changed its weights weight_hh_l0"},
        Animal{"refuses", "failed", "refuses to be made"},
        Animal{"complains", "failed", "waited in vain (the launch failed)"},
        Animal{"out_of_memory", "failed", "out of memory"},
        Animal{"uneven_repeats", "incorrect", "when repeated", rnn, "--bitwise 3"},
        Animal{"uneven_repeats", "passed", "", rnn},
        Animal{"forgets_state", "incorrect", "call 2", stateful},
        Animal{"frozen_state", "incorrect", "", stateful},
        Animal{"lazy", "incorrect", "last timed call", stateful},
        Animal{"lazy", "incorrect", "last timed call", rnn},
        Animal{"ignores_h0_without_output", "incorrect", "twin T=1",
               "gru_b3_t200_i5_h8_l1_f32_want-hn"},
        Animal{"not_for_this", "unsupported", "does not do that"},
        // Longer twins than are needed are not waited for.
        Animal{"slow", "over budget", "(as its first calls with T = 1), the budget is 0.01 s",
               "gru_b3_t1_i5_h8_l1_f32", "--budget 0.01"},
        Animal{"slow", "over budget", "(projected from T = 1 and T = 2), the budget is 0.01 s", rnn,
               "--budget 0.01"},
        Animal{"slow", "over budget", "(projected from T = 1 and T = 5), the budget is 0.11 s", rnn,
               "--budget 0.11"},
        // What only the noise of two calls would tell is not projected.
        Animal{"slow_always", "over budget", "more than 0.0", rnn, "--budget 0.01"},
        // A projection is made again from T = 50 before a case is given up.
        Animal{"slow", "over budget", "(projected from T = 1 and T = 50), the budget is 1.3 s",
               "rnn_tanh_b3_t80_i5_h8_l1_f32", "--budget 1.3"},
        Animal{"slow_start", "passed", "", "rnn_tanh_b3_t800_i5_h8_l1_f32", "--budget 2"}),
    [](const auto& info) { return fmt::format("{}_{}", info.param.name, info.index); });

/// The same for what only a GPU can get wrong; skipped, with the reason, where there is none.
class GpuZoo : public ::testing::TestWithParam<Animal> {};

TEST_P(GpuZoo, GetsItsOutcome) {
  const std::string gpu_plugin = RNNBENCH_BUILD_DIR "/tests/cuda_zoo.so";
  const auto devices = run_program("list devices");
  if (const auto why = devices.output.find("no CUDA device"); why != std::string::npos)
    GTEST_SKIP() << devices.output.substr(why, devices.output.find('\n', why) - why);
  const Animal& animal = GetParam();
  const Folder folder;
  const auto run =
      run_animal(animal, "--device cuda --timeout 20", gpu_plugin, ",cuda:naive", folder);
  const auto results = read_results(folder.path());
  ASSERT_TRUE(results.is_object()) << run.output;
  for (const auto& one : results.at("rnnbench").at("cases")) {
    if (one.at("impl") == "cuda:naive") {  // its neighbour is none the worse
      EXPECT_EQ(one.at("outcome"), "passed") << one.at("reason");
      continue;
    }
    const bool replayed = one.at("mode") == "graph" && animal.name == "side_stream";
    EXPECT_EQ(one.at("outcome"), replayed ? "incorrect" : animal.outcome) << one.at("reason");
    const auto expected = replayed ? "nan" : animal.reason;
    EXPECT_NE(one.at("reason").get<std::string>().find(expected), std::string::npos)
        << one.at("reason");
  }
}

const std::string gpu_rnn = "rnn_tanh_b4_t400_i16_h64_l1_f32";

INSTANTIATE_TEST_SUITE_P(
    GpuAnimals, GpuZoo,
    ::testing::Values(
        Animal{"none", "passed", "", gpu_rnn, "--graph"},
        Animal{"side_stream", "mistrusted", "outside the timed stream", gpu_rnn, "--graph"},
        Animal{"out_of_bounds", "incorrect", "past the end of output", gpu_rnn},
        Animal{"changed_weights", "incorrect", "changed its weights weight_ih_l0", gpu_rnn},
        Animal{"illegal_address", "failed", "illegal memory access", gpu_rnn},
        Animal{"hang", "timed out", "within 20 s", gpu_rnn}),
    [](const auto& info) { return fmt::format("{}_{}", info.param.name, info.index); });

// Coarser types have wider tolerances, and still every mistake is seen.
INSTANTIATE_TEST_SUITE_P(
    CoarseAnimals, Zoo, ::testing::ValuesIn([] {
      std::vector<Animal> all;
      for (const std::string dtype : {"f16", "bf16"}) {
        const auto gru = "gru-bi_b3_t6_i5_h8_l2_" + dtype;
        for (const char* problem : {"gru-bi_b3_t6_i5_h8_l2_", "lstm_b3_t6_i5_h8_l3_",
                                    "gru_b3_t3_i5_h8_l1_", "rnn_tanh_b3_t40_i5_h9_l2_"})
          all.push_back({"none", "passed", "", problem + dtype});
        all.push_back({"none", "passed", "", "gru_b3_t3_i5_h8_l1_" + dtype + "_stateful"});
        for (const char* name :
             {"one_step_short", "swapped_gates", "reset_before", "ignored_h0", "directions_swapped",
              "layer_input_wrong", "nan_in_one", "zeros", "cached", "previous_input"})
          all.push_back({name, "incorrect", "", gru});
        all.push_back({"changed_weights", "incorrect", "changed its weights weight_hh_l0", gru});
        all.push_back(
            {"forgets_state", "incorrect", "", "gru_b3_t2_i5_h8_l1_" + dtype + "_stateful"});
      }
      all.push_back({"odd_sizes", "incorrect", "", "gru_b3_t6_i5_h7_l1_f16"});
      return all;
    }()),
    [](const auto& info) { return fmt::format("{}_{}", info.param.name, info.index); });

// One case that crashes costs that case alone: its neighbours run, in fresh workers.
TEST(ZooTogether, TheOthersStillRun) {
  const Folder folder;
  const auto run = run_program(fmt::format(
      "--plugin {} --impl zoo_none,zoo_crash,zoo_abort_after_first,naive --device cpu --cell gru "
      "--hidden 4,6 --seq 3 --quiet --no-color --min-time 0.001 --repetitions 3 --out {}",
      plugin, folder.path().string()));
  EXPECT_EQ(run.code, 1) << run.output;
  std::map<std::string, int> outcomes;
  const auto results = read_results(folder.path());
  for (const auto& one : results.at("rnnbench").at("cases"))
    ++outcomes[one.at("outcome").get<std::string>()];
  EXPECT_EQ(outcomes["passed"], 4) << run.output;
  EXPECT_EQ(outcomes["crashed"], 4) << run.output;
}

}  // namespace
}  // namespace rnnbench::testing
