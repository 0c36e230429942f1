#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

/// Text that Markdown and HTML leave as it is, also within a table.
std::string escaped(std::string_view text) {
  constexpr std::string_view special = "\\`*_[]|~#";
  std::string out;
  for (const char c : clean(text)) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (special.find(c) != std::string_view::npos)
      out += {'\\', c};
    else
      out += c;
  }
  return out;
}

/// Backticks enough to enclose `text`: one more than the longest run in it.
std::string fence(std::string_view text, std::size_t least) {
  std::size_t longest = 0, run = 0;
  for (const char c : text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
  return std::string(std::max(least, longest + 1), '`');
}

/// A code span that may stand in a table.
std::string code(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) out += c == '|' ? "\\|" : std::string(1, c);
  const std::string ticks = fence(out, 1);
  const std::string_view space = ticks.size() > 1 ? " " : "";
  return fmt::format("{0}{1}{2}{1}{0}", ticks, space, out);
}

void write_block(std::ostream& out, const std::vector<std::string>& lines) {
  std::string ticks;
  for (const auto& line : lines) ticks = std::max(ticks, fence(line, 3));
  out << ticks << "sh\n";
  for (const auto& line : lines) out << clean(line) << '\n';
  out << ticks << "\n\n";
}

void write_section(std::ostream& out, const Section& s) {
  out << "## " << escaped(s.scenario) << ": " << code(s.problem_id) << "\n\n"
      << escaped(work_line(s.problem)) << "; " << escaped(floor_line(s)) << ";\n"
      << escaped(conditions_line(s)) << "; " << escaped(baseline_line(s)) << ".\n\n"
      << "| implementation | median | 95 % interval | speed-up | GFLOP/s | of floor | outcome |\n"
      << "|---|---:|---:|---:|---:|---:|---|\n";
  std::vector<Row> rows = s.rows;
  if (s.best_cudnn) rows.push_back(*s.best_cudnn);
  for (const Row& row : rows) {
    const RowText t = text_of(row);
    const std::string_view mark = row.fastest ? "**" : "";
    out << fmt::format("| {0}{1}{0} | {0}{2}{0} | {3} | {4} | {5} | {6} | {7} |\n", mark,
                       code(t.label), t.median, t.interval, t.speedup, t.gflops, t.floor_share,
                       t.outcome);
  }
  out << '\n';
  for (const Row& row : s.rows)
    for (const auto& lines : {remarks(*row.result), metric_lines(row)})
      for (const auto& remark : lines)
        out << fmt::format("- {} {}: {}\n", code(row.label), name(row.result->outcome),
                           escaped(remark));
  out << '\n';
}

void write_method(std::ostream& out, const Protocol& p) {
  if (!p.measure) {
    out << "Verified only; nothing was timed.\n\n";
    return;
  }
  out << fmt::format(
      "Up to {} rounds, the implementations of a problem in shuffled order within each; at least "
      "{} a "
      "case in all;\n{} discarded call{} or more before each turn; cache {}; {}. The median is of "
      "all samples, its interval\nfrom a bootstrap over rounds. A case is given {} a run and {} "
      "between answers. Seed {}.\n",
      p.rounds, format_seconds(p.min_time_s), p.warmup, p.warmup == 1 ? "" : "s", escaped(p.cache),
      p.graph ? "also as graphs" : "eager launches", format_seconds(p.budget_s),
      format_seconds(p.timeout_s), p.seed);
  out << (p.verify
              ? "Every case was checked against a float64 reference before and after timing.\n\n"
              : "**Verification was switched off.**\n\n");
}

/// Scenarios measured alike share a paragraph.
void write_methods(std::ostream& out, const std::vector<PlanProtocol>& all) {
  out << "## How it was measured\n\n";
  for (std::size_t k = 0; k < all.size(); ++k) {
    std::string names;
    bool first = true, alike = true;
    for (std::size_t other = 0; other < all.size(); ++other) {
      if (!(all[other].protocol == all[k].protocol)) {
        alike = false;
        continue;
      }
      if (other < k) first = false;
      names += fmt::format("{}{} on {}", names.empty() ? "" : ", ", escaped(all[other].scenario),
                           escaped(all[other].device));
    }
    if (!first) continue;
    if (!alike) out << names << ":\n\n";
    write_method(out, all[k].protocol);
  }
}

void write_environment(std::ostream& out, const Environment& e) {
  out << "## Machine\n\n| | |\n|---|---|\n";
  const auto line = [&](std::string_view label, std::string_view value) {
    out << "| " << escaped(label) << " | " << escaped(value) << " |\n";
  };
  for (const auto& [label, value] : e.facts) line(label, value);
  for (const DeviceInfo& d : e.devices) line(name(d.kind), d.name);
  for (const auto& [device, peaks] : e.peaks) {
    std::string text = "copy " + format_amount(peaks.copy_bytes_per_s, "B/s");
    for (const auto& [dtype, rate] : peaks.gemm_flops_per_s)
      text += fmt::format(", {} {}", dtype, format_amount(rate, "FLOP/s"));
    line("peaks of " + device, peaks.how.empty() ? text : text + "; " + peaks.how);
  }
  for (const auto& [key, value] : e.tags) line("tag " + key, value);
  out << '\n';
}

}  // namespace

void write_markdown(std::ostream& out, const RunResult& run) {
  const auto all = sections(run);
  out << "# rnnbench\n\n" << escaped(conclusion(run, all)) << "\n\n";
  if (!run.warning.empty()) out << "**" << escaped(run.warning) << "**\n\n";
  for (const auto& note : counters_notes(run)) out << escaped(note) << "\n\n";
  for (const Section& s : all) write_section(out, s);
  write_methods(out, run.protocols);
  write_environment(out, run.environment);
  out << "## Run it again\n\n";
  write_block(out, {run.command});
  std::vector<std::string> commands;
  for (const CaseResult& c : run.cases)
    if (!c.reproduce.empty()) commands.push_back(c.reproduce);
  if (commands.empty()) return;
  out << "One case:\n\n";
  write_block(out, commands);
}

}  // namespace rnnbench
