#include "reports/page_frame.hpp"

#include <ostream>
#include <string>

#include "reports/page_texts.hpp"

namespace rnnbench {
namespace {

/// In a script element neither a tag nor a comment may begin.
std::string without_markup(const std::string& json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

}  // namespace

void fill_page(std::ostream& out, std::string_view frame, std::string_view script,
               const schema::Json& data) {
  const auto fill = [&](std::string_view place, std::string_view text) {
    const auto at = frame.find(place);
    out << frame.substr(0, at) << text;
    frame.remove_prefix(at + place.size());
  };
  fill("<!--style-->", page_style);
  fill("<!--data-->", without_markup(schema::dump(data)));
  fill("<!--chart-->", chart_script);
  fill("<!--script-->", script);
  out << frame;
}

}  // namespace rnnbench
