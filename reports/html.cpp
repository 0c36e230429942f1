// report.html: one file that opens from disk and asks no network for anything.
#include <ostream>

#include "reports/page_data.hpp"
#include "reports/page_frame.hpp"
#include "reports/page_texts.hpp"
#include "reports/writers.hpp"

namespace rnnbench {

void write_html(std::ostream& out, const std::vector<NamedRun>& runs) {
  fill_page(out, page_frame, page_script, page_data(runs));
}

void write_html(std::ostream& out, const RunResult& run) {
  write_html(out, std::vector<NamedRun>{{.name = "", .run = &run}});
}

}  // namespace rnnbench
