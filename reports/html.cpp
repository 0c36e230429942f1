// report.html: one file that opens from disk and asks no network for anything.
#include <ostream>
#include <string>

#include "reports/page_data.hpp"
#include "reports/page_texts.hpp"
#include "reports/writers.hpp"

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

void write_html(std::ostream& out, const std::vector<NamedRun>& runs) {
  const std::string data = without_markup(schema::dump(page_data(runs)));
  std::string_view rest = page_frame;
  const auto fill = [&](std::string_view place, std::string_view text) {
    const auto at = rest.find(place);
    out << rest.substr(0, at) << text;
    rest.remove_prefix(at + place.size());
  };
  fill("<!--style-->", page_style);
  fill("<!--data-->", data);
  fill("<!--chart-->", chart_script);
  fill("<!--script-->", page_script);
  out << rest;
}

void write_html(std::ostream& out, const RunResult& run) {
  write_html(out, std::vector<NamedRun>{{.name = "", .run = &run}});
}

}  // namespace rnnbench
