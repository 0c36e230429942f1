// The emulated GPU itself: what it must notice, and the order of what it leaves open.
#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <vector>

#include "tests/emulator/gpu.hpp"

namespace rnnbench::emulator {
namespace {

class Emulator : public testing::Test {
  void SetUp() override {
    if (!works()) GTEST_SKIP() << "the thread sanitizer knows no fibres";
  }
};

std::string run(const Grid& grid, const std::function<void()>& kernel,
                Schedule::Kind kind = Schedule::Kind::random, std::uint32_t seed = 1) {
  return launch(grid, {kind, seed}, kernel);
}
std::uint64_t* shared() { return static_cast<std::uint64_t*>(dynamic_shared()); }

TEST_F(Emulator, SaysWhoWaitsForWhat) {
  EXPECT_EQ(run({.threads = 64},
                [] {
                  if (thread_index.x < 32) meet(3, 64);
                }),
            "nothing goes on:\n  block 0: 32 threads from 0 to 31 wait for meeting 3, 32 of 64 "
            "threads there");
  const std::string phase = run({.shared_bytes = 16}, [] {
    if (thread_index.x == 0) barrier_init(shared() + 1, 1), barrier_expect(shared() + 1, 16);
    meet_block();
    while (!phase_ended(shared() + 1, 0)) {
    }
  });
  EXPECT_NE(phase.find("phase 0 of the barrier at byte 8, 0 arrivals and 16 bytes to come"),
            std::string::npos)
      << phase;
  const std::string lanes = run({}, [] {
    if (thread_index.x != 5) (void)shuffle(1, 0);
  });
  EXPECT_NE(lanes.find("31 threads from 0 to 31 wait for other lanes of the warp at shuffle"),
            std::string::npos)
      << lanes;
}

TEST_F(Emulator, RefusesWhatTheHardwareForbids) {
  const auto refuses = [](const char* what, const Grid& grid, const std::function<void()>& kernel) {
    const std::string trouble = run(grid, kernel);
    EXPECT_NE(trouble.find(what), std::string::npos) << trouble;
  };
  refuses("beyond its shared memory", {.shared_bytes = 16}, [] { shared()[2] = 1; });
  refuses("ended with 32 threads at meeting 1", {}, [] { arrive(1, 64); });
  refuses("has been written to", {.shared_bytes = 16}, [] {
    if (thread_index.x) return;
    barrier_init(shared(), 1);
    shared()[0] = 0;
    barrier_expect(shared(), 16);
  });
  refuses("there is no barrier where one is used", {.shared_bytes = 64}, [] {
    const float value[4] = {};
    if (thread_index.x == 0) store_async(in_block(16, 0), value, in_block(0, 0));
    for (int k = 0; k < 200; ++k) meet_block();  // it arrives
  });
  refuses("misaligned", {.shared_bytes = 64}, [] {
    const float value[4] = {};
    store_async(in_block(8, 0), value, in_block(0, 0));
  });
  refuses("a thread comes twice", {.threads = 64}, [] {
    if (thread_index.x < 32) arrive(1, 64), arrive(1, 64);
  });
  refuses("different numbers", {.threads = 64}, [] { meet(1, thread_index.x < 32 ? 32 : 64); });
  refuses("which has ended", {.blocks = 2, .shared_bytes = 32}, [] {
    if (thread_index.x == 0) barrier_init(shared(), 1);
    meet_cluster();
    const float value[4] = {};
    if (cluster_rank() == 0 && thread_index.x == 0)
      store_async(in_block(16, 1), value, in_block(0, 1));
    if (cluster_rank() == 0)
      while (!phase_ended(shared(), 0)) {
      }
  });
}

/// Words that a thread stores one after another are seen in every order.
TEST_F(Emulator, StoresArriveInAnyOrder) {
  std::set<std::vector<int>> orders;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    Word words[2] = {}, one{};
    one[7] = std::byte{1};
    const auto look = [&](int k) { return int(load_relaxed(&words[k]) == one); };
    std::vector<int> seen;
    const std::string trouble = run(
        {.threads = 64},
        [&] {
          if (thread_index.x == 0) {
            store_relaxed(&words[0], one), store_relaxed(&words[1], one);
          } else if (thread_index.x == 32) {
            while (look(0) + look(1) == 0) {
            }
            seen = {look(0), look(1)};
          }
        },
        Schedule::Kind::random, seed);
    EXPECT_EQ(trouble, "");
    orders.insert(seen);
  }
  EXPECT_TRUE(orders.count({0, 1}) && orders.count({1, 0}));
}

/// Copies beside the arithmetic are made when they are waited for, group by group.
TEST_F(Emulator, CopiesAreThereWhenTheyAreWaitedFor) {
  const int from[2] = {5, 6};
  std::vector<int> seen;
  const std::string trouble = run({.shared_bytes = 16}, [&] {
    int* const to = static_cast<int*>(dynamic_shared());
    if (thread_index.x > 0) return;
    to[0] = to[1] = 0;
    for (int k = 0; k < 2; ++k) copy_async(&to[k], &from[k], 4), copies_commit();
    seen = {to[0], to[1]};
    for (const std::size_t pending : {1, 0}) {
      copies_wait(pending);
      seen.insert(seen.end(), {to[0], to[1]});
    }
  });
  EXPECT_EQ(trouble, "");
  EXPECT_EQ(seen, (std::vector<int>{0, 0, 5, 0, 5, 6}));
}

/// Fragments by the tables of the PTX manual, written out for each lane.
TEST_F(Emulator, MultipliesAsThePtxManualHasIt) {
  const auto a = [](int row, int k) { return float((row * 7 + k * 3) % 11 - 5); };
  const auto b = [](int k, int column) { return float((k * 5 + column * 2) % 9 - 4); };
  float got[16][8] = {};
  const std::string trouble = run({}, [&] {
    const int group = lane() >> 2, t = lane() & 3;
    const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
    const std::uint32_t rows[4] = {bits(a(group, t)), bits(a(group + 8, t)), bits(a(group, t + 4)),
                                   bits(a(group + 8, t + 4))};
    float sums[4] = {1, 1, 1, 1};
    mma(sums, rows, bits(b(t, group)), bits(b(t + 4, group)), nullptr);
    got[group][2 * t] = sums[0], got[group][2 * t + 1] = sums[1];
    got[group + 8][2 * t] = sums[2], got[group + 8][2 * t + 1] = sums[3];
  });
  EXPECT_EQ(trouble, "");
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float want = 1;
      for (int k = 0; k < 8; ++k) want += a(row, k) * b(k, column);
      EXPECT_EQ(got[row][column], want) << row << ", " << column;
    }
}

}  // namespace
}  // namespace rnnbench::emulator
