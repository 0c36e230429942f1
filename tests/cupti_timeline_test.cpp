// Samples in time as the course of one forward call.
#include <gtest/gtest.h>

#include <cmath>

#include "harness/error.hpp"
#include "impls/cuda/cupti/timeline.hpp"

namespace rnnbench::cupti {
namespace {

using Series = std::vector<double>;

/// Points of 20 us: idle, busy with gaps, idle.
std::vector<Point> points(std::size_t idle, std::size_t busy) {
  std::vector<Point> all;
  for (std::size_t k = 0; k < busy + 2 * idle; ++k) {
    const bool works = k >= idle && k < idle + busy && k != idle + 1;
    all.push_back({20000 * k, 20000 * (k + 1), {works ? 90.0 : 0.0, double(k)}});
  }
  return all;
}

TEST(CuptiTimeline, IdleTimeBeforeAndAfterIsCutOff) {
  std::vector<std::string> warnings;
  const auto timeline = lay_out({"active", "place"}, points(5, 12), 3, warnings);
  EXPECT_EQ(timeline.forwards, 3);
  EXPECT_DOUBLE_EQ(timeline.interval_s, 20e-6);
  ASSERT_EQ(timeline.series.size(), 2U);
  EXPECT_EQ(timeline.series.at("active").size(), 12U);
  EXPECT_EQ(timeline.series.at("active")[1], 0);  // a gap within stays
  EXPECT_EQ(timeline.series.at("place").front(), 5);
  EXPECT_EQ(timeline.series.at("place").back(), 16);
  EXPECT_TRUE(warnings.empty());
}

TEST(CuptiTimeline, ShortCallsAreSampledInARow) {
  EXPECT_EQ(calls_to_sample(1e-3, 5000), 1);
  EXPECT_EQ(calls_to_sample(200e-6, 5000), 1);
  EXPECT_EQ(calls_to_sample(199e-6, 5000), 2);
  EXPECT_EQ(calls_to_sample(10e-6, 2000), 8);
  EXPECT_EQ(calls_to_sample(10e-6, 20000), 80);
  EXPECT_EQ(calls_to_sample(0, 2000), 256);
}

TEST(CuptiTimeline, TooFewPointsAreNoCourse) {
  std::vector<std::string> warnings;
  EXPECT_THROW(lay_out({"active", "place"}, points(5, fewest_points - 1), 1, warnings), Error);
  EXPECT_THROW(lay_out({"active", "place"}, points(50, 0), 1, warnings), Error);
  EXPECT_THROW(lay_out({"active", "place"}, {}, 1, warnings), Error);
}

TEST(CuptiTimeline, SeriesWithPointsThatAreNoNumberAreLeftOut) {
  auto all = points(2, 12);
  all[6].values[1] = std::nan("");
  std::vector<std::string> warnings;
  const auto timeline = lay_out({"active", "place"}, all, 1, warnings);
  EXPECT_EQ(timeline.series.size(), 1U);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("place: 1 of 12"), std::string::npos) << warnings[0];
}

TEST(CuptiTimeline, IntervalsGiveTwoHundredPointsOrWhatAChipTakes) {
  using Tries = std::vector<std::uint64_t>;
  EXPECT_EQ(intervals_to_try(0.1), (Tries{500000}));
  EXPECT_EQ(intervals_to_try(2e-3), (Tries{10000, 20000}));
  EXPECT_EQ(intervals_to_try(1e-5), (Tries{2000, 5000, 20000}));
  EXPECT_EQ(intervals_to_try(0), (Tries{2000, 5000, 20000}));
}

}  // namespace
}  // namespace rnnbench::cupti
