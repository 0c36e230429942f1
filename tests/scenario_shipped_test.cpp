// The scenario files that come with the program, and how they are found.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/error.hpp"
#include "harness/scenario.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::string>;

const fs::path shipped = fs::path(RNNBENCH_SOURCE_DIR) / "scenarios";

Ids ids(const std::string& name, Device device = Device::cuda, bool quick = false) {
  Ids result;
  for (const auto& p : load_scenario(shipped / (name + ".toml"), device, quick, {}).problems)
    result.push_back(id(p));
  return result;
}

TEST(ShippedScenarios, AllOfThemParseForEveryDeviceFullAndQuick) {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(shipped)) {
    SCOPED_TRACE(entry.path());
    ++files;
    std::string first_line;
    std::getline(std::ifstream(entry.path()) >> std::ws, first_line);
    EXPECT_TRUE(first_line.starts_with("# ")) << "a scenario begins with what it shows";
    for (const auto device : {Device::cpu, Device::cuda})
      for (const bool quick : {false, true}) {
        const auto s = load_scenario(entry.path(), device, quick, {});
        EXPECT_FALSE(s.problems.empty());
        EXPECT_FALSE(s.title.empty());
        EXPECT_FALSE(s.shows.empty());
        EXPECT_EQ(s.name, entry.path().stem());
        std::set<std::string> distinct;
        double work = 0;
        for (const auto& p : s.problems) {
          EXPECT_TRUE(distinct.insert(id(p)).second) << id(p) << " twice";
          EXPECT_EQ(parse_id(id(p)), p);
          work += flops(p);
        }
        if (quick) {
          EXPECT_LT(work, 25e9) << "too much for a quick look on two cores";
        }
      }
  }
  EXPECT_GE(files, 28u);
}

TEST(ShippedScenarios, TheFiveSystems) {
  const std::string small = "rnn_tanh_b8_t1_i1024_h256_l1_f32_head128-last_stateful";
  const std::string large = "rnn_tanh_b256_t1_i16384_h16384_l1_f32_head8192-last_stateful";
  for (const auto name : {"rnn_step_cat", "rnn_step"}) {
    EXPECT_EQ(ids(name), (Ids{small, large}));
    EXPECT_EQ(ids(name, Device::cpu), Ids{small});
  }
  for (const auto device : {Device::cpu, Device::cuda}) {
    EXPECT_EQ(ids("gru", device), Ids{"gru_b10_t512_i128_h256_l6_f32_want-out"});
    EXPECT_EQ(ids("rnn_seq", device), Ids{"rnn_tanh_b8_t256_i1024_h256_l1_f32_head128-every"});
    EXPECT_EQ(ids("gru_bidir", device), Ids{"gru-bi_b10_t512_i128_h256_l6_f32_want-hn"});
  }
}

TEST(ShippedScenarios, KernelBench) {
  const std::map<std::string, std::string> expected{
      {"33", "rnn_tanh_b256_t1_i16384_h16384_l1_f32_head8192-last"},
      {"33_small", "rnn_tanh_b8_t1_i1024_h256_l1_f32_head128-last"},
      {"34", "rnn_tanh_b8_t256_i1024_h256_l1_f32_head128-every"},
      {"35", "lstm_b10_t512_i128_h256_l6_f32_btc_head10-last"},
      {"36", "lstm_b10_t512_i128_h256_l6_f32_btc_want-hn"},
      {"37", "lstm_b10_t512_i128_h256_l6_f32_btc_want-cn"},
      {"38", "lstm-bi_b10_t512_i128_h256_l6_f32_btc_head10-last"},
      {"39", "gru_b10_t512_i128_h256_l6_f32_want-out"},
      {"40", "gru_b10_t512_i128_h256_l6_f32_want-hn"},
      {"41", "gru-bi_b10_t512_i128_h256_l6_f32_want-out"},
      {"42", "gru-bi_b10_t512_i128_h256_l6_f32_want-hn"}};
  for (const auto& [number, problem] : expected) {
    EXPECT_EQ(ids("kernelbench_" + number), Ids{problem});
    const bool small_on_cpu = number == "33";
    EXPECT_EQ(ids("kernelbench_" + number, Device::cpu),
              Ids{small_on_cpu ? expected.at("33_small") : problem});
  }
  Ids all;
  for (const auto& [number, problem] : expected) all.push_back(problem);
  EXPECT_EQ(ids("kernelbench", Device::cuda), all);
  all.erase(all.begin());  // 33 is 33_small there
  EXPECT_EQ(ids("kernelbench", Device::cpu), all);
}

TEST(ShippedScenarios, DeepBenchHas125RowsOfWhichTwoAreTheSameProblem) {
  EXPECT_EQ(ids("deepbench_training").size(), 53u);
  EXPECT_EQ(ids("deepbench_inference_server").size(), 69u);
  EXPECT_EQ(ids("deepbench_inference_device").size(), 3u);
  const auto all = load_scenario(shipped / "deepbench.toml", Device::cpu, false, {});
  EXPECT_EQ(all.problems.size() + all.repeated, 125u);
  EXPECT_EQ(all.repeated, 1u);
  std::map<Cell, int> cells;
  double work = 0;
  for (const auto& p : all.problems) {
    ++cells[p.cell];
    EXPECT_EQ(p.input, p.hidden);
    EXPECT_EQ(p.layers * p.directions, 1);
    work += flops(p);
  }
  EXPECT_EQ(cells[Cell::rnn_tanh], 0);
  EXPECT_EQ(cells[Cell::rnn_relu], 14);
  EXPECT_EQ(cells[Cell::lstm], 22 + 15);
  EXPECT_EQ(cells[Cell::gru], 19 + 54);
  EXPECT_NEAR(work, 32.6e12, 0.1e12);
}

TEST(ShippedScenarios, SweepsReachFurtherOnAGpu) {
  struct Sweep {
    const char* name;
    std::size_t on_gpu, on_cpu;
    const char* last_on_gpu;
  };
  for (const Sweep& sweep : {Sweep{"sweep_batch", 9, 9, "gru_b256_t128_i256_h256_l1_f32"},
                             Sweep{"sweep_hidden", 11, 6, "gru_b16_t64_i2048_h2048_l1_f32"},
                             Sweep{"sweep_seq", 26, 22, "gru_b16_t4096_i256_h256_l1_f32"},
                             Sweep{"sweep_layers", 12, 5, "gru_b10_t512_i256_h256_l12_f32"}}) {
    const Ids gpu = ids(sweep.name);
    EXPECT_EQ(gpu.size(), sweep.on_gpu) << sweep.name;
    EXPECT_EQ(gpu.back(), sweep.last_on_gpu);
    EXPECT_EQ(ids(sweep.name, Device::cpu).size(), sweep.on_cpu) << sweep.name;
    EXPECT_LE(ids(sweep.name, Device::cuda, true).size(), 3U) << sweep.name;
  }
}

TEST(ShippedScenarios, SmokeHasEveryOption) {
  const auto s = load_scenario(shipped / "smoke.toml", Device::cpu, false, {});
  EXPECT_GE(s.problems.size(), 10u);
  EXPECT_LE(s.problems.size(), 20u);
  std::map<Cell, int> directions, layers;  // bits 1, 2, ... seen
  int heads = 0, layouts = 0, biases = 0, states = 0, outputs = 0;
  for (const auto& p : s.problems) {
    directions[p.cell] |= p.directions;
    layers[p.cell] |= p.layers > 1 ? 2 : 1;
    heads |= 1 << static_cast<int>(p.head_at);
    layouts |= 1 << static_cast<int>(p.layout);
    biases |= 1 << p.bias;
    states |= 1 << p.stateful;
    outputs |= 1 << (p.want_output + 2 * p.want_h_n + 4 * p.want_c_n);
    EXPECT_LT(flops(p), 1e6);
  }
  EXPECT_EQ(directions[Cell::gru], 3);
  EXPECT_EQ(directions[Cell::lstm], 3);
  EXPECT_EQ(directions[Cell::rnn_tanh], 3);
  for (const auto cell : {Cell::rnn_tanh, Cell::rnn_relu, Cell::gru, Cell::lstm})
    EXPECT_EQ(layers[cell], 3) << name(cell);
  EXPECT_EQ(heads, 7);
  EXPECT_EQ(layouts, 3);
  EXPECT_EQ(biases, 3);
  EXPECT_EQ(states, 3);
  // none (y alone), output, h_n, both, c_n alone, all three
  EXPECT_EQ(outputs, 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7);
}

TEST(ScenarioFormat, ExamplesOfTheDocumentationAreTrue) {
  std::ifstream document(fs::path(RNNBENCH_SOURCE_DIR) / "docs/scenario-format.md");
  const auto file =
      fs::temp_directory_path() / ("rnnbench_doc_" + std::to_string(getpid()) + ".toml");
  int examples = 0;
  for (std::string line; std::getline(document, line);) {
    if (line != "```toml") continue;
    std::size_t problems = 0;  // as the first line says: "# 6 problems"
    std::ofstream example(file);
    while (std::getline(document, line) && line != "```") {
      if (problems == 0) problems = std::stoul(line.substr(2));
      example << line << '\n';
    }
    example.close();
    EXPECT_EQ(load_scenario(file, Device::cpu, false, {}).problems.size(), problems);
    EXPECT_NO_THROW(load_scenario(file, Device::cuda, true, {}));
    ++examples;
  }
  fs::remove(file);
  EXPECT_EQ(examples, 3);
}

/// Another working folder and environment, put back afterwards.
class FindTest : public testing::Test {
 protected:
  void SetUp() override {
    before = fs::current_path();
    folder = fs::temp_directory_path() / ("rnnbench_find_" + std::to_string(getpid()));
    fs::create_directories(folder);
    fs::current_path(folder);
    unsetenv("RNNBENCH_SCENARIOS");
  }
  void TearDown() override {
    unsetenv("RNNBENCH_SCENARIOS");
    fs::current_path(before);
    fs::remove_all(folder);
  }
  fs::path before, folder;
};

TEST_F(FindTest, LooksInTheVariableThenHereThenBesideTheBinary) {
  setenv("RNNBENCH_SCENARIOS", "/one:/two/", 1);
  const auto folders = scenario_folders();
  ASSERT_EQ(folders.size(), 6u);
  const auto beside = fs::read_symlink("/proc/self/exe").parent_path();
  EXPECT_EQ(folders[0], "/one");
  EXPECT_EQ(folders[1], "/two/");
  EXPECT_EQ(folders[2], "scenarios");
  EXPECT_EQ(folders[3], beside / "scenarios");
  EXPECT_EQ(folders[4], beside.parent_path() / "scenarios");
  EXPECT_EQ(folders[5], beside.parent_path() / "share/rnnbench/scenarios");
}

TEST_F(FindTest, FindsByNameFromAnyFolderAndByPath) {
  setenv("RNNBENCH_SCENARIOS", shipped.c_str(), 1);
  EXPECT_EQ(find_scenario("gru_bidir"), shipped / "gru_bidir.toml");
  EXPECT_EQ(find_scenario((shipped / "gru.toml").string()), shipped / "gru.toml");
  const auto all = list_scenarios();
  EXPECT_GE(all.size(), 26u);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));

  fs::create_directories("mine");
  std::ofstream("mine/gru_bidir.toml") << "";
  setenv("RNNBENCH_SCENARIOS", ("nowhere:mine:" + shipped.string()).c_str(), 1);
  EXPECT_EQ(find_scenario("gru_bidir"), "mine/gru_bidir.toml");
  EXPECT_EQ(list_scenarios(), std::vector<fs::path>{"mine/gru_bidir.toml"});
  fs::create_directories("scenarios");
  std::ofstream("scenarios/here.toml") << "";
  EXPECT_EQ(find_scenario("here"), "scenarios/here.toml");
}

TEST_F(FindTest, AnUnknownNameIsAnsweredWithTheNearestAndTheFolders) {
  setenv("RNNBENCH_SCENARIOS", shipped.c_str(), 1);
  const auto message = [](const std::string& name) -> std::string {
    try {
      return find_scenario(name);
    } catch (const UsageError& e) {
      return e.what();
    }
  };
  EXPECT_NE(
      message("gru_bidr")
          .find("found 'gru_bidr' (did you mean 'gru_bidir'?); looked in " + shipped.string()),
      std::string::npos)
      << message("gru_bidr");
  fs::create_directories("scenarios");  // a name in two folders is offered once
  std::ofstream("scenarios/gru_bidir.toml") << "";
  EXPECT_NE(message("bidir").find("did you mean 'gru_bidir'?"), std::string::npos);
  EXPECT_EQ(message("./gone.toml"), "--scenario: expected a file, found nothing at './gone.toml'");
  EXPECT_THROW(find_scenario(""), UsageError);
}

}  // namespace
}  // namespace rnnbench
