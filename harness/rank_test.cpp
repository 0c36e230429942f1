#include "harness/rank_test.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

constexpr std::size_t most_exact_pairs = 2500;

/// In how many of all orders of n and m different numbers u pairs have the first set's larger, for
/// each u: either the largest number is of the first set, larger than all m, or it is of the
/// second. Sums of positive terms only, so that doubles lose nothing that matters.
std::vector<double> orders_by_u(std::size_t n, std::size_t m) {
  std::vector<std::vector<double>> by_first(n + 1, std::vector<double>(n * m + 1));
  for (auto& counts : by_first) counts[0] = 1;  // m = 0
  for (std::size_t second = 1; second <= m; ++second)
    for (std::size_t first = 1; first <= n; ++first)
      for (std::size_t u = first * second; u >= second; --u)
        by_first[first][u] += by_first[first - 1][u - second];
  return by_first[n];
}

double exact_p(double u, std::size_t n, std::size_t m) {
  const auto counts = orders_by_u(n, m);
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double extreme = std::max(u, static_cast<double>(n * m) - u);
  const double tail = std::accumulate(
      counts.begin() + static_cast<std::ptrdiff_t>(std::llround(extreme)), counts.end(), 0.0);
  return std::min(1.0, 2 * tail / all);
}

/// `ties`: sum of t^3 - t over groups of t equal numbers.
double normal_p(double u, double n, double m, double ties) {
  const double all = n + m;
  const double variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
  if (variance <= 0) return 1;  // all are equal
  const double z = (std::abs(u - n * m / 2) - 0.5) / std::sqrt(variance);
  return std::min(1.0, std::erfc(z / std::sqrt(2.0)));
}

}  // namespace

RankTest mann_whitney(const std::vector<double>& first, const std::vector<double>& second) {
  if (first.empty() || second.empty()) throw Error("a rank test needs numbers on both sides");
  std::vector<double> all = first;
  all.insert(all.end(), second.begin(), second.end());
  std::sort(all.begin(), all.end());
  double ties = 0;
  for (auto at = all.begin(); at != all.end();) {
    const auto next = std::upper_bound(at, all.end(), *at);
    const auto t = static_cast<double>(next - at);
    ties += t * t * t - t;
    at = next;
  }
  RankTest test;
  for (const double a : first)
    for (const double b : second) test.u += a > b ? 1 : a == b ? 0.5 : 0;
  const std::size_t n = first.size(), m = second.size();
  test.exact = ties == 0 && n * m <= most_exact_pairs;
  test.p = test.exact ? exact_p(test.u, n, m)
                      : normal_p(test.u, static_cast<double>(n), static_cast<double>(m), ties);
  return test;
}

std::vector<double> false_discovery_rates(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  std::vector<double> rates(p.size());
  double least = 1;
  for (std::size_t k = 0; k < order.size(); ++k) {  // from the largest p down
    const auto rank = static_cast<double>(p.size() - k);
    least = std::min(least, p[order[k]] * static_cast<double>(p.size()) / rank);
    rates[order[k]] = least;
  }
  return rates;
}

}  // namespace rnnbench
