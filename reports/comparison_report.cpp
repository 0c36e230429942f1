#include "reports/comparison_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "reports/markdown_text.hpp"
#include "reports/schema.hpp"
#include "reports/text.hpp"

namespace rnnbench {
namespace {

using schema::Json;

constexpr std::array all_verdicts{Verdict::slower,    Verdict::broken,        Verdict::faster,
                                  Verdict::mended,    Verdict::too_noisy,     Verdict::same,
                                  Verdict::same_code, Verdict::not_comparable};

constexpr std::array<std::string_view, 8> heads{"case",     "base", "new", "new / base",
                                                "interval", "p",    "q",   "verdict"};
constexpr std::size_t most_listed = 12;  // names in a note; comparison.json has all

using Cells = std::array<std::string, 8>;

/// 1.0512; the time of the new over that of the base.
std::string ratio_text(double ratio) { return fmt::format("{:.3f}", ratio); }

std::string p_text(double p) {
  return p < 0.0001 ? fmt::format("{:.0e}", p) : fmt::format("{:.4f}", p);
}

Cells cells_of(const ComparedCase& one) {
  Cells cells;
  cells.fill("-");
  cells[0] = one.name;
  if (one.base_s) cells[1] = format_seconds(*one.base_s);
  if (one.new_s) cells[2] = format_seconds(*one.new_s);
  if (one.ratio) {
    cells[3] = ratio_text(one.ratio->ratio);
    cells[4] = fmt::format("{} - {}", ratio_text(one.ratio->low), ratio_text(one.ratio->high));
  }
  const bool judged = one.verdict != Verdict::not_comparable && one.verdict != Verdict::same_code;
  if (one.test && judged) {
    cells[5] = p_text(one.test->p);
    cells[6] = p_text(one.false_discoveries);
  }
  cells[7] = std::string(name(one.verdict));
  return cells;
}

/// By verdict, in the order above, the largest change first.
std::vector<const ComparedCase*> in_order(const Comparison& comparison) {
  std::vector<const ComparedCase*> cases;
  for (const auto& one : comparison.cases) cases.push_back(&one);
  const auto rank = [](const ComparedCase& one) {
    return std::find(all_verdicts.begin(), all_verdicts.end(), one.verdict);
  };
  const auto change = [](const ComparedCase& one) {
    return one.ratio ? std::max(one.ratio->ratio, 1 / one.ratio->ratio) : 1;
  };
  std::stable_sort(cases.begin(), cases.end(), [&](const auto* a, const auto* b) {
    return rank(*a) != rank(*b) ? rank(*a) < rank(*b) : change(*a) > change(*b);
  });
  return cases;
}

std::string method_line(const Comparison& comparison) {
  const auto& o = comparison.options;
  std::string noise = "no noise floor was given";
  if (comparison.kind == ComparisonKind::commits)
    noise = "the noise floor of each case is its own, from how far the commits before differ";
  else if (!o.noise_floors.empty())
    noise = "the noise floor of each case is its own, from runs of the same code";
  else if (o.noise_floor > 0)
    noise = fmt::format("the noise floor is {}", format_percent(o.noise_floor));
  return fmt::format(
      "Medians of processes; {} with its 95 % bootstrap interval; p by Mann and Whitney, q by "
      "Benjamini and Hochberg over these cases. Slower and faster: q of at most {}, the interval "
      "beyond 1, and a change of more than {} and of more than the noise floor; {}. Same: the "
      "whole "
      "interval within {}, and so the noise floor.",
      comparison.kind == ComparisonKind::by_turns ? "median of the rounds' ratios"
                                                  : "ratio of their medians",
      false_discovery_rate, format_percent(o.threshold), noise, format_percent(o.threshold));
}

std::vector<std::string> notes(const Comparison& comparison) {
  std::vector<std::string> lines;
  const auto list = [&](const std::string& what, const std::vector<std::string>& all) {
    if (all.empty()) return;
    std::string text = what;
    const std::size_t shown = all.size() > most_listed + 1 ? most_listed : all.size();
    for (std::size_t k = 0; k < shown; ++k) text += (k ? ", " : " ") + all[k];
    if (shown < all.size()) text += fmt::format(", and {} more", all.size() - shown);
    lines.push_back(text);
  };
  const bool history = comparison.kind == ComparisonKind::commits;
  list(history ? "No longer measured:" : "Only in BASE:", comparison.only_base);
  list(history ? "Of no earlier commit:" : "Only in NEW:", comparison.only_new);
  list("Without a time in both:", comparison.no_time);
  list("What differs (BASE, NEW):", comparison.differences);
  return lines;
}

}  // namespace

std::string counts_of(const Comparison& comparison) {
  std::string text;
  for (const auto verdict : all_verdicts) {
    const auto count = std::count_if(comparison.cases.begin(), comparison.cases.end(),
                                     [&](const auto& one) { return one.verdict == verdict; });
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name(verdict));
  }
  if (!text.empty()) return text;
  if (comparison.only_base.empty() && comparison.only_new.empty())
    return "nothing to compare: no case of these runs has a time";
  return comparison.kind == ComparisonKind::commits
             ? "nothing to compare: no earlier commit has these cases"
             : "nothing to compare: the two runs have no case in common";
}

void write_comparison_console(std::ostream& out, const Comparison& comparison,
                              const ConsoleStyle& style) {
  const auto color_of = [](Verdict verdict) -> std::string_view {
    if (is_regression(verdict)) return "31";
    if (verdict == Verdict::faster || verdict == Verdict::mended) return "32";
    return is_decided(verdict) ? "2" : "33";
  };
  const auto paint = [&](std::string_view color, const std::string& text) {
    return style.color ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : text;
  };
  const auto cases = in_order(comparison);
  std::vector<Cells> table(1);
  for (std::size_t k = 0; k < heads.size(); ++k) table[0][k] = heads[k];
  for (const auto* one : cases) table.push_back(cells_of(*one));
  std::array<int, heads.size()> widths{};
  for (const auto& cells : table)
    for (std::size_t k = 1; k < cells.size(); ++k)
      widths[k] = std::max(widths[k], columns(cells[k]));
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (row > 0) {  // names are long: a line of their own
      for (const auto& part : wrap(clean(table[row][0]), style.width)) out << part << '\n';
    }
    std::string text;
    for (std::size_t k = 1; k + 1 < heads.size(); ++k)
      text += "  " + pad_left(table[row][k], widths[k]);
    const auto& verdict = table[row].back();
    out << text << "  " << (row == 0 ? verdict : paint(color_of(cases[row - 1]->verdict), verdict))
        << '\n';
    if (row > 0 && !cases[row - 1]->why.empty())
      for (const auto& part : wrap(clean(cases[row - 1]->why), style.width - 4))
        out << "    " << part << '\n';
  }
  out << '\n';
  std::vector<std::string> lines = notes(comparison);
  lines.push_back(method_line(comparison));
  lines.push_back(counts_of(comparison));
  for (const auto& line : lines)
    for (const auto& part : wrap(clean(line), style.width)) out << part << '\n';
}

void write_comparison_markdown(std::ostream& out, const Comparison& comparison) {
  out << (comparison.kind == ComparisonKind::commits ? "# rnnbench history check: "
                                                     : "# rnnbench compare: ")
      << escaped(counts_of(comparison)) << "\n\n";
  if (!comparison.cases.empty()) {
    for (const auto head : heads) out << "| " << head << ' ';
    out << "|\n|---|---:|---:|---:|---:|---:|---:|---|\n";
  }
  for (const auto* one : in_order(comparison)) {
    const auto cells = cells_of(*one);
    out << "| " << code(cells[0]);
    for (std::size_t k = 1; k + 1 < cells.size(); ++k) out << " | " << cells[k];
    const std::string_view mark = is_regression(one->verdict) ? "**" : "";
    out << fmt::format(" | {0}{1}{0}{2} |\n", mark, cells.back(),
                       one->why.empty() ? "" : ": " + escaped(one->why));
  }
  out << '\n';
  for (const auto& line : notes(comparison)) out << escaped(line) << "\n\n";
  out << escaped(method_line(comparison)) << '\n';
}

void write_comparison_json(std::ostream& out, const Comparison& comparison) {
  const auto& o = comparison.options;
  Json json{{"rnnbench_comparison", 1},
            {"threshold", o.threshold},
            {"noise_floor", o.noise_floor},
            {"false_discovery_rate", false_discovery_rate},
            {"summary", counts_of(comparison)},
            {"only_base", comparison.only_base},
            {"only_new", comparison.only_new},
            {"no_time", comparison.no_time},
            {"differences", comparison.differences},
            {"cases", Json::array()}};
  for (const auto& one : comparison.cases) {
    Json entry{{"name", one.name},
               {"problem_id", one.problem},
               {"impl", one.impl},
               {"verdict", name(one.verdict)},
               {"why", one.why},
               {"base_s", schema::encode(one.base_s)},
               {"new_s", schema::encode(one.new_s)},
               {"base_processes", one.base_count},
               {"new_processes", one.new_count},
               {"gate", one.gate}};
    if (one.ratio)
      entry.update({{"ratio", one.ratio->ratio},
                    {"ratio_low", one.ratio->low},
                    {"ratio_high", one.ratio->high}});
    if (one.test)
      entry.update({{"u", one.test->u},
                    {"p", one.test->p},
                    {"p_is_exact", one.test->exact},
                    {"q", one.false_discoveries}});
    json["cases"].push_back(std::move(entry));
  }
  out << schema::dump(json, 2) << '\n';
}

}  // namespace rnnbench
