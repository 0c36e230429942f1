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
#include "harness/timestamp.hpp"
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
  std::string time;
  if (!line.commit_time.empty()) {
    const auto seconds = unix_seconds(line.commit_time);
    if (!seconds)
      throw UsageError(fmt::format("--time {}: expected ISO 8601, such as 2026-01-02T03:04:05Z",
                                   clean(line.commit_time)));
    time = utc_text(*seconds);
  }
  for (const auto& file : line.runs) {
    const auto run = read_json(file);
    if (line.history_what == "add" && line.commit.empty() && commit_of(run).empty())
      throw UsageError(fmt::format(
          "history add: {} is of changed sources or unknown ones: name its commit with --commit",
          clean(file)));
    const auto some = entries_of(run, line.commit, time);
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
  if (!fs::is_directory(line.store))
    throw UsageError(fmt::format("--store {}: no such folder: rnnbench history add makes it",
                                 clean(line.store)));
  auto kept = read_history(line.store);
  if (const auto& torn = kept.torn_lines; !torn.empty())
    fmt::print(stderr,
               "rnnbench: {}:{}: no line of a history (cut off while written?), left out{}\n",
               clean((fs::path(line.store) / history_name).string()), torn.front(),
               torn.size() == 1 ? "" : fmt::format("; {} more", torn.size() - 1));
  return std::move(kept.entries);
}

int add(const CommandLine& line) {
  if (std::error_code ignored; fs::exists(line.store, ignored) && !fs::is_directory(line.store))
    throw UsageError(
        fmt::format("--store {}: is no folder: name one, or one to be made", clean(line.store)));
  const auto entries = entries_from(line);
  const auto result = add_history(line.store, entries);
  fmt::print("{}: {} added", clean((fs::path(line.store) / history_name).string()), result.added);
  if (result.there > 0) fmt::print(", {} there already", result.there);
  if (result.unchanged > 0) fmt::print(", {} unchanged since the commit before", result.unchanged);
  fmt::print("\n");
  return 0;
}

int page(const CommandLine& line) {
  const auto& url = line.commit_url;
  if (!url.empty() && (!(url.starts_with("https://") || url.starts_with("http://")) ||
                       url.find("{}") == std::string::npos))
    throw UsageError(
        fmt::format("--commit-url {}: expected an address with {{}} for the hash, such as "
                    "https://github.com/OWNER/NAME/commit/{{}}",
                    clean(url)));
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

/// A check that could not have failed says so.
void warn_of_no_verdicts(const Comparison& comparison, const std::vector<HistoryEntry>& store,
                         const std::vector<HistoryEntry>& fresh) {
  const auto is_own = [&](const HistoryEntry& entry) {
    return std::any_of(fresh.begin(), fresh.end(),
                       [&](const auto& one) { return one.commit == entry.commit; });
  };
  if (const auto own = std::count_if(store.begin(), store.end(), is_own); own > 0)
    fmt::print(stderr, "rnnbench: {} lines of this very commit are no witnesses: left out\n", own);
  std::size_t timed = 0, few = 0;
  for (const auto& one : comparison.cases)
    if (one.base_s) ++timed, few += one.new_count < fewest_processes;
  if (timed > 0 && few == timed)
    fmt::print(stderr,
               "rnnbench: no time could be judged: the run has fewer than {} processes a case; "
               "measure with --fresh-workers --repetitions {}\n",
               fewest_processes, fewest_processes);
}

int check(const CommandLine& line) {
  ComparisonOptions options;
  options.threshold = parse_percentage(line.threshold, "--threshold");
  if (!line.floor_share.empty())
    options.noise_floor = parse_percentage(line.floor_share, "--noise-floor");
  const auto store = stored(line);
  const auto fresh = entries_from(line);
  auto comparison = check_against(store, fresh, static_cast<std::size_t>(line.last), options);
  for (const auto& file : line.runs) {
    auto lost = lost_cases(store, read_json(file));
    for (auto& one : lost.broken) comparison.cases.push_back(std::move(one));
    for (auto& name : lost.missing) comparison.only_base.push_back(std::move(name));
  }
  if (line.compare_format == "md")
    write_comparison_markdown(std::cout, comparison);
  else if (line.compare_format == "json")
    write_comparison_json(std::cout, comparison);
  else
    write_comparison_console(
        std::cout, comparison,
        {.color = line.color && isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR")});
  std::cout << std::flush;
  warn_of_no_verdicts(comparison, store, fresh);
  return has_regression(comparison) ? 1 : 0;
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
