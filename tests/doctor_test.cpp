// What `rnnbench doctor` says of libraries that are opened only when they are needed.
#include <gtest/gtest.h>

#include <regex>

#include "run_program.hpp"

namespace rnnbench::testing {
namespace {

TEST(Doctor, SaysWithoutADeviceWhatItsLibrariesAre) {
  const auto run = run_program("doctor", "RNNBENCH_MODULES=" RNNBENCH_BUILD_DIR "/tests/no_cuda");
  EXPECT_EQ(run.code, 0) << run.output;
  EXPECT_TRUE(std::regex_search(run.output, std::regex(R"(\n  cuDNN +absent: install cuDNN 9\n)")))
      << run.output;
  EXPECT_TRUE(std::regex_search(run.output, std::regex(R"(\n  another +1\.2\.3\n)"))) << run.output;
}

TEST(Doctor, SaysWhetherCudnnIsThere) {
  if (!std::filesystem::exists(RNNBENCH_BUILD_DIR "/lib/rnnbench/cuda.so"))
    GTEST_SKIP() << "this build has no CUDA module";
  const auto run = run_program("doctor");
  EXPECT_TRUE(
      std::regex_search(run.output, std::regex(R"(\n  cuDNN +(\d+\.\d+\.\d+|absent: .*)\n)")))
      << run.output;
}

TEST(Doctor, SaysWhetherCuptiIsThere) {
  if (!std::filesystem::exists(RNNBENCH_BUILD_DIR "/lib/rnnbench/cuda.so"))
    GTEST_SKIP() << "this build has no CUDA module";
  const auto run = run_program("doctor");
  EXPECT_TRUE(std::regex_search(run.output,
                                std::regex(R"(\n  CUPTI +(\d+\.\d+\.\d+|API \d+|absent: .*)\n)")))
      << run.output;
  const auto hidden = run_program("doctor", "RNNBENCH_CUPTI=/no/such/libcupti.so");
  EXPECT_TRUE(std::regex_search(hidden.output, std::regex(R"(\n  CUPTI +absent: .*CUPTI.*\n)")))
      << hidden.output;
}

}  // namespace
}  // namespace rnnbench::testing
