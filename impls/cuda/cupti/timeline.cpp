#include "impls/cuda/cupti/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/error.hpp"

namespace rnnbench::cupti {

std::vector<std::uint64_t> intervals_to_try(double forward_s) {
  constexpr std::uint64_t shortest = 2000, known = 20000;
  const auto wanted = static_cast<std::uint64_t>(std::clamp(forward_s, 0.0, 1e3) / 200 * 1e9);
  if (wanted >= known) return {wanted};
  std::vector<std::uint64_t> tries{std::max(wanted, shortest)};
  if (tries.back() < 5000) tries.push_back(5000);
  tries.push_back(known);
  return tries;
}

int calls_to_sample(double span_s, std::uint64_t interval_ns) {
  constexpr double points = 4 * fewest_points, most = 256;
  const double one = std::max(span_s * 1e9, 1.0) / static_cast<double>(interval_ns);
  return one >= points ? 1 : static_cast<int>(std::min(std::ceil(points / one), most));
}

Timeline lay_out(const std::vector<std::string>& names, const std::vector<Point>& points,
                 int forwards, std::vector<std::string>& warnings) {
  const auto works = [](const Point& point) {
    return !point.values.empty() && point.values.front() > 0.05;  // per cent
  };
  const auto first = std::find_if(points.begin(), points.end(), works);
  const auto last = std::find_if(points.rbegin(), points.rend(), works).base();
  const auto count = first < last ? static_cast<std::size_t>(last - first) : std::size_t{0};
  if (count < fewest_points)
    throw Error(
        fmt::format("{} forward calls gave {} of {} points at which the device worked: too "
                    "few for a course in time",
                    forwards, count, points.size()));
  Timeline timeline;
  timeline.forwards = forwards;
  timeline.interval_s =
      static_cast<double>((last - 1)->end_ns - first->start_ns) * 1e-9 / static_cast<double>(count);
  for (std::size_t k = 0; k < names.size(); ++k) {
    std::vector<double> series;
    for (auto point = first; point != last; ++point)
      if (k < point->values.size() && std::isfinite(point->values[k]))
        series.push_back(point->values[k]);
    if (series.size() == count)
      timeline.series[names[k]] = std::move(series);
    else
      warnings.push_back(fmt::format("timeline without {}: {} of {} points have no value", names[k],
                                     count - series.size(), count));
  }
  return timeline;
}

}  // namespace rnnbench::cupti
