#include "harness/machine.hpp"

#include <gtest/gtest.h>

#include "harness/build_info.hpp"

namespace rnnbench {
namespace {

const Facts facts{{"host", "box"},   {"cpu", "Xeon"},         {"cores", "16"},
                  {"os", "Debian"},  {"load average", "0.5"}, {"kernel", "Linux 6.1"},
                  {"memory", "9 kB"}};

DeviceInfo gpu(int index, const std::string& uuid) {
  DeviceInfo device;
  device.kind = Device::cuda, device.index = index, device.units = 132;
  device.card = {{"GPU", "H200"}, {"driver", "570.1"}, {"UUID", uuid}};
  return device;
}

TEST(Machines, KindIsWhatStaysAsItIsAndNameTellsThemApart) {
  DeviceInfo cpu;
  cpu.units = 4;
  cpu.card = {{"clock, as reported now", "2445 MHz"}};
  const auto machine = machine_of(facts, {{"cuDNN", "9.14.0"}}, {cpu, gpu(0, "GPU-a"), cpu});
  EXPECT_EQ(machine.name, "box GPU-a");
  EXPECT_EQ(machine.kind, (Facts{{"cpu", "Xeon"},
                                 {"os", "Debian"},
                                 {"cores to use", "4"},
                                 {"cuda:0 GPU", "H200"},
                                 {"cuda:0 driver", "570.1"},
                                 {"cuDNN", "9.14.0"}}));
  const auto two = machine_of(facts, {}, {gpu(0, "GPU-a"), gpu(1, "GPU-b")});
  EXPECT_EQ(two.name, "box GPU-a GPU-b");
}

TEST(Machines, DifferencesAreNamedAFewAtMost) {
  const Facts there{{"a", "1"}, {"b", "2"}, {"c", "3"}};
  EXPECT_EQ(difference(there, there), "");
  EXPECT_EQ(difference(there, {{"c", "3"}, {"b", "2"}, {"a", "1"}}), "");
  EXPECT_EQ(difference(there, {{"a", "1"}, {"b", "5"}, {"c", "3"}}), "b: 2 there, 5 here");
  EXPECT_EQ(difference({{"a", "1"}}, {{"b", "2"}}), "a: 1 there, none here; b: none there, 2 here");
  EXPECT_EQ(difference(there, {{"a", "7"}, {"b", "7"}, {"c", "7"}, {"d", "7"}, {"e", "7"}}),
            "a: 1 there, 7 here; b: 2 there, 7 here; c: 3 there, 7 here; and 2 more");
}

TEST(Machines, OneIsNotWorthANote) {
  std::vector<CaseResult> cases(3);
  for (auto& result : cases) result.machine = "box";
  EXPECT_EQ(machines_note(cases), "");
  cases[1].machine = "box GPU-a", cases[2].machine = "box GPU-b";
  EXPECT_TRUE(machines_note(cases).starts_with("the cases come from 3 machines of one kind, "));
}

TEST(Builds, AreAsTheirRevisionAndSettingsWhereThoseAreStated) {
  const BuildInfo clean{.version = "0.1.0",
                        .git_revision = "abc",
                        .git_state = "clean",
                        .compiler = "GNU 12",
                        .flags = "-O3",
                        .build_type = "Release",
                        .cuda_compiler = "NVIDIA 13.0, architectures 90a"};
  EXPECT_EQ(build_text(clean), "abc, 0.1.0, GNU 12, -O3, Release, NVIDIA 13.0, architectures 90a");
  for (const auto& [state, stated] :
       std::vector<std::pair<std::string, bool>>{{"clean", true},
                                                 {"as stated when it was built", true},
                                                 {"dirty", false},
                                                 {"unknown", false}}) {
    BuildInfo info = clean;
    info.git_state = state;
    EXPECT_EQ(is_stated(info), stated) << state;
    EXPECT_EQ(build_text(info) == build_text(clean), stated || state == "unknown") << state;
    info.git_revision = "unknown";
    EXPECT_FALSE(is_stated(info)) << state;
  }
  BuildInfo other = clean;
  other.cuda_compiler = "NVIDIA 12.8, architectures 90a";
  EXPECT_NE(build_text(other), build_text(clean));
}

}  // namespace
}  // namespace rnnbench
