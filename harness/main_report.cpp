// `rnnbench report`: runs that are on disk, shown again.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>

#include "harness/error.hpp"
#include "harness/main.hpp"
#include "reports/page_data.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// Tags where they tell the runs apart, else their folders, else their places in the order given.
std::vector<std::string> names_of(const std::vector<RunResult>& runs,
                                  const std::vector<std::string>& files) {
  const auto tell_apart = [&](const std::vector<std::string>& names) {
    return std::set<std::string>(names.begin(), names.end()).size() == names.size() &&
           std::find(names.begin(), names.end(), "") == names.end();
  };
  std::vector<std::string> tags, folders, places;
  for (std::size_t k = 0; k < runs.size(); ++k) {
    std::string tag;
    for (const auto& [key, value] : runs[k].environment.tags)
      tag += (tag.empty() ? "" : " ") + key + "=" + value;
    tags.push_back(tag);
    folders.push_back(fs::absolute(files[k]).lexically_normal().parent_path().filename().string());
    places.push_back(fmt::format("run {}", k + 1));
  }
  return tell_apart(tags) ? tags : tell_apart(folders) ? folders : places;
}

void show(const CommandLine& line, const RunResult& run, const std::vector<fs::path>& files) {
  ConsoleStyle style;
  style.color = line.color && isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR");
  style.files = files;
  write_console(std::cout, run, style);
}

}  // namespace

int report_command(const CommandLine& line) {
  std::vector<RunResult> runs;
  for (const auto& file : line.runs) runs.push_back(read_json(file));
  if (runs.size() == 1) {
    std::vector<std::string> on_disk = line.report_formats;
    const bool shows = std::erase(on_disk, "console") > 0;
    const fs::path folder =
        line.out.empty() ? fs::absolute(line.runs.front()).parent_path() : fs::path(line.out);
    const auto files = write_reports(runs.front(), folder, on_disk);
    if (shows)
      show(line, runs.front(), files);
    else
      for (const auto& file : files) fmt::print("{}\n", clean(file.string()));
    return 0;
  }
  if (line.out.empty())
    throw UsageError("report: several runs side by side: name a folder for the page with --out");
  if (std::find(line.report_formats.begin(), line.report_formats.end(), "html") ==
      line.report_formats.end())
    throw UsageError("report: of several runs there is only the page: --format html, or one run");
  const auto names = names_of(runs, line.runs);
  std::vector<NamedRun> named;
  for (std::size_t k = 0; k < runs.size(); ++k) named.push_back({names[k], &runs[k]});
  std::ostringstream page;
  write_html(page, named);
  const fs::path file = make_folder(line.out) / "report.html";
  write_file(file, page.view());
  fmt::print("{}\n", clean(file.string()));
  return 0;
}

}  // namespace rnnbench
