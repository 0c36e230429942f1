#include "harness/finding_text.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace rnnbench {
namespace {

using Unit = std::pair<double, std::string_view>;

template <std::size_t N>
std::string with_unit(double value, const std::array<Unit, N>& units) {
  for (const auto& [size, name] : units)
    if (value >= 0.9995 * size) return fmt::format("{:.3g} {}", value / size, name);
  return fmt::format("{:.3g} {}", value / units.back().first, units.back().second);
}

}  // namespace

std::string seconds_text(double seconds) {
  return with_unit(seconds,
                   std::array<Unit, 4>{{{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}});
}

std::string bytes_text(double bytes) {
  return with_unit(bytes, std::array<Unit, 4>{{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}}});
}

std::string share_text(double share) {
  const double percent = 100 * share;
  return percent > 0 && percent < 9.95 ? fmt::format("{:.2g} %", percent)
                                       : fmt::format("{:.0f} %", percent);
}

std::string count_text(double count, const std::string& noun) {
  return fmt::format("{:.6g} {}{}", count, noun,
                     count == 1             ? ""
                     : noun.ends_with("ch") ? "es"
                                            : "s");
}

std::string short_kernel_name(std::string name) {
  constexpr std::string_view anonymous = "(anonymous namespace)::";
  for (auto at = name.find(anonymous); at != std::string::npos; at = name.find(anonymous))
    name.erase(at, anonymous.size());
  const std::string whole = name;
  name = name.substr(0, name.find_first_of("<("));
  if (const auto colons = name.rfind("::"); colons != std::string::npos) name.erase(0, colons + 2);
  if (const auto space = name.rfind(' '); space != std::string::npos) name.erase(0, space + 1);
  return name.empty() ? whole : name;
}

}  // namespace rnnbench
