// Where a series of numbers begins to be another one.
#pragma once

#include <cstddef>
#include <vector>

namespace rnnbench {

struct ChangePoint {
  std::size_t at = 0;  // index of the first value after the change
  double before = 0;   // median of the stretch that ends there
  double after = 0;    // and of the one that begins
  double p = 1;        // of a permutation test
};

/// E-divisive means (Matteson, James: A nonparametric approach for multiple change point analysis
/// of multivariate data, Journal of the American Statistical Association 109, 2014), on logarithms:
/// the split with the largest energy distance between its sides, kept where 199 shuffles hardly
/// ever have one as large (p <= 0.01), then the same of either side. Stretches have three values at
/// least; a change of less than `least` (0.02: 2 %) is none. Values must be above 0. Of more than
/// 300 the last 300 are looked at. The answer depends on the values alone: shuffles have a fixed
/// seed.
std::vector<ChangePoint> change_points(const std::vector<double>& values, double least);

}  // namespace rnnbench
