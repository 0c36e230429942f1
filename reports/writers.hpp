// A run, written for people and for programs. All writers show the same numbers (summary.hpp).
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

struct ConsoleStyle {
  bool color = false;
  int width = 100;                                // columns; longer lines are broken, never cut
  std::vector<std::filesystem::path> files = {};  // named in the last sentence
};

/// One table per problem and a sentence that says what they show.
void write_console(std::ostream& out, const RunResult& run, const ConsoleStyle& style = {});

/// Google Benchmark's JSON ("context", "benchmarks") with the whole run under "rnnbench".
void write_json(std::ostream& out, const RunResult& run);

/// One row per case, RFC 4180; times in seconds.
void write_csv(std::ostream& out, const RunResult& run);

/// Counters alone, one object a case: kernel → metric → value, the region beside them; what has no
/// value is null, with its reason under "why". docs/metrics.md.
void write_metrics_json(std::ostream& out, const RunResult& run);

/// For a pull request: the tables, why cases failed, the machine, and how to run it again.
void write_markdown(std::ostream& out, const RunResult& run);

/// One self-contained page with charts: it opens from disk and needs no network.
void write_html(std::ostream& out, const RunResult& run);
/// The same of several runs side by side.
struct NamedRun;
void write_html(std::ostream& out, const std::vector<NamedRun>& runs);

/// What write_json wrote, whole. `source` names the text in errors; throws UsageError.
RunResult parse_json(std::string_view text, const std::string& source);
/// Of a file, which may be packed (gzip).
RunResult read_json(const std::filesystem::path& file);

/// Writes the formats (json, csv, md, html) to `folder`, made where it is missing, as results.json
/// (and where a case has counters metrics.json), results.csv, report.md and report.html; gives back
/// the files. Each appears whole or not at all. Other formats throw UsageError; what the system
/// refuses, Error.
std::vector<std::filesystem::path> write_reports(const RunResult& run,
                                                 const std::filesystem::path& folder,
                                                 const std::vector<std::string>& formats);

/// Makes `folder` and those above it where they are missing, and gives it back. Throws Error.
std::filesystem::path make_folder(const std::filesystem::path& folder);

/// `text` in the file `path`, whole or not at all: written beside it, then renamed. What is no
/// plain file (a pipe, a terminal) is written straight away. Throws Error with the path and the
/// mend.
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace rnnbench
