// A page from its frame: style, data, Chart.js and scripts in their places.
#pragma once

#include <iosfwd>
#include <string_view>

#include "reports/schema.hpp"

namespace rnnbench {

void fill_page(std::ostream& out, std::string_view frame, std::string_view script,
               const schema::Json& data);

}  // namespace rnnbench
