// Robust summaries of timing samples.
#pragma once

#include <cstdint>
#include <vector>

namespace rnnbench {

/// All in seconds, but n.
struct Summary {
  std::size_t n = 0;
  double median = 0, min = 0, p95 = 0, mad = 0, mean = 0;
  double ci_low = 0, ci_high = 0;  // 95 % bootstrap interval of the median

  bool operator==(const Summary&) const = default;
};

/// Throws Error where `samples` is empty. `mad` is the plain median of |sample - median|. With
/// `groups` (one number per sample, e.g. its round) the bootstrap draws whole groups, because
/// samples of one round are not independent, and the interval is widened for the few groups there
/// are; one group alone says nothing about the next, so it counts as no groups. An interval from
/// fewer than six samples cannot reach 95 %: it is their full range at best. The result depends
/// only on the arguments: resampling uses a fixed seed. 100 000 samples take some 10 ms.
Summary summarize(const std::vector<double>& samples, const std::vector<int>& groups = {});

/// How two things that were measured in the same rounds compare.
struct PairedRatio {
  double ratio = 0, low = 0, high = 0;  // low, high: 95 % bootstrap interval
  std::size_t rounds = 0;

  bool operator==(const PairedRatio&) const = default;
};

/// `above` and `below`: their medians in each round. The median of the rounds' ratios, so that what
/// changes from round to round (clocks, other work) cancels; the interval draws rounds, and is
/// widened for few of them as `summarize` does. Throws Error where they are empty or differ in
/// number.
PairedRatio paired_ratio(const std::vector<double>& above, const std::vector<double>& below);

/// The same of two things that were not: the ratio of their medians, the interval from drawing on
/// each side for itself; `rounds` is the smaller side's number. Throws Error where one is empty.
PairedRatio ratio_of_medians(const std::vector<double>& above, const std::vector<double>& below);

double median(std::vector<double> values);

/// Linear interpolation between order statistics (type 7, NumPy's default); q in [0, 1].
double quantile(std::vector<double> values, double q);

}  // namespace rnnbench
