// Words for people: names they may have meant, lists, and what a shell reads back.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rnnbench {

/// " (did you mean 'x'?)" for the nearest candidate if it is near (a third of the letters, plus
/// one, differ), or "".
std::string did_you_mean(std::string_view text, std::span<const std::string_view> candidates);

/// "a, b, c"
std::string join(std::span<const std::string_view> words);

/// As one word of a shell's command line.
std::string quoted(const std::string& word);

}  // namespace rnnbench
