#include "harness/change_points.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace rnnbench {
namespace {

std::vector<double> noisy(std::mt19937_64& random, double center, double spread,
                          std::size_t count) {
  std::normal_distribution<double> normal(0, spread);
  std::vector<double> values;
  for (std::size_t k = 0; k < count; ++k) values.push_back(center * std::exp(normal(random)));
  return values;
}

void append(std::vector<double>& values, const std::vector<double>& more) {
  values.insert(values.end(), more.begin(), more.end());
}

TEST(ChangePoints, FindsWhereAndHowMuch) {
  std::mt19937_64 random(1);
  auto values = noisy(random, 10, 0.005, 20);
  append(values, noisy(random, 11, 0.005, 15));
  append(values, noisy(random, 8, 0.005, 12));
  const auto points = change_points(values, 0.02);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].at, 20u);
  EXPECT_NEAR(points[0].before, 10, 0.05);
  EXPECT_NEAR(points[0].after, 11, 0.05);
  EXPECT_EQ(points[1].at, 35u);
  EXPECT_NEAR(points[1].after, 8, 0.05);
  EXPECT_LE(points[1].p, 0.01);
}

TEST(ChangePoints, NoiseIsNoChange) {
  std::mt19937_64 random(2);
  int found = 0;
  for (int k = 0; k < 100; ++k) found += !change_points(noisy(random, 5, 0.03, 30), 0.02).empty();
  EXPECT_LE(found, 4);
}

TEST(ChangePoints, OneOutlierIsNoChange) {
  std::mt19937_64 random(3);
  auto values = noisy(random, 10, 0.005, 30);
  values[17] = 25;
  EXPECT_TRUE(change_points(values, 0.02).empty());
}

TEST(ChangePoints, SmallChangesAreNone) {
  std::vector<double> values(12, 100.0);
  for (std::size_t k = 6; k < 12; ++k) values[k] = 101.5;
  EXPECT_TRUE(change_points(values, 0.02).empty());
  EXPECT_EQ(change_points(values, 0.01).size(), 1u);
}

TEST(ChangePoints, ShortSeriesHaveNone) {
  EXPECT_TRUE(change_points({}, 0.02).empty());
  EXPECT_TRUE(change_points({1, 2}, 0.02).empty());
  EXPECT_TRUE(change_points({1, 1, 1, 2, 2}, 0.02).empty());
}

TEST(ChangePoints, TheSameEveryTimeAndQuick) {
  std::mt19937_64 random(4);
  auto values = noisy(random, 10, 0.02, 400);
  append(values, noisy(random, 12, 0.02, 100));
  const auto start = std::chrono::steady_clock::now();
  const auto points = change_points(values, 0.02);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  ASSERT_EQ(points.size(), 1u);
  EXPECT_EQ(points[0].at, 400u);
  EXPECT_EQ(change_points(values, 0.02)[0].p, points[0].p);
}

}  // namespace
}  // namespace rnnbench
