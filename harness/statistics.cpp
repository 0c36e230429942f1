#include "harness/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <tuple>
#include <utility>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

constexpr std::size_t resamples = 2000;
constexpr std::size_t most_groups = 128;  // more are merged with their neighbours, for speed
constexpr std::uint64_t seed = 20240517;
constexpr double tail = 0.025;  // of a 95 % interval, on each side

double sorted_quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return std::lerp(sorted[below], sorted[below + 1], at - static_cast<double>(below));
}

/// The median of a resample of n values is decided by one or two order statistics of n uniform
/// numbers, and those follow a beta distribution: one draw replaces n.
std::vector<double> resampled_medians(const std::vector<double>& sorted) {
  const std::size_t n = sorted.size();
  const std::size_t middle = (n + 1) / 2;  // counted from 1: the lower one where n is even
  std::mt19937_64 random(seed);
  std::gamma_distribution<double> left(static_cast<double>(middle));
  std::gamma_distribution<double> right(static_cast<double>(n - middle + 1));
  std::uniform_real_distribution<double> uniform;
  const auto value = [&](double u) {
    return sorted[std::min(n - 1, static_cast<std::size_t>(u * static_cast<double>(n)))];
  };
  std::vector<double> medians(resamples);
  for (double& m : medians) {
    const double a = left(random), b = right(random), u = a / (a + b);
    m = value(u);
    if (n % 2 == 0) {  // the next order statistic: the least of the n - middle numbers above u
      const double above = 1 - std::pow(uniform(random), 1 / static_cast<double>(n - middle));
      m = std::midpoint(m, value(u + (1 - u) * above));
    }
  }
  return medians;
}

/// Counts, for every `stride`-th rank, how many samples of each group lie below it; so the k-th
/// value of any mixture of groups is found by bisection and a short walk instead of a sort.
class Mixture {
 public:
  /// `group` of each sample in ascending order of the samples; groups are 0 … count - 1.
  Mixture(std::vector<int> group, std::size_t count)
      : group_(std::move(group)), count_(count), stride_(1 + group_.size() * count / (1u << 16)) {
    std::vector<std::uint32_t> below(count);
    for (std::size_t rank = 0; rank < group_.size(); ++rank) {
      if (rank % stride_ == 0) table_.insert(table_.end(), below.begin(), below.end());
      ++below[static_cast<std::size_t>(group_[rank])];
    }
    sizes_ = below;
  }

  std::size_t size(const std::vector<std::uint32_t>& times) const {
    return dot(times, sizes_.data());
  }

  /// Rank of the k-th value (from 0) where group g is taken times[g] times.
  std::size_t kth(const std::vector<std::uint32_t>& times, std::size_t k) const {
    std::size_t low = 0, high = table_.size() / count_;  // rows: at most k values below row `low`
    while (high - low > 1) {
      const std::size_t row = (low + high) / 2;
      (dot(times, &table_[row * count_]) <= k ? low : high) = row;
    }
    std::size_t rank = low * stride_, below = dot(times, &table_[low * count_]);
    for (;; ++rank) {
      below += times[static_cast<std::size_t>(group_[rank])];
      if (below > k) return rank;
    }
  }

 private:
  std::size_t dot(const std::vector<std::uint32_t>& times, const std::uint32_t* counts) const {
    return std::inner_product(times.begin(), times.end(), counts, std::size_t{0});
  }

  std::vector<int> group_;
  std::size_t count_, stride_;
  std::vector<std::uint32_t> table_, sizes_;
};

std::vector<double> resampled_medians(const std::vector<double>& sorted, const Mixture& mixture,
                                      std::size_t groups) {
  std::vector<double> medians(resamples);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> draw(0, groups - 1);
  std::vector<std::uint32_t> times(groups);
  for (double& m : medians) {
    std::fill(times.begin(), times.end(), 0);
    for (std::size_t k = 0; k < groups; ++k) ++times[draw(random)];
    const std::size_t n = mixture.size(times);
    m = sorted[mixture.kth(times, (n - 1) / 2)];
    if (n % 2 == 0) m = std::midpoint(m, sorted[mixture.kth(times, n / 2)]);
  }
  return medians;
}

/// Group of each sample, renumbered 0 … K - 1 in the order of their numbers; empty where a
/// bootstrap of groups makes no sense: all samples in one group, or each in its own.
std::vector<int> renumbered(const std::vector<int>& groups, std::size_t& count) {
  std::map<int, std::size_t> index;
  for (const int g : groups) index.emplace(g, 0);
  count = index.size();
  if (count < 2 || count == groups.size()) return {};
  std::size_t next = 0;
  for (auto& [number, k] : index) k = next++ * std::min(count, most_groups) / count;
  count = std::min(count, most_groups);
  std::vector<int> result;
  result.reserve(groups.size());
  for (const int g : groups) result.push_back(static_cast<int>(index.at(g)));
  return result;
}

/// A bootstrap of few groups is too narrow: it misses the factor (K - 1) / K of the variance, and
/// the variance itself is uncertain. Both are mended by reading quantiles further out, as far as
/// Student's t with K - 1 degrees of freedom asks for.
double widened_tail(std::size_t groups) {
  if (groups < 4) return 0;
  const double nu = static_cast<double>(groups - 1), z = 1.959963984540054, z3 = z * z * z;
  const double t = z + (z3 + z) / (4 * nu) + (5 * z3 * z * z + 16 * z3 + 3 * z) / (96 * nu * nu);
  return 0.5 * std::erfc(t * std::sqrt((nu + 1) / nu) / std::sqrt(2.0));
}

std::vector<double> drawn_again(const std::vector<double>& values, std::mt19937_64& random) {
  std::uniform_int_distribution<std::size_t> draw(0, values.size() - 1);
  std::vector<double> drawn(values.size());
  for (double& value : drawn) value = values[draw(random)];
  return drawn;
}

PairedRatio with_interval(double ratio, std::vector<double> resampled, std::size_t rounds) {
  std::sort(resampled.begin(), resampled.end());
  const double outside = widened_tail(rounds);
  return {ratio, std::min(ratio, sorted_quantile(resampled, outside)),
          std::max(ratio, sorted_quantile(resampled, 1 - outside)), rounds};
}

}  // namespace

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

double quantile(std::vector<double> values, double q) {
  if (values.empty()) throw Error("a quantile of no values was asked for");
  const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(at);
  const auto nth = values.begin() + below;
  std::nth_element(values.begin(), nth, values.end());
  if (nth + 1 == values.end()) return *nth;
  return std::lerp(*nth, *std::min_element(nth + 1, values.end()), at - static_cast<double>(below));
}

Summary summarize(const std::vector<double>& samples, const std::vector<int>& groups) {
  if (samples.empty()) throw Error("there are no samples to summarize");
  if (!groups.empty() && groups.size() != samples.size())
    throw Error("samples to summarize and their groups differ in number");
  const std::size_t n = samples.size();
  std::size_t count = 0;
  const std::vector<int> group = renumbered(groups, count);

  std::vector<double> sorted = samples;
  std::vector<double> medians;
  double outside = tail;
  if (!group.empty()) {
    std::vector<std::pair<double, int>> pairs(n);
    for (std::size_t k = 0; k < n; ++k) pairs[k] = {samples[k], group[k]};
    std::sort(pairs.begin(), pairs.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int> sorted_group(n);
    for (std::size_t k = 0; k < n; ++k) std::tie(sorted[k], sorted_group[k]) = pairs[k];
    medians = resampled_medians(sorted, Mixture(std::move(sorted_group), count), count);
    outside = widened_tail(count);
  } else {
    std::sort(sorted.begin(), sorted.end());
    medians = resampled_medians(sorted);
  }
  std::sort(medians.begin(), medians.end());

  Summary s;
  s.n = n;
  s.median = sorted_quantile(sorted, 0.5);
  s.min = sorted.front();
  s.p95 = sorted_quantile(sorted, 0.95);
  s.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(n);
  s.ci_low = std::min(s.median, sorted_quantile(medians, outside));
  s.ci_high = std::max(s.median, sorted_quantile(medians, 1 - outside));
  for (double& value : sorted) value = std::abs(value - s.median);
  s.mad = median(std::move(sorted));
  return s;
}

PairedRatio paired_ratio(const std::vector<double>& above, const std::vector<double>& below) {
  if (above.empty() || above.size() != below.size())
    throw Error("a ratio over rounds needs the same rounds of both");
  std::vector<double> ratios;
  for (std::size_t k = 0; k < above.size(); ++k) ratios.push_back(above[k] / below[k]);
  std::mt19937_64 random(seed);
  std::vector<double> medians(resamples);
  for (double& m : medians) m = median(drawn_again(ratios, random));
  return with_interval(median(ratios), std::move(medians), ratios.size());
}

PairedRatio ratio_of_medians(const std::vector<double>& above, const std::vector<double>& below) {
  if (above.empty() || below.empty()) throw Error("a ratio of medians needs samples of both");
  std::mt19937_64 random(seed);
  std::vector<double> ratios(resamples);
  for (double& r : ratios) {
    const double top = median(drawn_again(above, random));
    r = top / median(drawn_again(below, random));
  }
  return with_interval(median(above) / median(below), std::move(ratios),
                       std::min(above.size(), below.size()));
}

}  // namespace rnnbench
