// Reading the counters of kernels, with a profiler made up: which launch each pass saw.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "harness/error.hpp"
#include "impls/cuda/cupti/read_kernels.hpp"

namespace rnnbench::cupti {
namespace {

using Names = std::vector<std::string>;

/// A device that runs what it is given, and the profiler on it. Counter p of a session is collected
/// in pass p; its value is the launch that it was collected at, counted through all calls since the
/// session was opened, and how many launches had the profiler on before it: launch + before / 100.
class MadeUp final : public Profiler {
 public:
  explicit MadeUp(std::vector<Launch> launches) : launches_(std::move(launches)) {}

  int passes_of(const Names& names) override { return static_cast<int>(names.size()); }
  std::unique_ptr<Session> open(const Names& names, Way way, std::size_t most_ranges) override;
  void observe(LaunchHooks& hooks, const std::function<void()>& work) override {
    hooks_ = &hooks;
    work();
    hooks_ = nullptr;
  }
  void synchronize() override {}
  std::string attempt(const std::function<void()>& work) override {
    try {
      work();
    } catch (const std::exception& failure) {
      return failure.what();
    }
    return {};
  }

  void forward() {
    ++forwards;
    for (std::size_t k = 0; k < launches_.size(); ++k) {
      const std::string name = k == swapped || all_swapped ? "another" : launches_[k].name;
      if (hooks_) hooks_->enter(name.c_str());
      launched(k);
      if (hooks_) hooks_->leave();
    }
  }

  Way way = Way::all;
  int forwards = 0;
  std::size_t swapped = 1000000;  // at this one another kernel comes
  bool all_swapped = false;
  std::size_t refuses = 0;  // ranges beyond this are refused

 private:
  friend class MadeUpSession;
  void launched(std::size_t k);
  std::vector<Launch> launches_;
  LaunchHooks* hooks_ = nullptr;
  class MadeUpSession* session_ = nullptr;
};

class MadeUpSession final : public Session {
 public:
  MadeUpSession(MadeUp& device, std::size_t counters, std::size_t most_ranges, bool alone)
      : device_(device), counters_(counters), most_ranges_(most_ranges), alone_(alone) {
    device_.session_ = this;
  }
  ~MadeUpSession() override { device_.session_ = nullptr; }
  int passes() const override { return static_cast<int>(counters_); }
  void start() override {
    EXPECT_FALSE(on_) << "started twice";
    on_ = true;
    seen_.clear();
  }
  bool stop() override {
    EXPECT_TRUE(on_) << "stopped without a start";
    on_ = false;
    ranges_.resize(std::max(ranges_.size(), seen_.size()),
                   std::vector<double>(counters_, std::nan("")));
    for (std::size_t k = 0; k < seen_.size(); ++k)
      for (std::size_t p = 0; p < counters_; ++p)
        if (alone_ || p == pass_)
          ranges_[k][p] = static_cast<double>(seen_[k]) + static_cast<double>(k) / 100;
    return ++pass_ >= counters_;
  }
  std::size_t decode() override { return ranges_.size(); }
  std::string name(std::size_t range) const override { return std::to_string(named_ + range); }
  std::vector<double> values(std::size_t range) override { return ranges_.at(range); }
  void clear() override { ranges_.clear(); }
  void restart() override {
    named_ += ranges_.size();  // numbers go on
    clear();
    pass_ = 0;
  }
  void launched(std::size_t k) {
    if (!on_) return;
    seen_.push_back(k);
    EXPECT_LE(seen_.size(), most_ranges_) << "more ranges than the session was opened for";
  }

 private:
  MadeUp& device_;
  const std::size_t counters_, most_ranges_;
  const bool alone_;
  bool on_ = false;
  std::size_t pass_ = 0, named_ = 0;
  std::vector<std::size_t> seen_;
  std::vector<std::vector<double>> ranges_;
};

void MadeUp::launched(std::size_t k) {
  if (session_) session_->launched(k);
}

std::unique_ptr<Session> MadeUp::open(const Names& names, Way wanted, std::size_t most_ranges) {
  if (refuses > 0 && most_ranges > refuses) throw Error("too many ranges");
  way = wanted;
  return std::make_unique<MadeUpSession>(*this, names.size(), most_ranges, wanted == Way::alone);
}

Launch launch(const std::string& name, std::uint64_t ns) {
  Launch one;
  one.name = name;
  one.end_ns = ns;
  return one;
}

/// `steps` launches of a step after one of a product.
std::vector<Launch> sequence(std::size_t steps) {
  std::vector<Launch> launches{launch("product", 90000)};
  for (std::size_t k = 0; k < steps; ++k) launches.push_back(launch("step", 5000));
  return launches;
}

struct Reading {
  explicit Reading(const std::vector<Launch>& all)
      : launches(all), groups(group(all)), device(all) {}

  KernelsRead read(double seconds = 100) {
    const std::function<void()> forward = [this] { device.forward(); };
    return read_kernels(device, names, {launches, groups, forward_s, 1, forward}, seconds,
                        "no time");
  }

  KernelsRead count(double seconds = 100) {
    const std::function<void()> forward = [this] { device.forward(); };
    return count_instructions(device, names, {launches, groups, forward_s, 1, forward}, seconds,
                              "no time");
  }

  std::vector<Launch> launches;
  std::vector<Group> groups;
  MadeUp device;
  Names names{"smsp__inst_executed.sum", "dram__bytes_read.sum", "c"};  // three passes
  double forward_s = 1e-3;
};

TEST(CuptiReadKernels, EveryLaunchOfAShortCallCountsInItsSecondCall) {
  Reading reading(sequence(3));
  const auto read = reading.read();
  EXPECT_EQ(reading.device.way, Way::all);
  EXPECT_EQ(reading.device.forwards, 2 * 3);
  ASSERT_EQ(read.values.size(), 4U);
  for (std::size_t k = 0; k < 4; ++k) {
    const double one = static_cast<double>(k) + static_cast<double>(4 + k) / 100;
    EXPECT_EQ(read.values.at(k), (std::vector<double>(3, one))) << "four launches come before";
    EXPECT_EQ(read.places.at(k), std::vector<std::size_t>{k});
  }
  EXPECT_TRUE(read.warnings.empty());
}

TEST(CuptiReadKernels, ALongCallGivesSamplesWithOthersBeforeThem) {
  Reading reading(sequence(400));
  const auto read = reading.read();
  EXPECT_EQ(reading.device.way, Way::in_place);
  // The usual step: a pass at each of three places, in one call.
  const std::size_t usual = reading.groups[0].usual;
  EXPECT_EQ(read.places.at(usual), (std::vector<std::size_t>{usual - 9, usual, usual + 9}));
  const double at = static_cast<double>(usual) + 0.08;
  EXPECT_EQ(read.values.at(usual), (std::vector<double>{at - 9, at, at + 9}));
  // The first and the last step, a call a pass.
  EXPECT_EQ(read.values.at(400), (std::vector<double>(3, 400.08)));
  // The product is the first launch: the eight before it are the last of a call before.
  EXPECT_EQ(read.values.at(0), (std::vector<double>(3, 0.08)));
  EXPECT_EQ(read.values.at(1), (std::vector<double>(3, 1.08)));
  EXPECT_EQ(read.values.size(), 4U);
  EXPECT_EQ(reading.device.forwards, 1 + 3 + 2 * 3 + 2 * 3);
  EXPECT_TRUE(read.warnings.empty());
}

TEST(CuptiReadKernels, OfACallOfFewLaunchesAllComeBeforeTheLastOne) {
  Reading reading(sequence(2));
  reading.forward_s = 1;  // two calls a pass: for one counter
  const auto read = reading.read(4);
  EXPECT_EQ(reading.device.way, Way::in_place);
  EXPECT_EQ(read.names, Names{"smsp__inst_executed.sum"});
  EXPECT_EQ(read.left_out.at("c"), "no time");
  EXPECT_EQ(read.values.at(2), std::vector<double>{2.05}) << "three, and then two before it";
}

TEST(CuptiReadKernels, WhatComesInAnotherOrderIsNotRead) {
  Reading reading(sequence(400));
  reading.device.swapped = reading.groups[0].usual - 3;  // among those before it
  const auto read = reading.read();
  EXPECT_FALSE(read.values.contains(reading.groups[0].usual));
  EXPECT_TRUE(read.values.contains(0)) << "others are";
  ASSERT_EQ(read.warnings.size(), 2U);
  EXPECT_NE(read.warnings[0].find("another order"), std::string::npos) << read.warnings[0];
  EXPECT_NE(read.warnings[1].find("gave no counters"), std::string::npos) << read.warnings[1];
}

TEST(CuptiReadKernels, WhereNoLaunchCanBeLookedAtTheReasonIsNotTheBudget) {
  Reading reading(sequence(400));
  reading.device.all_swapped = true;
  const auto read = reading.read();
  EXPECT_EQ(reading.device.way, Way::alone) << "tried after the way that gave nothing";
  EXPECT_TRUE(read.values.empty());
  EXPECT_NE(read.why.find("gave no counters"), std::string::npos) << read.why;
}

TEST(CuptiReadKernels, WhereAWayIsRefusedTheNextOneIsGone) {
  Reading reading(sequence(3));
  reading.device.refuses = 1;
  const auto read = reading.read();
  EXPECT_EQ(reading.device.way, Way::alone);
  EXPECT_EQ(read.names, Names{"smsp__inst_executed.sum"});
  EXPECT_NE(read.left_out.at("dram__bytes_read.sum").find("replayed alone"), std::string::npos);
  ASSERT_EQ(read.values.size(), 4U);
  EXPECT_EQ(read.values.at(2), std::vector<double>{2});
  ASSERT_EQ(read.warnings.size(), 1U);
  EXPECT_NE(read.warnings[0].find("too many ranges"), std::string::npos) << read.warnings[0];
}

TEST(CuptiReadKernels, LaunchesAreReplayedAloneWhereTheCallIsTooLong) {
  Reading reading(sequence(400));
  reading.forward_s = 10;
  reading.names = {"smsp__inst_executed.sum", "a.sum", "b.sum", "c.sum"};
  const auto read = reading.read(10.3);
  EXPECT_EQ(reading.device.way, Way::alone);
  EXPECT_EQ(reading.device.forwards, 3) << "a round each";
  EXPECT_EQ(read.values.size(), 4U);
  EXPECT_EQ(read.values.at(400), std::vector<double>{400});
}

TEST(CuptiReadKernels, InstructionsAreCountedInTheUsualLaunchesAlone) {
  Reading reading(sequence(400));
  reading.names = {"x_sass_a.sum", "x_sass_b.sum"};
  const auto read = reading.count();
  EXPECT_EQ(reading.device.way, Way::in_place);
  EXPECT_EQ(read.names, reading.names);
  const std::size_t usual = reading.groups[0].usual;
  ASSERT_EQ(read.values.size(), 2U);
  EXPECT_EQ(read.values.at(usual), (std::vector<double>(2, static_cast<double>(usual))));
  EXPECT_EQ(read.values.at(0), (std::vector<double>(2, 0)));
  EXPECT_EQ(read.places.at(usual), std::vector<std::size_t>{usual});
  EXPECT_EQ(reading.device.forwards, 2 * 2) << "a call a pass, none before it";
}

TEST(CuptiReadKernels, InstructionsOfALongKernelAreNotCountedWhereThatMayTakeTooLong) {
  auto launches = sequence(400);
  launches[0].end_ns = 6'000'000;  // by 360, in two passes: 4.3 s
  Reading reading(launches);
  reading.names = {"x_sass_a.sum", "x_sass_b.sum"};
  const auto read = reading.count(3);
  EXPECT_EQ(read.why, "no time");
  EXPECT_FALSE(read.values.contains(0));
  EXPECT_TRUE(read.values.contains(reading.groups[1].usual)) << "those of others are";
  EXPECT_TRUE(reading.count(0.1).values.empty());
  reading.device.refuses = 0;
  reading.device.all_swapped = true;
  EXPECT_NE(reading.count(3).why.find("gave no counters"), std::string::npos);
}

TEST(CuptiReadKernels, NothingIsBegunThatDoesNotFit) {
  Reading reading(sequence(400));
  reading.forward_s = 10;
  const auto read = reading.read(1);
  EXPECT_TRUE(read.values.empty());
  EXPECT_EQ(reading.device.forwards, 0);
  EXPECT_EQ(read.left_out.at("smsp__inst_executed.sum"), "no time");
}

TEST(CuptiReadKernels, TheLongestKernelHasItsCountersBeforeOneThatTakesMoreCalls) {
  Reading reading(sequence(4000));
  reading.forward_s = 0.2;  // the product takes two calls a pass, the step one for all
  const auto read = reading.read(1.2);
  EXPECT_TRUE(read.values.contains(reading.groups[0].usual));
  EXPECT_FALSE(read.values.contains(0));
  EXPECT_EQ(read.why, "no time");
}

}  // namespace
}  // namespace rnnbench::cupti
