#include "harness/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace rnnbench {

using std::string_view;

namespace {

std::size_t edit_distance(string_view a, string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substitute}));
    }
  }
  return row[b.size()];
}

}  // namespace

std::string join(std::span<const string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string did_you_mean(string_view text, std::span<const string_view> candidates) {
  string_view nearest;
  std::size_t least = text.size() / 3 + 1;
  for (const auto candidate : candidates)
    if (const auto distance = edit_distance(text, candidate); distance <= least && distance > 0)
      if (nearest.empty() || distance < least) nearest = candidate, least = distance;
  return nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest);
}

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"|&;<>()$\\*?[]{}~#!`") == std::string::npos)
    return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace rnnbench
