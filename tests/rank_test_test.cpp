#include "harness/rank_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

/// p by counting all orders of n + m different numbers, one by one.
double counted_p(double u, int n, int m) {
  std::vector<int> side(static_cast<std::size_t>(n + m), 0);  // of each number in ascending order
  std::fill(side.begin() + m, side.end(), 1);                 // 1: of the first set
  double all = 0, extreme = 0;
  const double far = std::abs(u - n * m / 2.0);
  do {
    double here = 0, below = 0;  // of the second set
    for (const int one : side) (one ? here : below) += one ? below : 1;
    all += 1;
    extreme += std::abs(here - n * m / 2.0) >= far - 1e-9;
  } while (std::next_permutation(side.begin(), side.end()));
  return extreme / all;
}

TEST(RankTest, ExactIsWhatCountingAllOrdersGives) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (int n = 1; n <= 6; ++n)
    for (int m = 1; m <= 6; ++m) {
      std::vector<double> a, b;
      for (int k = 0; k < n; ++k) a.push_back(normal(random) + 0.8);
      for (int k = 0; k < m; ++k) b.push_back(normal(random));
      const auto test = mann_whitney(a, b);
      EXPECT_TRUE(test.exact);
      EXPECT_NEAR(test.p, counted_p(test.u, n, m), 1e-12) << n << " " << m;
    }
}

TEST(RankTest, NineAgainstNineApart) {
  std::vector<double> low(9), high(9);
  std::iota(low.begin(), low.end(), 0.0);
  std::iota(high.begin(), high.end(), 100.0);
  const auto test = mann_whitney(high, low);
  EXPECT_EQ(test.u, 81);
  EXPECT_NEAR(test.p, 2.0 / 48620, 1e-15);  // two of the 18 over 9 orders
  EXPECT_EQ(mann_whitney(low, high).u, 0);
  EXPECT_EQ(mann_whitney(low, high).p, test.p);
}

/// p by dealing out these numbers in all ways.
double dealt_p(const std::vector<double>& first, const std::vector<double>& second) {
  std::vector<double> all = first;
  all.insert(all.end(), second.begin(), second.end());
  const auto u_of = [&](const std::vector<int>& side) {
    double u = 0;
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t j = 0; j < all.size(); ++j)
        if (side[i] && !side[j]) u += all[i] > all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
    return u;
  };
  std::vector<int> side(all.size(), 0);
  std::fill_n(side.begin(), first.size(), 1);
  const double middle = double(first.size() * second.size()) / 2;
  const double far = std::abs(u_of(side) - middle);
  std::sort(side.begin(), side.end());
  double count = 0, extreme = 0;
  do {
    count += 1;
    extreme += std::abs(u_of(side) - middle) >= far - 1e-9;
  } while (std::next_permutation(side.begin(), side.end()));
  return extreme / count;
}

TEST(RankTest, TiesAreHalfAPairAndExactToo) {
  const auto test = mann_whitney({1, 2, 2, 3}, {2, 4, 5});
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.u, 0 + 0.5 + 0.5 + 1);
  EXPECT_EQ(mann_whitney({5, 5}, {5, 5, 5}).p, 1);
  std::mt19937_64 random(3);
  for (int turn = 0; turn < 40; ++turn) {
    std::vector<double> a(1 + random() % 6), b(1 + random() % 6);
    for (double& one : a) one = double(random() % 4);
    for (double& one : b) one = double(random() % 4) + double(turn % 2);
    EXPECT_NEAR(mann_whitney(a, b).p, dealt_p(a, b), 1e-12);
  }
  // One tie within a side leaves nine against nine what they were.
  EXPECT_NEAR(mann_whitney({1, 1, 2, 3, 4, 5, 6, 7, 8}, {11, 12, 13, 14, 15, 16, 17, 18, 19}).p,
              2.0 / 48620, 1e-12);
}

TEST(RankTest, HowManyProcessesAFamilyOfTestsNeeds) {
  EXPECT_EQ(fewest_a_side(243, 0.01), 9u);  // 2 / (18 over 9) * 243
  EXPECT_EQ(fewest_a_side(244, 0.01), 10u);
  EXPECT_EQ(fewest_a_side(1, 0.01), 5u);
}

TEST(RankTest, LargeSetsUseTheNormalApproximation) {
  std::vector<double> a(60), b(60);
  std::iota(a.begin(), a.end(), 0.25);
  std::iota(b.begin(), b.end(), 0.0);
  EXPECT_FALSE(mann_whitney(a, b).exact);
  EXPECT_GT(mann_whitney(a, b).p, 0.8);
  for (double& one : b) one = std::floor(one / 10);  // ties, alike on both sides
  for (double& one : a) one = std::floor(one / 10);
  EXPECT_EQ(mann_whitney(a, b).u, 1800);
  EXPECT_THROW(mann_whitney({}, b), Error);
  EXPECT_THROW(mann_whitney(a, {}), Error);
}

// The example of Benjamini and Hochberg's paper: at a rate of 0.05 the first four are discoveries.
TEST(RankTest, FalseDiscoveryRatesOfThePublishedExample) {
  const std::vector<double> p{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                              0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
  const auto rates = false_discovery_rates(p);
  for (std::size_t k = 0; k < p.size(); ++k) EXPECT_EQ(rates[k] <= 0.05, k < 4) << k;
  EXPECT_DOUBLE_EQ(rates[0], 0.0015);
  EXPECT_DOUBLE_EQ(rates[14], 1);
  EXPECT_EQ(false_discovery_rates({0.04, 0.01}), (std::vector<double>{0.04, 0.02}));
  EXPECT_TRUE(false_discovery_rates({}).empty());
}

}  // namespace
}  // namespace rnnbench
