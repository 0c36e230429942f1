#include "harness/callgrind_file.hpp"

#include <istream>
#include <sstream>
#include <string>

namespace rnnbench {
namespace {

/// Which of the file's events Ir is, from 0; nothing where it is none.
std::optional<std::size_t> place_of_instructions(const std::string& events) {
  std::istringstream words(events);
  std::string word;
  for (std::size_t place = 0; words >> word; ++place)
    if (word == "Ir") return place;
  return std::nullopt;
}

std::optional<double> value_at(const std::string& values, std::size_t place) {
  std::istringstream words(values);
  double value = 0;
  for (std::size_t k = 0; k <= place; ++k)
    if (!(words >> value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> callgrind_total(std::istream& file) {
  std::optional<std::size_t> place;
  std::optional<double> totals;
  const auto add = [&](std::optional<double>& sum, const std::string& values) {
    if (!place) return;
    if (const auto value = value_at(values, *place)) sum = sum.value_or(0) + *value;
  };
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto key = line.substr(0, colon), rest = line.substr(colon + 1);
    if (key == "events") place = place_of_instructions(rest);
    if (key == "totals") add(totals, rest);
  }
  // Not the summary: it is a difference of counters, wrong where they were set to zero in between,
  // and all that a file has that was cut off. No call takes no instruction.
  return totals && *totals > 0 ? totals : std::nullopt;
}

}  // namespace rnnbench
