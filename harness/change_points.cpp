#include "harness/change_points.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "harness/statistics.hpp"

namespace rnnbench {
namespace {

constexpr std::size_t shortest = 3;  // of a stretch
constexpr std::size_t most_values = 300;
constexpr int shuffles = 199;
constexpr double largest_p = 0.01;

struct Split {
  std::size_t at = 0;
  double energy = -1;
};

/// The split of values[order[0]], values[order[1]], … into two sides that differ most: the energy
/// distance 2 E|X-Y| - E|X-X'| - E|Y-Y'| times n m / (n + m). Sums of distances within the sides
/// are kept up from split to split.
Split best_split(const std::vector<double>& values) {
  const std::size_t n = values.size();
  Split best;
  double left = 0, right = 0, across = 0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) right += std::abs(values[i] - values[j]);
  for (std::size_t at = 1; at < n; ++at) {  // value at - 1 moves to the left
    double to_left = 0, to_right = 0;
    for (std::size_t j = 0; j + 1 < at; ++j) to_left += std::abs(values[at - 1] - values[j]);
    for (std::size_t j = at; j < n; ++j) to_right += std::abs(values[at - 1] - values[j]);
    left += to_left;
    right -= to_right;
    across += to_right - to_left;
    if (at < shortest || n - at < shortest) continue;
    const double a = double(at), b = double(n - at);
    const double distance =
        2 * across / (a * b) - left / (a * (a - 1) / 2) - right / (b * (b - 1) / 2);
    const double energy = distance * a * b / (a + b);
    if (energy > best.energy) best = {at, energy};
  }
  return best;
}

double permutation_p(std::vector<double> values, double energy, std::mt19937_64& random) {
  int as_large = 0;
  for (int k = 0; k < shuffles; ++k) {
    std::shuffle(values.begin(), values.end(), random);
    as_large +=
        best_split(values).energy >= energy * (1 - 1e-9);  // the same split, rounded otherwise
  }
  return (as_large + 1.0) / (shuffles + 1.0);
}

/// Adds the splits of values[first … last).
void divide(const std::vector<double>& values, std::size_t first, std::size_t last,
            std::mt19937_64& random, std::vector<ChangePoint>& found) {
  if (last - first < 2 * shortest) return;
  const std::vector<double> part(values.begin() + std::ptrdiff_t(first),
                                 values.begin() + std::ptrdiff_t(last));
  const auto split = best_split(part);
  if (split.energy <= 0) return;
  const double p = permutation_p(part, split.energy, random);
  if (p > largest_p) return;
  divide(values, first, first + split.at, random, found);
  found.push_back({.at = first + split.at, .p = p});
  divide(values, first + split.at, last, random, found);
}

/// Medians of the stretches on both sides of each point.
void measure(const std::vector<double>& values, std::vector<ChangePoint>& points) {
  const auto middle = [&](std::size_t first, std::size_t last) {
    return median({values.begin() + std::ptrdiff_t(first), values.begin() + std::ptrdiff_t(last)});
  };
  for (std::size_t k = 0; k < points.size(); ++k) {
    const std::size_t before = k == 0 ? 0 : points[k - 1].at;
    const std::size_t after = k + 1 == points.size() ? values.size() : points[k + 1].at;
    points[k].before = middle(before, points[k].at);
    points[k].after = middle(points[k].at, after);
  }
}

double change(const ChangePoint& point) {
  return std::max(point.after / point.before, point.before / point.after) - 1;
}

}  // namespace

std::vector<ChangePoint> change_points(const std::vector<double>& values, double least) {
  const std::size_t skipped = values.size() > most_values ? values.size() - most_values : 0;
  const std::vector<double> recent(values.begin() + std::ptrdiff_t(skipped), values.end());
  if (recent.size() < 2 * shortest) return {};
  const auto [low, high] = std::minmax_element(recent.begin(), recent.end());
  if (*high / *low - 1 < least) return {};
  std::vector<double> logs;
  for (const double value : recent) logs.push_back(std::log(value));
  std::mt19937_64 random(20140101);
  std::vector<ChangePoint> points;
  divide(logs, 0, logs.size(), random, points);
  measure(recent, points);
  // The smallest change that is none goes first: its neighbours' stretches grow by it.
  for (;;) {
    const auto smallest =
        std::min_element(points.begin(), points.end(),
                         [](const auto& a, const auto& b) { return change(a) < change(b); });
    if (smallest == points.end() || change(*smallest) >= least) break;
    points.erase(smallest);
    measure(recent, points);
  }
  for (auto& point : points) point.at += skipped;
  return points;
}

}  // namespace rnnbench
