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

TEST(CuptiLaunches, TheMiddleSampleStandsForWhatIsBetweenTheEnds) {
  const Group group{"k", "shape", {0, 3, 4, 8, 9, 12}, 60};
  using Weights = std::vector<double>;
  EXPECT_EQ(stands_for(group, {0, 8, 12}), (Weights{1, 4, 1}));
  EXPECT_EQ(stands_for(group, {8}), (Weights{6}));
  EXPECT_EQ(stands_for(group, {0, 12}), (Weights{3, 3}));
  EXPECT_EQ(stands_for({"k", "shape", {5, 7}, 2}, {5, 7}), (Weights{1, 1}));
  EXPECT_TRUE(stands_for(group, {}).empty());
}

TEST(CuptiLaunches, PlacesAreAroundTheMiddleAndApart) {
  using Places = std::vector<std::size_t>;
  Group every;
  for (std::size_t k = 0; k < 100; ++k) every.ordinals.push_back(2 * k);  // another between each
  EXPECT_EQ(places_of(every, 100, 4, 9), (Places{90, 100, 110, 120}));
  EXPECT_EQ(places_of(every, 100, 1, 9), Places{100});
  // As many as there are, but neither the first nor the last, and `apart` launches before each.
  const auto all = places_of(every, 100, 1000, 9);
  EXPECT_EQ(all.front(), 10U);
  EXPECT_EQ(all.back(), 190U);
  EXPECT_EQ(all.size(), 19U);
  // The first and the last stand for themselves, and so does one with too few before it.
  EXPECT_EQ(places_of(every, 0, 4, 9), Places{0});
  EXPECT_EQ(places_of(every, 198, 4, 9), Places{198});
  EXPECT_EQ(places_of({"k", "shape", {3, 5, 40}, 0}, 5, 4, 9), Places{5});
  EXPECT_EQ(places_of({"k", "shape", {20, 40}, 0}, 40, 4, 9), Places{40});
}

TEST(CuptiLaunches, SamplesComeFromTheMiddleThenTheEnds) {
  std::vector<Launch> launches;
  for (std::uint64_t k = 0; k < 9; ++k) launches.push_back(launch("long", 1, 20 * k, 20 * k + 10));
  launches.push_back(launch("once", 1, 200, 205));
  const auto groups = group(launches);
  EXPECT_EQ(rounds_of_samples(groups, 100), (Rounds{{4, 9}, {0}, {8}}));
  EXPECT_EQ(rounds_of_samples(groups, 3), (Rounds{{4, 9}, {0}}));
  EXPECT_EQ(rounds_of_samples(groups, 1), (Rounds{{4}}));  // the longest group's
  EXPECT_TRUE(rounds_of_samples(groups, 0).empty());
  EXPECT_TRUE(rounds_of_samples({}, 100).empty());
}

TEST(CuptiLaunches, SamplesOfTwoLaunchesAreBothOnce) {
  const auto groups = group({launch("a", 1, 0, 1), launch("a", 1, 1, 2)});
  std::multiset<std::size_t> all;
  for (const auto& round : rounds_of_samples(groups, 100)) all.insert(round.begin(), round.end());
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
