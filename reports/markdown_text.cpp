#include "reports/markdown_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/text.hpp"

namespace rnnbench {

std::string escaped(std::string_view text) {
  constexpr std::string_view special = "\\`*_[]|~#";
  std::string out;
  for (const char c : clean(text)) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (special.find(c) != std::string_view::npos)
      out += {'\\', c};
    else
      out += c;
  }
  return out;
}

std::string fence(std::string_view text, std::size_t least) {
  std::size_t longest = 0, run = 0;
  for (const char c : text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  return std::string(std::max(least, longest + 1), '`');
}

std::string code(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) out += c == '|' ? "\\|" : std::string(1, c);
  const std::string ticks = fence(out, 1);
  const std::string_view space = ticks.size() > 1 ? " " : "";
  return fmt::format("{0}{1}{2}{1}{0}", ticks, space, out);
}

}  // namespace rnnbench
