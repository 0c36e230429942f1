#include "harness/named_range.hpp"

#include <algorithm>

namespace rnnbench {

std::string range_name(std::string_view text) {
  constexpr std::string_view special = "@,[]/*+$\\\"";
  std::string name(text);
  std::replace_if(
      name.begin(), name.end(),
      [&](char c) {
        return special.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < 0x20;
      },
      '_');
  return name.empty() ? "_" : name;
}

}  // namespace rnnbench
