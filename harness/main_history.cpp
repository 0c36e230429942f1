// `rnnbench history`: results over commits: add, html, check, and for github-action-benchmark.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "harness/error.hpp"
#include "harness/history.hpp"
#include "harness/main.hpp"
#include "reports/comparison_report.hpp"
#include "reports/history_page.hpp"
#include "reports/history_store.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// Of all runs that the command line names. What is to be kept must be of a commit.
std::vector<HistoryEntry> entries_from(const CommandLine& line) {
  std::vector<HistoryEntry> entries;
  for (const auto& file : line.runs) {
    const auto run = read_json(file);
    if (line.history_what == "add" && line.commit.empty() && commit_of(run).empty())
      throw UsageError(fmt::format(
          "history add: {} is of changed sources or unknown ones: name its commit with --commit",
          clean(file)));
    const auto some = entries_of(run, line.commit, line.commit_time);
    entries.insert(entries.end(), some.begin(), some.end());
  }
  if (line.resources.empty()) return entries;
  if (entries.empty())
    throw UsageError("--resources: name a run beside it, whose commit and time they get");
  const auto some = read_resources(line.resources, entries.front().commit, entries.front().time);
  entries.insert(entries.end(), some.begin(), some.end());
  return entries;
}

std::vector<HistoryEntry> stored(const CommandLine& line) {
  auto kept = read_history(line.store);
  if (kept.torn > 0)
    fmt::print(stderr, "rnnbench: {}: {} line{} cut off while written, left out\n",
               clean((fs::path(line.store) / history_name).string()), kept.torn,
               kept.torn == 1 ? "" : "s");
  return std::move(kept.entries);
}

int add(const CommandLine& line) {
  const auto entries = entries_from(line);
  const auto result = add_history(line.store, entries);
  fmt::print("{}: {} added", clean((fs::path(line.store) / history_name).string()), result.added);
  if (result.there > 0) fmt::print(", {} there already", result.there);
  if (result.unchanged > 0) fmt::print(", {} unchanged since the commit before", result.unchanged);
  fmt::print("\n");
  return 0;
}

int page(const CommandLine& line) {
  const auto entries = stored(line);
  if (entries.empty())
    throw UsageError(fmt::format("history html: {} holds nothing yet: rnnbench history add",
                                 clean((fs::path(line.store) / history_name).string())));
  std::ostringstream text;
  write_history_html(text, trends(entries, parse_percentage(line.threshold, "--threshold")),
                     line.commit_url);
  const fs::path file =
      make_folder(line.out.empty() ? fs::path(line.store) : fs::path(line.out)) / "history.html";
  write_file(file, text.view());
  fmt::print("{}\n", clean(file.string()));
  return 0;
}

int check(const CommandLine& line) {
  ComparisonOptions options;
  options.threshold = parse_percentage(line.threshold, "--threshold");
  const auto store = stored(line);
  auto comparison =
      check_against(store, entries_from(line), static_cast<std::size_t>(line.last), options);
  for (const auto& file : line.runs)
    for (auto& one : lost_cases(store, read_json(file))) comparison.cases.push_back(std::move(one));
  if (line.compare_format == "md")
    write_comparison_markdown(std::cout, comparison);
  else if (line.compare_format == "json")
    write_comparison_json(std::cout, comparison);
  else
    write_comparison_console(
        std::cout, comparison,
        {.color = line.color && isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR")});
  std::cout << std::flush;
  return std::any_of(comparison.cases.begin(), comparison.cases.end(),
                     [](const auto& one) { return is_regression(one.verdict); })
             ? 1
             : 0;
}

}  // namespace

int history_command(const CommandLine& line) {
  if (line.history_what == "add") return add(line);
  if (line.history_what == "html") return page(line);
  if (line.history_what == "check") return check(line);
  write_github_benchmark(std::cout, entries_from(line));
  return 0;
}

}  // namespace rnnbench
