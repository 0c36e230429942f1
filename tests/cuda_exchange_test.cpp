// Exchanging h between SMs, measured; and that what goes wrong there is noticed.
#include <dlfcn.h>

#include <set>

#include "harness/exchange_table.hpp"
#include "tests/cuda_fixture.hpp"
#include "tests/zoo/exchange_zoo.hpp"

namespace rnnbench {
namespace {

using GpuExchange = cuda_fixture::Gpu;

std::set<std::string> ways_in(const ExchangeCosts& costs) {
  std::set<std::string> ways;
  for (const auto& cost : costs.measured) ways.insert(cost.way);
  return ways;
}

TEST_F(GpuExchange, EveryWayIsRightAndHasACost) {
  const auto costs = session->exchange();
  SCOPED_TRACE(exchange_table(costs));
  EXPECT_FALSE(costs.failed());
  std::set<std::string> want{"l2-words16", "l2-words8", "l2-words4", "l2-flags", "l2-counter"};
  if (info.cc == 90)
    want.insert({"cluster-stores", "cluster-async", "cluster-bulk", "l2-multicast-2",
                 "l2-multicast-4", "l2-multicast-8", "l2-multicast-16"});
  for (const auto& way : want) EXPECT_TRUE(ways_in(costs).contains(way)) << way;
  for (const auto& cost : costs.measured) {
    EXPECT_GT(cost.seconds, 5e-8) << cost.way << ' ' << cost.units << ' ' << cost.kib;
    EXPECT_LT(cost.seconds, 1e-3) << cost.way << ' ' << cost.units << ' ' << cost.kib;
  }
  for (const auto& line : costs.missing)
    if (info.cc < 90 && line.units == 0) {
      EXPECT_EQ(line.why, "no clusters before CC 9.0");
    }
  for (const char* way : {"l2-words16", "l2-words8", "l2-words4", "l2-flags", "l2-counter"})
    EXPECT_GT(*costs.lookup(way, 16, 32 << 10), *costs.lookup(way, 16, 1 << 10)) << way;
}

TEST_F(GpuExchange, CalibrationMeasuresAFewLines) {
  const auto costs = session->calibrate().exchange;
  SCOPED_TRACE(exchange_table(costs));
  EXPECT_FALSE(costs.failed());
  EXPECT_TRUE(costs.lookup("l2-words16", 16, 10 << 10));
  if (info.cc < 90) {
    EXPECT_FALSE(costs.lookup("cluster-async", 8, 10 << 10));
  }
  if (info.cc == 90) {
    EXPECT_TRUE(costs.lookup("cluster-async", 16, 10 << 10));
  }
  EXPECT_LT(costs.measured.size(), 40u);
}

/// What a launch with that mistake says of itself.
zoo::Seen seen_of(zoo::Mistake mistake) {
  void* library = dlopen(RNNBENCH_BUILD_DIR "/tests/exchange_zoo.so", RTLD_NOW);
  EXPECT_NE(library, nullptr) << dlerror();
  zoo::Seen seen{};
  if (!library) return seen;
  const auto run = reinterpret_cast<zoo::Run>(dlsym(library, "rnnbench_exchange_zoo"));
  EXPECT_EQ(run(mistake, &seen), 0);
  return seen;
}

TEST_F(GpuExchange, NoticesAWrongValue) {
  const auto right = seen_of(zoo::Mistake::none);
  EXPECT_EQ(right.gave_up, 0u);
  EXPECT_EQ(right.wrong, 0u);
  EXPECT_EQ(right.rounds_run, unsigned(zoo::blocks * zoo::rounds));
  EXPECT_EQ(seen_of(zoo::Mistake::one_value).wrong, 1u);
  EXPECT_EQ(seen_of(zoo::Mistake::one_value_at_the_end).wrong, 1u);
}

TEST_F(GpuExchange, EndsALaunchThatHangs) {
  std::vector mistakes{zoo::Mistake::silent};
  if (info.cc >= 90) mistakes.push_back(zoo::Mistake::silent_cluster);
  for (const auto mistake : mistakes) {
    const auto seen = seen_of(mistake);
    EXPECT_EQ(seen.gave_up, 1u);
    EXPECT_EQ(seen.wrong, 0u);
    EXPECT_EQ(seen.rounds_run, unsigned(zoo::blocks * (zoo::bad_round - 1)));
    EXPECT_EQ(seen_of(zoo::Mistake::none).wrong, 0u);  // the device lives on
  }
}

}  // namespace
}  // namespace rnnbench
