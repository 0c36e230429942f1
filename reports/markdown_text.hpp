// Words within Markdown that stay what they are.
#pragma once

#include <string>
#include <string_view>

namespace rnnbench {

/// Text that Markdown and HTML leave as it is, also within a table.
std::string escaped(std::string_view text);

/// Backticks enough to enclose `text`: one more than the longest run in it.
std::string fence(std::string_view text, std::size_t least);

/// A code span that may stand in a table.
std::string code(std::string_view text);

}  // namespace rnnbench
