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

/// With ties: the share of all ways to draw `n` of the numbers whose sum of ranks is as far from
/// its mean as `sum`. `ranks`: of all numbers, twice the mean rank of those that are equal, so that
/// they are whole.
double tied_p(const std::vector<std::size_t>& ranks, std::size_t n, double sum) {
  const std::size_t most = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(n + 1, std::vector<double>(most + 1));
  ways[0][0] = 1;
  for (const std::size_t rank : ranks)
    for (std::size_t drawn = n; drawn > 0; --drawn)
      for (std::size_t s = most; s >= rank; --s) ways[drawn][s] += ways[drawn - 1][s - rank];
  const double mean =
      static_cast<double>(n) * static_cast<double>(most) / static_cast<double>(ranks.size());
  double all = 0, extreme = 0;
  for (std::size_t s = 0; s <= most; ++s) {
    all += ways[n][s];
    if (std::abs(static_cast<double>(s) - mean) >= std::abs(sum - mean) - 1e-6)
      extreme += ways[n][s];
  }
  return extreme / all;
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
  std::vector<std::size_t> ranks;  // doubled
  for (auto at = all.begin(); at != all.end();) {
    const auto next = std::upper_bound(at, all.end(), *at);
    const auto t = static_cast<double>(next - at);
    ties += t * t * t - t;
    ranks.insert(ranks.end(), static_cast<std::size_t>(next - at),
                 static_cast<std::size_t>((at - all.begin()) + (next - all.begin()) + 1));
    at = next;
  }
  RankTest test;
  for (const double a : first)
    for (const double b : second) test.u += a > b ? 1 : a == b ? 0.5 : 0;
  const std::size_t n = first.size(), m = second.size();
  test.exact = n * m <= most_exact_pairs;
  if (!test.exact)
    test.p = normal_p(test.u, static_cast<double>(n), static_cast<double>(m), ties);
  else if (ties == 0)
    test.p = exact_p(test.u, n, m);
  else  // of the smaller set, whose sums are fewer; its distance from the mean is the other's
    test.p = tied_p(ranks, std::min(n, m),
                    (n <= m ? 2 * test.u : 2 * (static_cast<double>(n * m) - test.u)) +
                        static_cast<double>(std::min(n, m) * (std::min(n, m) + 1)));
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

std::size_t fewest_a_side(std::size_t tests, double rate) {
  double orders = 2;  // of 1 against 1
  std::size_t n = 1;
  while (2 / orders * static_cast<double>(tests) > rate) {
    ++n;
    const auto k = static_cast<double>(n);
    orders *= 2 * (2 * k - 1) / k;
  }
  return n;
}

}  // namespace rnnbench
