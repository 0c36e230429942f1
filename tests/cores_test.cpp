#include "harness/cores.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

class Cores : public ::testing::Test {
 protected:
  Cores() : mount_(fs::temp_directory_path() / ("rnnbench-cores-" + std::to_string(getpid()))) {}
  ~Cores() override { fs::remove_all(mount_); }
  void put(const std::string& file, const std::string& text) {
    fs::create_directories((mount_ / file).parent_path());
    std::ofstream(mount_ / file) << text;
  }
  int cores(const std::string& membership) { return quota_cores(mount_.string(), membership); }

  fs::path mount_;
};

TEST_F(Cores, WithoutAQuotaThereIsNoLimit) {
  EXPECT_EQ(cores(""), 0);
  EXPECT_EQ(cores("0::/\n"), 0);
  put("cpu.max", "max 100000\n");
  EXPECT_EQ(cores("0::/\n"), 0);
}

TEST_F(Cores, AContainersQuotaIsRoundedUp) {
  put("cpu.max", "150000 100000\n");
  EXPECT_EQ(cores("0::/\n"), 2);
  put("cpu.max", "50000 100000\n");
  EXPECT_EQ(cores("0::/\n"), 1);
}

TEST_F(Cores, AGroupAboveCountsToo) {
  put("slice/job/cpu.max", "max 100000\n");
  put("slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(cores("0::/slice/job\n"), 3);
  put("slice/job/cpu.max", "200000 100000\n");
  EXPECT_EQ(cores("0::/slice/job\n"), 2);
}

TEST_F(Cores, OldControlGroups) {
  put("cpu/docker/abc/cpu.cfs_quota_us", "400000\n");
  put("cpu/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores("5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n"), 4);
  put("cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/abc\n"), 0);
}

TEST_F(Cores, ThisProcessMayUseOneAtLeast) { EXPECT_GE(usable_cores(), 1); }

}  // namespace
}  // namespace rnnbench
