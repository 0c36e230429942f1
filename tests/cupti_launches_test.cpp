// Launches from activity records: grouped, summed, sampled, named.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {
namespace {

using Rounds = std::vector<std::vector<std::size_t>>;

Launch launch(const std::string& name, std::uint32_t blocks, std::uint64_t start,
              std::uint64_t end) {
  Launch one;
  one.name = name, one.grid = {blocks, 1, 1}, one.block = {256, 1, 1};
  one.start_ns = start, one.end_ns = end;
  return one;
}

TEST(CuptiLaunches, AreGroupedByNameAndShapeTheLongestFirst) {
  const auto groups = group({launch("a", 1, 0, 10), launch("b", 1, 10, 40), launch("a", 2, 40, 45),
                             launch("a", 1, 50, 62), launch("b", 1, 70, 100)});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].name, "b");
  EXPECT_EQ(groups[0].total_ns, 60);
  EXPECT_EQ(groups[1].name, "a");
  EXPECT_EQ(groups[1].shape, "1x1x1 blocks of 256x1x1");
  EXPECT_EQ(groups[1].ordinals, (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(groups[2].shape, "2x1x1 blocks of 256x1x1");
  EXPECT_TRUE(group({}).empty());
}

TEST(CuptiLaunches, ShapeNamesClusters) {
  Launch one = launch("a", 64, 0, 1);
  one.cluster = {1, 1, 1};
  EXPECT_EQ(shape_of(one), "64x1x1 blocks of 256x1x1");
  one.cluster = {2, 1, 1};
  EXPECT_EQ(shape_of(one), "64x1x1 blocks of 256x1x1 in clusters of 2x1x1");
}

TEST(CuptiLaunches, OverlapCountsOnceInBusyTime) {
  const auto apart = spans({launch("a", 1, 100, 110), launch("b", 1, 130, 150)});
  EXPECT_EQ(apart.sum_ns, 30);
  EXPECT_EQ(apart.busy_ns, 30);
  EXPECT_EQ(apart.gap_ns, 20);
  EXPECT_EQ(apart.span_ns, 50);
  // In another order, one within another, two that overlap, and one that touches.
  const auto over = spans({launch("b", 1, 40, 60), launch("a", 1, 0, 50), launch("c", 1, 10, 20),
                           launch("d", 1, 60, 70), launch("e", 1, 90, 100)});
  EXPECT_EQ(over.sum_ns, 100);
  EXPECT_EQ(over.busy_ns, 80);
  EXPECT_EQ(over.gap_ns, 20);
  EXPECT_EQ(over.span_ns, 100);
  EXPECT_EQ(spans({}).span_ns, 0);
}

TEST(CuptiLaunches, OfEqualCallsTheShortestAfterTheFirstIsKept) {
  // The first call is the shortest here and not to be believed; the third has its kernels in
  // another order, as two streams may.
  const std::vector<Launch> calls{launch("a", 1, 0, 10),    launch("b", 2, 11, 20),
                                  launch("a", 1, 100, 110), launch("b", 2, 150, 160),
                                  launch("b", 2, 202, 211), launch("a", 1, 200, 231)};
  auto kept = calls;
  EXPECT_EQ(shortest_call(kept, 3), 2U);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept.front().start_ns, 202U);
  EXPECT_EQ(spans(kept).span_ns, 31);

  kept = calls;
  EXPECT_EQ(shortest_call(kept, 1), 0U) << "one call is kept as it is";
  EXPECT_EQ(kept.size(), 6U);

  kept = calls;
  kept.pop_back();
  EXPECT_EQ(shortest_call(kept, 3), 3U) << "a launch is missing";
  EXPECT_EQ(kept.size(), 5U);

  kept = calls;
  kept[3].grid = {4, 1, 1};
  EXPECT_EQ(shortest_call(kept, 3), 3U) << "the second call is another";
  EXPECT_EQ(kept.size(), 6U);
  std::vector<Launch> none;
  EXPECT_EQ(shortest_call(none, 2), 1U) << "calls that launch nothing";
}

/// One group of launches that follow one another, each `times` long in us.
std::vector<Launch> lasting(const std::vector<double>& times) {
  std::vector<Launch> launches;
  std::uint64_t at = 0;
  for (const double us : times) {
    launches.push_back(launch("k", 1, at, at + static_cast<std::uint64_t>(1e3 * us)));
    at = launches.back().end_ns + 5;
  }
  return launches;
}

TEST(CuptiLaunches, TheUsualOneTakesTheMedianTimeOfThoseBetweenTheEnds) {
  EXPECT_EQ(group(lasting({5, 5, 5, 5, 5}))[0].usual, 2U);
  EXPECT_EQ(group(lasting({5, 5, 5, 5}))[0].usual, 2U);
  EXPECT_EQ(group(lasting({5, 7}))[0].usual, 1U);
  EXPECT_EQ(group(lasting({5}))[0].usual, 0U);
  // The middle is a launch that took long; the first and the last do not count.
  EXPECT_EQ(group(lasting({90, 5, 5.05, 80, 5.02, 5, 90}))[0].usual, 4U);
  // Two layers: more launches of the second.
  EXPECT_EQ(group(lasting({5, 5, 5, 9, 9, 9, 9, 9}))[0].usual, 4U);
}

TEST(CuptiLaunches, TheUsualSampleStandsForWhatIsBetweenTheEnds) {
  const Group group{"k", "shape", {0, 3, 4, 8, 9, 12}, 60, 8};
  using Weights = std::vector<double>;
  EXPECT_EQ(stands_for(group, {0, 8, 12}), (Weights{1, 4, 1}));
  EXPECT_EQ(stands_for(group, {8}), (Weights{6}));
  EXPECT_EQ(stands_for(group, {0, 12}), (Weights{3, 3}));
  EXPECT_EQ(stands_for({"k", "shape", {5, 7}, 2, 7}, {5, 7}), (Weights{1, 1}));
  EXPECT_TRUE(stands_for(group, {}).empty());
}

TEST(CuptiLaunches, PlacesAreAroundTheUsualOneAlikeAndApart) {
  using Places = std::vector<std::size_t>;
  std::vector<double> times(200, 5);
  const auto launches = lasting(times);
  Group every{"k", "shape", {}, 0, 100};
  for (std::size_t k = 0; k < 200; k += 2) every.ordinals.push_back(k);  // another between each
  EXPECT_EQ(places_of(launches, every, 100, 4, 9), (Places{90, 100, 110, 120}));
  EXPECT_EQ(places_of(launches, every, 100, 1, 9), Places{100});
  // As many as there are, but neither the first nor the last, and `apart` launches before each.
  const auto all = places_of(launches, every, 100, 1000, 9);
  EXPECT_EQ(all.front(), 10U);
  EXPECT_EQ(all.back(), 190U);
  EXPECT_EQ(all.size(), 19U);
  const Group ends{"k", "shape", {9, 20, 31}, 0, 20};
  EXPECT_EQ(places_of(launches, ends, 20, 10, 9), Places{20}) << "the ends are no places";
  const Group early{"k", "shape", {1, 5, 20, 40, 60}, 0, 20};
  EXPECT_EQ(places_of(launches, early, 20, 10, 9), (Places{20, 40})) << "5 has too few before it";
  // Those that take another time do another work.
  for (std::size_t k = 101; k < 200; ++k) times[k] = 6;
  EXPECT_EQ(places_of(lasting(times), every, 100, 4, 9), (Places{90, 100}));
  // The first and the last stand for themselves, and so does one with too few before it.
  EXPECT_EQ(places_of(launches, every, 0, 4, 9), Places{0});
  EXPECT_EQ(places_of(launches, every, 198, 4, 9), Places{198});
  EXPECT_EQ(places_of(launches, {"k", "shape", {3, 5, 40}, 0, 5}, 5, 4, 9), Places{5});
  EXPECT_EQ(places_of(launches, {"k", "shape", {20, 40}, 0, 40}, 40, 4, 9), Places{40});
}

TEST(CuptiLaunches, UnlikeTimesAreSaid) {
  std::vector<double> times(100, 5);
  times[0] = 50, times[50] = 50;  // single ones do not make a kernel uneven
  auto launches = lasting(times);
  EXPECT_EQ(uneven(launches, group(launches)[0]), "");
  for (std::size_t k = 60; k < 100; ++k) times[k] = 9;
  launches = lasting(times);
  const auto words = uneven(launches, group(launches)[0]);
  EXPECT_NE(words.find("100 launches take 5 to 9 us"), std::string::npos) << words;
  EXPECT_NE(words.find("those of 5 us"), std::string::npos) << words;
}

TEST(CuptiLaunches, SamplesAreTheUsualOnesThenTheEndsOfTheLongestGroupFirst) {
  std::vector<Launch> launches{launch("once", 1, 0, 5)};
  for (std::uint64_t k = 1; k < 10; ++k) launches.push_back(launch("long", 1, 20 * k, 20 * k + 10));
  const auto groups = group(launches);
  EXPECT_EQ(rounds_of_samples(groups), (Rounds{{5, 0}, {1}, {9}}));
  EXPECT_TRUE(rounds_of_samples({}).empty());
}

TEST(CuptiLaunches, SamplesOfTwoLaunchesAreBothOnce) {
  const auto groups = group({launch("a", 1, 0, 1), launch("a", 1, 1, 2)});
  std::multiset<std::size_t> all;
  for (const auto& round : rounds_of_samples(groups)) all.insert(round.begin(), round.end());
  EXPECT_EQ(all, (std::multiset<std::size_t>{0, 1}));
}

TEST(CuptiLaunches, NamesAreReadable) {
  EXPECT_EQ(readable_name("_ZN8rnnbench12_GLOBAL__N_14stepEPKfi"),
            "rnnbench::(anonymous namespace)::step");
  EXPECT_EQ(readable_name("_ZN8rnnbench4stepIfLi3EEEvPT_"), "rnnbench::step<float, 3>");
  EXPECT_EQ(readable_name("sm80_xmma_gemm_f32f32"), "sm80_xmma_gemm_f32f32");
  EXPECT_EQ(readable_name(nullptr), "unnamed kernel");
}

}  // namespace
}  // namespace rnnbench::cupti
