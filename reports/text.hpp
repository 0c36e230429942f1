// Text for people: safe to print, measured in columns, numbers with units.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rnnbench {

/// One line of valid UTF-8: control characters become visible (\n, \x1b), broken bytes U+FFFD. What
/// others wrote (reasons, device names) can neither move the cursor nor break a table.
std::string clean(std::string_view text);

/// Columns that clean text takes on a terminal: 2 for wide characters, 0 for combining ones.
int columns(std::string_view text);

/// Spaces up to `width` columns, before or after the text.
std::string pad_left(std::string_view text, int width);
std::string pad_right(std::string_view text, int width);

/// Lines of at most `width` columns, broken at spaces, within words where they are longer.
std::vector<std::string> wrap(std::string_view text, int width);

std::string format_seconds(double seconds);            // "12.34 ms": four digits
std::string format_interval(double low, double high);  // "12.31 - 12.56 ms", seconds given
std::string format_amount(double amount, std::string_view unit);  // "24.2 GFLOP", "12.3 MB"
std::string format_ratio(double ratio);                           // "1.33x"
std::string format_percent(double share);                         // 0.453 → "45.3 %"

}  // namespace rnnbench
