// Samples in time laid out as the course of forward calls. No CUDA header here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/metrics.hpp"

namespace rnnbench::cupti {

struct Point {
  std::uint64_t start_ns = 0, end_ns = 0;
  std::vector<double> values;  // one a name
};

/// Sampling intervals to try for a forward of this length, the finest first: 200 points, but none
/// shorter than a chip may take, nor tried shorter once 20 us, which is known to work, will do.
std::vector<std::uint64_t> intervals_to_try(double forward_s);

inline constexpr std::size_t fewest_points = 10;

/// Calls in a row that a timeline of `interval_ns` needs, so that there is a course to be seen.
int calls_to_sample(double span_s, std::uint64_t interval_ns);

/// From the first point to the last at which the first of `names` is above nothing. A series with a
/// point that is no number is left out, with a warning; throws Error where too little is left.
Timeline lay_out(const std::vector<std::string>& names, const std::vector<Point>& points,
                 int forwards, std::vector<std::string>& warnings);

}  // namespace rnnbench::cupti
