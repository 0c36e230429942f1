#include "harness/statistics.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <random>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

// numpy.quantile([0.3, 1.7, -2.5, 8, 4.25, 1.7, 0, 11.5], q), and numpy.median.
TEST(Statistics, quantiles_are_those_of_numpy) {
  const std::vector<double> v{0.3, 1.7, -2.5, 8, 4.25, 1.7, 0, 11.5};
  EXPECT_DOUBLE_EQ(median(v), 1.7);
  EXPECT_DOUBLE_EQ(quantile(v, 0), -2.5);
  EXPECT_NEAR(quantile(v, 0.1), -0.75, 1e-15);
  EXPECT_NEAR(quantile(v, 0.25), 0.225, 1e-15);
  EXPECT_NEAR(quantile(v, 0.95), 10.275, 1e-14);
  EXPECT_DOUBLE_EQ(quantile(v, 1), 11.5);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.95), 7);
  EXPECT_DOUBLE_EQ(median({4, 1, 2, 3}), 2.5);
}

TEST(Statistics, summary_of_a_case_worked_by_hand) {
  const Summary s = summarize({5, 1, 2, 10, 4});
  EXPECT_EQ(s.n, 5u);
  EXPECT_DOUBLE_EQ(s.median, 4);
  EXPECT_DOUBLE_EQ(s.min, 1);
  EXPECT_DOUBLE_EQ(s.mean, 4.4);
  EXPECT_DOUBLE_EQ(s.p95, 9);  // 0.8 of the way from 5 to 10
  EXPECT_DOUBLE_EQ(s.mad, 2);  // of 1 3 2 6 0
  EXPECT_GE(s.ci_low, 1);
  EXPECT_LE(s.ci_high, 10);
}

TEST(Statistics, one_sample_is_its_own_interval) {
  const Summary s = summarize({3}, {0});
  EXPECT_EQ(s, (Summary{1, 3, 3, 3, 0, 3, 3, 3}));
}

TEST(Statistics, refuses_what_it_cannot_summarize) {
  EXPECT_THROW(summarize({}), Error);
  EXPECT_THROW(quantile({}, 0.5), Error);
  EXPECT_THROW(summarize({1, 2}, {0}), Error);
}

// The bootstrap of a median has a closed form: the chance that the median of a resample of n = 9
// distinct values is at most the k-th is that of five hits or more in Binomial(9, k / 9). It passes
// 2.5 % between k = 1 (0.14 %) and k = 2 (3.0 %), so the interval is from the second to the eighth.
TEST(Statistics, interval_agrees_with_the_closed_form) {
  const Summary s = summarize({1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_DOUBLE_EQ(s.ci_low, 2);
  EXPECT_DOUBLE_EQ(s.ci_high, 8);
}

TEST(Statistics, same_arguments_same_result) {
  std::mt19937 random(5);
  std::exponential_distribution<double> draw;
  std::vector<double> samples(200);
  std::vector<int> groups(200);
  for (std::size_t k = 0; k < 200; ++k) samples[k] = draw(random), groups[k] = k % 9;
  EXPECT_EQ(summarize(samples), summarize(samples));
  EXPECT_EQ(summarize(samples, groups), summarize(samples, groups));
}

/// Share of `draws` experiments whose interval holds the true median.
template <class Experiment>
double coverage(int draws, double truth, Experiment experiment) {
  int held = 0;
  for (int k = 0; k < draws; ++k) {
    const Summary s = experiment();
    held += s.ci_low <= truth && truth <= s.ci_high;
  }
  return static_cast<double>(held) / draws;
}

TEST(Statistics, interval_covers_the_true_median) {
  std::mt19937 random(11);
  std::exponential_distribution<double> draw;  // skewed, as timings are
  for (const std::size_t n : {9u, 40u, 101u}) {
    const double share = coverage(1000, std::log(2.0), [&] {
      std::vector<double> samples(n);
      for (double& s : samples) s = draw(random);
      return summarize(samples);
    });
    EXPECT_NEAR(share, 0.95, 0.03) << n;
  }
}

// Rounds that differ as much as samples within a round: the case groups are for.
TEST(Statistics, interval_over_groups_covers_where_the_plain_one_does_not) {
  std::mt19937 random(12);
  std::normal_distribution<double> draw;
  std::vector<double> samples(9 * 20);
  std::vector<int> groups(samples.size());
  const auto fill = [&] {
    for (std::size_t k = 0, round = 0; round < 9; ++round) {
      const double shift = draw(random);
      for (int j = 0; j < 20; ++j, ++k)
        samples[k] = shift + draw(random), groups[k] = static_cast<int>(round) + 3;
    }
  };
  const double grouped = coverage(600, 0, [&] { return fill(), summarize(samples, groups); });
  const double plain = coverage(600, 0, [&] { return fill(), summarize(samples); });
  EXPECT_NEAR(grouped, 0.95, 0.03);
  EXPECT_LT(plain, 0.65);
}

/// The cluster bootstrap spelled out: draw groups, pool them, sort, take the median.
double plain_spread(const std::vector<std::vector<double>>& groups) {
  std::mt19937 random(3);
  std::vector<double> medians(4000);
  for (double& m : medians) {
    std::vector<double> pool;
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const auto& g = groups[random() % groups.size()];
      pool.insert(pool.end(), g.begin(), g.end());
    }
    m = median(pool);
  }
  return quantile(medians, 0.99) - quantile(medians, 0.01);
}

// With very many groups the widening is nil; with 30 of unequal size it reads 1.6 % tails.
TEST(Statistics, groups_of_unequal_size_match_a_plain_bootstrap) {
  std::mt19937 random(4);
  std::normal_distribution<double> draw;
  std::vector<std::vector<double>> groups(30);
  std::vector<double> samples;
  std::vector<int> numbers;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double shift = draw(random);
    for (std::size_t k = 0; k < 5 + g * 3; ++k) {
      groups[g].push_back(shift + 0.3 * draw(random));
      samples.push_back(groups[g].back());
      numbers.push_back(static_cast<int>(g) * 10 - 50);
    }
  }
  const Summary s = summarize(samples, numbers);
  EXPECT_NEAR((s.ci_high - s.ci_low) / plain_spread(groups), 1, 0.15);
}

TEST(Statistics, one_group_alone_counts_as_none) {
  const std::vector<double> v{1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(summarize(v, std::vector<int>(9, 4)), summarize(v));
}

TEST(Statistics, a_hundred_thousand_samples_take_milliseconds) {
  std::mt19937 random(6);
  std::lognormal_distribution<double> draw;
  std::vector<double> samples(100'000);
  for (double& s : samples) s = draw(random);
  for (const int rounds : {1, 9, 1000, 50'000}) {
    std::vector<int> groups(samples.size());
    for (std::size_t k = 0; k < groups.size(); ++k) groups[k] = static_cast<int>(k) % rounds;
    const auto start = std::chrono::steady_clock::now();
    const Summary s = summarize(samples, groups);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_NEAR(s.median, 1, 0.02);
#ifndef __SANITIZE_THREAD__
    EXPECT_LT(took.count(), 0.5) << rounds;  // 0.01 to 0.02 s is usual; room for busy machines
#endif
    RecordProperty("ms_" + std::to_string(rounds), std::to_string(took.count() * 1e3));
  }
}

}  // namespace
}  // namespace rnnbench
