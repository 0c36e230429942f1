#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

constexpr std::string_view bold = "1", dim = "2", green = "32", red = "31", yellow = "33";

class Console {
 public:
  Console(std::ostream& out, const ConsoleStyle& style) : out_(out), style_(style) {}

  std::string paint(std::string_view color, const std::string& text) const {
    return style_.color && !color.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : text;
  }

  void line(const std::string& text = {}) { out_ << text << '\n'; }

  void wrapped(const std::string& text, int indent, std::string_view color = {}) {
    for (const auto& part : wrap(text, std::max(20, style_.width - indent)))
      line(std::string(static_cast<std::size_t>(indent), ' ') + paint(color, part));
  }

  int width() const { return style_.width; }

 private:
  std::ostream& out_;
  const ConsoleStyle& style_;
};

std::string_view color_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return green;
    case Outcome::unsupported:
      return dim;
    case Outcome::mistrusted:
    case Outcome::over_budget:
    case Outcome::unverified:
      return yellow;
    default:
      return red;
  }
}

using Cells = std::array<std::string, 7>;
constexpr std::size_t outcome_cell = 6;

Cells cells_of(const RowText& t) {
  return {t.label, t.median, t.interval, t.speedup, t.gflops, t.floor_share, t.outcome};
}

/// Cells before the outcome, the first to the left and numbers to the right.
std::string aligned(const Cells& cells, const std::array<int, 7>& widths) {
  std::string text = pad_right(cells[0], widths[0]);
  for (std::size_t k = 1; k < outcome_cell; ++k) text += "  " + pad_left(cells[k], widths[k]);
  return text + "  ";
}

void write_section(Console& console, const Section& s) {
  console.wrapped(fmt::format("{}  {}", clean(s.scenario), s.problem_id), 0, bold);
  console.wrapped(work_line(s.problem) + "; " + floor_line(s), 2);
  console.wrapped(conditions_line(s) + "; " + baseline_line(s), 2);

  std::vector<Cells> table{
      {"implementation", "median", "95 % interval", "speed-up", "GFLOP/s", "of floor", "outcome"}};
  std::vector<Row> rows = s.rows;
  if (s.best_cudnn) rows.push_back(*s.best_cudnn);
  for (const Row& row : rows) table.push_back(cells_of(text_of(row)));
  std::array<int, 7> widths{};
  for (const Cells& cells : table)
    for (std::size_t k = 0; k < cells.size(); ++k)
      widths[k] = std::max(widths[k], columns(cells[k]));
  // A name too long for its column gets a line of its own; the numbers then stand under it.
  int others = 4;
  for (std::size_t k = 1; k < widths.size(); ++k) others += widths[k] + 2;
  widths[0] = std::min(widths[0], std::max(14, console.width() - others));

  console.line("    " + aligned(table[0], widths) + table[0][outcome_cell]);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const Row& row = rows[k];
    Cells cells = table[k + 1];
    const std::string_view color = row.fastest ? bold : std::string_view{};
    const std::string mark = row.fastest ? "  * " : "    ";
    if (columns(cells[0]) > widths[0]) {
      for (const auto& part : wrap(cells[0], console.width() - 4))
        console.line(mark + console.paint(color, part));
      cells[0].clear();
    }
    console.line((cells[0].empty() ? "    " : mark) + console.paint(color, aligned(cells, widths)) +
                 console.paint(color_of(row.result->outcome), cells[outcome_cell]));
    if (k < s.rows.size())
      for (const auto& lines : {remarks(*row.result), metric_lines(row)})
        for (const auto& remark : lines) console.wrapped(remark, 6, dim);
  }
  console.line();
}

}  // namespace

void write_console(std::ostream& out, const RunResult& run, const ConsoleStyle& style) {
  Console console(out, style);
  const auto all = sections(run);
  for (const Section& s : all) write_section(console, s);
  console.wrapped(conclusion(run, all), 0);
  if (!run.warning.empty()) console.wrapped(clean(run.warning), 0);
  for (const auto& note : counters_notes(run)) console.wrapped(clean(note), 0, dim);
  if (style.files.empty()) return;
  std::string files = "Written:";
  for (const auto& file : style.files) files.append(" ").append(clean(file.string()));
  console.wrapped(files, 0);
}

}  // namespace rnnbench
