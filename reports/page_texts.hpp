// The files that report.html is made of: reports/page/ and Chart.js, built in (cmake/page.cmake).
#pragma once

#include <string_view>

namespace rnnbench {

extern const std::string_view page_frame;  // has a line <!--NAME--> for each of the others
extern const std::string_view page_style;
extern const std::string_view page_script;
extern const std::string_view history_frame;  // the same for the page of trends
extern const std::string_view history_script;
extern const std::string_view chart_script;  // empty where the build found no Chart.js

}  // namespace rnnbench
