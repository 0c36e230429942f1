#include "reports/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace rnnbench {
namespace {

struct Decoded {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
  bool valid = false;
};

/// The character that `text` begins with; not valid where the bytes are no UTF-8: cut off,
/// overlong, a surrogate or beyond Unicode.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return {};
  char32_t code = first & (0x7Fu >> bytes);
  for (std::size_t k = 1; k < bytes; ++k) {
    if ((byte(k) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(k) & 0x3F);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, bytes, true};
}

using Range = std::pair<char32_t, char32_t>;

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& r) { return r.first <= code && code <= r.second; });
}

// Marks that sit on the letter before them, and characters that have no shape.
constexpr std::array<Range, 6> no_columns{{{0x300, 0x36F},
                                           {0x200B, 0x200F},
                                           {0x20D0, 0x20FF},
                                           {0x1AB0, 0x1AFF},
                                           {0xFE00, 0xFE0F},
                                           {0xFE20, 0xFE2F}}};
// East Asian scripts, full-width forms and pictures.
constexpr std::array<Range, 8> two_columns{{{0x1100, 0x115F},
                                            {0x2E80, 0x303E},
                                            {0x3041, 0xA4CF},
                                            {0xAC00, 0xD7A3},
                                            {0xF900, 0xFAFF},
                                            {0xFF00, 0xFF60},
                                            {0x1F300, 0x1FAFF},
                                            {0x20000, 0x3FFFD}}};
// Characters that turn the direction of what follows, and a second set of control characters.
constexpr std::array<Range, 4> unsafe{
    {{0x7F, 0x9F}, {0x2028, 0x2029}, {0x202A, 0x202E}, {0x2066, 0x2069}}};

int columns_of(char32_t code) { return in(no_columns, code) ? 0 : in(two_columns, code) ? 2 : 1; }

/// `value` scaled by the largest step that leaves it at or over 1 after rounding to four digits.
template <std::size_t N>
std::size_t scale(double value, const std::array<std::pair<double, std::string_view>, N>& steps) {
  for (std::size_t k = 0; k + 1 < N; ++k)
    if (value >= steps[k].first * 0.99995) return k;
  return N - 1;
}

constexpr std::array<std::pair<double, std::string_view>, 4> time_units{
    {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};

std::string four_digits(double value) {
  if (value == 0) return "0";
  if (std::abs(value) >= 999.95) return fmt::format("{:.0f}", value);
  return fmt::format("{:#.4g}", value);
}

}  // namespace

std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (!d.valid)
      out += "\xEF\xBF\xBD";
    else if (d.code == '\n')
      out += "\\n";
    else if (d.code == '\t')
      out += "\\t";
    else if (d.code < 0x20)
      out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(d.code));
    else if (in(unsafe, d.code))
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(d.code));
    else
      out += text.substr(0, d.bytes);
    text.remove_prefix(d.bytes);
  }
  return out;
}

int columns(std::string_view text) {
  int sum = 0;
  while (!text.empty()) {
    const Decoded d = decode(text);
    sum += columns_of(d.code);
    text.remove_prefix(d.bytes);
  }
  return sum;
}

std::string pad_left(std::string_view text, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - columns(text))), ' ') +
         std::string(text);
}

std::string pad_right(std::string_view text, int width) {
  return std::string(text) +
         std::string(static_cast<std::size_t>(std::max(0, width - columns(text))), ' ');
}

std::vector<std::string> wrap(std::string_view text, int width) {
  std::vector<std::string> lines{""};
  int used = 0;
  const auto next_line = [&] { lines.emplace_back(), used = 0; };
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (used > 0) {
      if (used + 1 + columns(word) > width)
        next_line();
      else
        lines.back() += ' ', ++used;
    }
    while (!word.empty()) {
      const Decoded d = decode(word);
      if (used > 0 && used + columns_of(d.code) > width) next_line();
      lines.back() += word.substr(0, d.bytes);
      used += columns_of(d.code);
      word.remove_prefix(d.bytes);
    }
  }
  return lines;
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  if (seconds == 0) return "0 s";
  const auto& [unit, word] = time_units[scale(seconds, time_units)];
  return fmt::format("{} {}", four_digits(seconds / unit), word);
}

std::string format_interval(double low, double high) {
  if (!std::isfinite(low) || !std::isfinite(high) || low < 0 || high <= 0) return "?";
  const auto& [unit, word] = time_units[scale(high, time_units)];
  return fmt::format("{} - {} {}", four_digits(low / unit), four_digits(high / unit), word);
}

std::string format_amount(double amount, std::string_view unit) {
  constexpr std::array<std::pair<double, std::string_view>, 5> steps{
      {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}}};
  const auto& [step, prefix] = steps[scale(amount, steps)];
  return fmt::format("{:.3g} {}{}", amount / step, prefix, unit);
}

std::string format_ratio(double ratio) {
  return ratio >= 100   ? fmt::format("{:.0f}x", ratio)
         : ratio >= 10  ? fmt::format("{:.1f}x", ratio)
         : ratio >= 0.1 ? fmt::format("{:.2f}x", ratio)
                        : fmt::format("{:.2g}x", ratio);
}

std::string format_percent(double share) {
  const double percent = share * 100;
  return percent >= 99.95 ? fmt::format("{:.0f} %", percent)
         : percent >= 0.1 ? fmt::format("{:.3g} %", percent)
                          : fmt::format("{:.1g} %", percent);
}

}  // namespace rnnbench
