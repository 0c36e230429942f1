#include "harness/exchange.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace rnnbench {
namespace {

using Points = std::map<double, double>;

/// Of a line through the logarithms of the points' places; beyond them the outermost value.
double value_at(const Points& points, double place) {
  const auto above = points.lower_bound(place);
  if (above == points.end()) return points.rbegin()->second;
  if (above == points.begin() || above->first == place) return above->second;
  const auto below = std::prev(above);
  const double part = std::log(place / below->first) / std::log(above->first / below->first);
  return below->second + part * (above->second - below->second);
}

}  // namespace

std::optional<double> ExchangeCosts::lookup(std::string_view way, int units,
                                            std::size_t bytes) const {
  std::map<int, Points> by_units;
  for (const auto& cost : measured)
    if (cost.way == way) by_units[cost.units][1024.0 * cost.kib] = cost.seconds;
  if (units < 1 || by_units.empty() || units > by_units.rbegin()->first) return std::nullopt;
  if (units == 1) return 0.0;  // nobody to exchange with
  Points seconds;
  for (const auto& [count, points] : by_units)
    seconds[count] = value_at(points, static_cast<double>(bytes));
  return value_at(seconds, units);
}

bool ExchangeCosts::failed() const {
  return std::any_of(missing.begin(), missing.end(), [](const auto& line) { return line.failed; });
}

}  // namespace rnnbench
