#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "reports/markdown_text.hpp"
#include "reports/method.hpp"
#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

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

void write_methods(std::ostream& out, const std::vector<PlanProtocol>& all) {
  out << "## How it was measured\n\n";
  for (const Method& method : methods(all)) {
    if (!method.of.empty()) out << escaped(method.of) << ":\n\n";
    out << escaped(method.how) << "\n\n";
  }
}

void write_environment(std::ostream& out, const Environment& e) {
  out << "## Machine\n\n| | |\n|---|---|\n";
  for (const auto& [label, value] : environment_lines(e))
    out << "| " << escaped(label) << " | " << escaped(value) << " |\n";
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
