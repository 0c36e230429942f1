#include "harness/exchange_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace rnnbench {
namespace {

/// Ways in the order in which they were measured.
std::vector<std::string> ways_of(const ExchangeCosts& costs) {
  std::vector<std::string> ways;
  const auto add = [&](const auto& lines) {
    for (const auto& line : lines)
      if (std::find(ways.begin(), ways.end(), line.way) == ways.end()) ways.push_back(line.way);
  };
  add(costs.measured);
  add(costs.missing);
  return ways;
}

/// "us", "error" where it was tried in vain, "-" where it was not.
std::string cell(const ExchangeCosts& costs, const std::string& way, int units, int kib) {
  for (const auto& cost : costs.measured)
    if (cost.way == way && cost.units == units && cost.kib == kib)
      return fmt::format("{:.2f}", cost.seconds * 1e6);
  for (const auto& line : costs.missing)
    if (line.failed && line.way == way && line.units == units && line.kib == kib) return "error";
  return "-";
}

/// "units x KiB" of a line without a cost; "all" where none has one.
std::string place(const NoExchange& line) {
  if (line.units == 0) return "all";
  return line.kib == 0 ? fmt::format("{} x all", line.units)
                       : fmt::format("{} x {}", line.units, line.kib);
}

std::string reasons(const ExchangeCosts& costs, const std::string& way) {
  std::vector<std::pair<std::string, std::string>> places;  // reason, where
  for (const auto& line : costs.missing) {
    if (line.way != way) continue;
    const auto known = std::find_if(places.begin(), places.end(),
                                    [&](const auto& one) { return one.first == line.why; });
    if (known == places.end())
      places.emplace_back(line.why, place(line));
    else
      known->second += ", " + place(line);
  }
  std::string text;
  for (const auto& [why, where] : places) text += fmt::format("      {}: {}\n", where, why);
  return text;
}

}  // namespace

std::string exchange_table(const ExchangeCosts& costs) {
  std::set<int> sizes;
  for (const auto& cost : costs.measured) sizes.insert(cost.kib);
  for (const auto& line : costs.missing)
    if (line.kib > 0) sizes.insert(line.kib);
  auto text = fmt::format("    {:<20} {:>4}", "us, by KiB of h", "SMs");
  for (const int kib : sizes) text += fmt::format(" {:>6}", kib);
  text += '\n';
  for (const auto& way : ways_of(costs)) {
    std::set<int> units;
    for (const auto& cost : costs.measured)
      if (cost.way == way) units.insert(cost.units);
    for (const auto& line : costs.missing)
      if (line.way == way && line.failed) units.insert(line.units);
    if (units.empty()) text += fmt::format("    {:<20} {:>4}\n", way, "-");
    for (const int count : units) {
      text += fmt::format("    {:<20} {:>4}", count == *units.begin() ? way : "", count);
      for (const int kib : sizes) text += fmt::format(" {:>6}", cell(costs, way, count, kib));
      text += '\n';
    }
    text += reasons(costs, way);
  }
  return text;
}

std::vector<ExchangeCost> cheapest_exchanges(const ExchangeCosts& costs) {
  std::map<std::pair<int, int>, ExchangeCost> best;  // by KiB, then units
  for (const auto& cost : costs.measured) {
    const auto [place, added] = best.try_emplace({cost.kib, cost.units}, cost);
    if (!added && cost.seconds < place->second.seconds) place->second = cost;
  }
  std::vector<ExchangeCost> list;
  for (const auto& [key, cost] : best) list.push_back(cost);
  return list;
}

}  // namespace rnnbench
