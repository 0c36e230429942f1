#include "reports/text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

namespace rnnbench {
namespace {

TEST(Text, times_have_four_digits_and_the_right_unit) {
  const std::pair<double, const char*> cases[] = {{0, "0 s"},
                                                  {1.2345e-9, "1.234 ns"},
                                                  {999.94e-9, "999.9 ns"},
                                                  {999.96e-9, "1.000 us"},
                                                  {12.34e-3, "12.34 ms"},
                                                  {1, "1.000 s"},
                                                  {171.04, "171.0 s"},
                                                  {12345, "12345 s"},
                                                  {3e-10, "0.3000 ns"},
                                                  {NAN, "?"},
                                                  {-1, "?"},
                                                  {INFINITY, "?"}};
  for (const auto& [seconds, text] : cases) EXPECT_EQ(format_seconds(seconds), text);
  EXPECT_EQ(format_interval(999e-6, 1.001e-3), "0.9990 - 1.001 ms");
  EXPECT_EQ(format_ratio(1.333), "1.33x");
  EXPECT_EQ(format_ratio(12.34), "12.3x");
  EXPECT_EQ(format_ratio(0.0123), "0.012x");
  EXPECT_EQ(format_percent(0.4531), "45.3 %");
  EXPECT_EQ(format_percent(1.5), "150 %");
  EXPECT_EQ(format_amount(24.2e9, "FLOP"), "24.2 GFLOP");
  EXPECT_EQ(format_amount(12, "B"), "12 B");
}

TEST(Text, cleaned_text_is_one_line_of_valid_utf8) {
  EXPECT_EQ(clean("a\nb\x1b[0m\x7f"), "a\\nb\\x1b[0m\\u007f");
  EXPECT_EQ(clean("\xff\xc3(\xe2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(clean("\xc0\xaf\xed\xa0\x80").find_first_of("\xc0\xed"), std::string::npos);
  EXPECT_EQ(clean("ü→漢😀"), "ü→漢😀");
  EXPECT_EQ(clean(std::string_view("\0x", 2)), "\\x00x");
}

TEST(Text, columns_count_what_a_terminal_shows) {
  EXPECT_EQ(columns("abc"), 3);
  EXPECT_EQ(columns("ü→"), 2);
  EXPECT_EQ(columns("漢字"), 4);
  EXPECT_EQ(columns("e\u0301"), 1);
  EXPECT_EQ(pad_left("漢", 4), "  漢");
  EXPECT_EQ(wrap("aa bb cccccc", 5), (std::vector<std::string>{"aa bb", "ccccc", "c"}));
  EXPECT_EQ(wrap("", 5), std::vector<std::string>{""});
}

}  // namespace
}  // namespace rnnbench
