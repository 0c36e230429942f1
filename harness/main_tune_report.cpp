#include "harness/main_tune_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/main_plans.hpp"
#include "reports/schema.hpp"
#include "reports/text.hpp"

namespace rnnbench {
namespace {

using Cells = std::vector<std::string>;

/// Cells in columns, as wide as the widest; the last one is not filled up.
std::vector<std::string> aligned(const std::vector<Cells>& table) {
  std::vector<int> widths(table.front().size());
  for (const auto& cells : table)
    for (std::size_t k = 0; k < cells.size(); ++k)
      widths[k] = std::max(widths[k], columns(cells[k]));
  std::vector<std::string> lines;
  for (const auto& cells : table) {
    std::string line;
    for (std::size_t k = 0; k < cells.size(); ++k)
      line += (k ? "  " : "") + (k + 1 < cells.size() ? pad_right(cells[k], widths[k]) : cells[k]);
    lines.push_back(std::move(line));
  }
  return lines;
}

Cells cells_of(const TuneRow& row) {
  const auto& time = row.result.time;
  return {clean(row.candidate.config),
          clean(row.candidate.why),
          time ? format_seconds(time->median) : "-",
          row.ratio ? fmt::format("{:.3f}", row.ratio->ratio) : "-",
          row.ratio ? fmt::format("{:.3f} - {:.3f}", row.ratio->low, row.ratio->high) : "-",
          clean(row.verdict)};
}

schema::Json ratio_json(const std::optional<PairedRatio>& ratio) {
  if (!ratio) return nullptr;
  return {{"ratio", schema::number(ratio->ratio)},
          {"low", schema::number(ratio->low)},
          {"high", schema::number(ratio->high)},
          {"rounds", ratio->rounds}};
}

schema::Json tuning_to_json(const Tuning& t) {
  schema::Json json{{"case", t.name},
                    {"scenario", t.subject.scenario},
                    {"problem", id(t.subject.problem)},
                    {"problem_class", t.key.problem_class},
                    {"device", t.key.device},
                    {"units", t.key.units},
                    {"driver", t.key.driver},
                    {"impl", t.key.impl},
                    {"mode", t.key.mode},
                    {"cache", t.key.cache},
                    {"options", t.key.options},
                    {"code", t.code},
                    {"origin", t.origin},
                    {"remark", t.remark},
                    {"kept", t.kept.empty() ? schema::Json(nullptr) : schema::Json(t.kept)}};
  json["choice"] = nullptr;
  if (t.entry) {
    json["choice"] = t.entry->config;
    json["default"] = t.entry->default_config;
    json["switched"] = t.entry->switched();
    json["gain"] = schema::number(gain_of(t.entry->ratio));
  }
  json["candidates"] = schema::Json::array();
  for (const auto& row : t.rows)
    json["candidates"].push_back({{"config", row.candidate.config},
                                  {"why", row.candidate.why},
                                  {"verdict", row.verdict},
                                  {"to_default", ratio_json(row.ratio)},
                                  {"result", schema::encode(row.result)}});
  json["confirmation"] = nullptr;
  if (!t.confirmed.empty()) {
    json["confirmation"] = {{"to_default", ratio_json(t.confirmation)},
                            {"results", schema::Json::array()}};
    for (const auto& result : t.confirmed)
      json["confirmation"]["results"].push_back(schema::encode(result));
  }
  return json;
}

}  // namespace

std::string tuning_table(const Tuning& t, const std::string& kept_in) {
  std::string text = clean(t.name) + "\n  class " + t.key.problem_class + "\n";
  const auto wrapped = [&](const std::string& words, int indent) {
    for (const auto& part : wrap(clean(words), 100 - indent))
      text += std::string(static_cast<std::size_t>(indent), ' ') + part + "\n";
  };
  if (!t.rows.empty()) {
    std::vector<Cells> table{
        {"candidate", "why", "median", "to default", "95 % interval", "verdict"}};
    for (const auto& row : t.rows) table.push_back(cells_of(row));
    const auto lines = aligned(table);
    for (std::size_t k = 0; k < lines.size(); ++k) {
      text += "    " + lines[k] + "\n";
      if (k == 0) continue;
      const auto& result = t.rows[k - 1].result;
      if (!result.reason.empty()) wrapped(result.reason, 6);
      if (is_wrong(result.outcome)) wrapped("again: " + result.reproduce, 6);
      for (const auto& warning : result.warnings) wrapped("warning: " + warning, 6);
    }
  }
  wrapped(t.kept.empty() ? t.remark : t.kept, 2);
  if (!kept_in.empty()) wrapped(kept_in, 2);
  return text + "\n";
}

std::string tuning_json(const CommandLine& line, const std::string& started, bool interrupted,
                        const Environment& environment, const std::vector<PlanProtocol>& protocols,
                        const std::vector<Tuning>& tunings) {
  schema::Json json{{"rnnbench_tune", 1},
                    {"schema_version", schema::version},
                    {"command", as_typed(line)},
                    {"started", started},
                    {"interrupted", interrupted},
                    {"tune_seed", line.tune_seed},
                    {"a_a", line.aa},
                    {"environment", schema::encode(environment)},
                    {"protocols", schema::encode(protocols)},
                    {"cases", schema::Json::array()}};
  for (const auto& tuning : tunings) json["cases"].push_back(tuning_to_json(tuning));
  return schema::dump(json, 1) + "\n";
}

std::vector<std::string> entry_lines(const std::vector<TuneEntry>& entries, CodeHashes& hashes) {
  std::vector<Cells> table{{"device", "class", "implementation", "choice", "gain", "date", "code"}};
  for (const auto& e : entries) {
    const auto& now = hashes.of(e.origin);
    table.push_back({clean(fmt::format("{} ({})", e.key.device, e.key.units)),
                     clean(e.key.problem_class), clean(what_is_tuned(e.key)), clean(e.config),
                     e.switched() ? fmt::format("{:+.1f} %", 100 * gain_of(e.ratio)) : "default",
                     clean(e.date.substr(0, 10)),
                     now == e.code ? "current"
                     : now.empty() ? "stale: its file is gone"
                                   : "stale"});
  }
  return aligned(table);
}

}  // namespace rnnbench
