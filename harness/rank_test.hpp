// Whether one set of numbers tends to be larger than another, without assuming how they are spread.
#pragma once

#include <vector>

namespace rnnbench {

/// Mann, Whitney: On a test of whether one of two random variables is stochastically larger than
/// the other, Annals of Mathematical Statistics 18 (1947).
struct RankTest {
  double u = 0;        // pairs in which the first set's number is larger; a tie is half a pair
  double p = 1;        // two-sided
  bool exact = false;  // else from the normal approximation, corrected for ties and continuity
};

/// Exact with at most 50 · 50 pairs, with ties over all ways to deal the numbers out. Throws Error
/// where a set is empty.
RankTest mann_whitney(const std::vector<double>& first, const std::vector<double>& second);

/// What each p of a family of tests is worth: the smallest rate of false discoveries at which it
/// counts as one (Benjamini, Hochberg, Journal of the Royal Statistical Society B 57, 1995).
std::vector<double> false_discovery_rates(const std::vector<double>& p);

/// The least n at which n numbers against n, all larger, are a discovery at `rate` though every one
/// of `tests` other tests finds nothing.
std::size_t fewest_a_side(std::size_t tests, double rate);

}  // namespace rnnbench
