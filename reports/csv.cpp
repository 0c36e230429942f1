#include <fmt/format.h>

#include <cctype>
#include <ostream>
#include <set>
#include <utility>

#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

std::string text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string text(bool value) { return value ? "true" : "false"; }

std::string_view head_word(HeadAt at) {
  return at == HeadAt::none ? "none" : at == HeadAt::every_step ? "every" : "last";
}

std::string quoted(const std::string& value) {
  std::string safe = clean(value);  // no line breaks left: one line is one case
  // A spreadsheet takes these for a formula; numbers and a dash alone are none.
  const bool number = safe.size() == 1 ||
                      (safe.size() > 1 && std::isdigit(static_cast<unsigned char>(safe[1])) != 0);
  if (!safe.empty() && std::string_view("=+-@").find(safe[0]) != std::string_view::npos && !number)
    safe = "'" + safe;
  if (safe.find_first_of(",\"") == std::string::npos) return safe;
  std::string out = "\"";
  for (const char c : safe) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

using Field = std::pair<std::string_view, std::string>;

void add_problem(std::vector<Field>& fields, const Problem& p) {
  const std::pair<std::string_view, std::int64_t> sizes[] = {
      {"batch", p.batch},   {"seq", p.seq},       {"input", p.input},
      {"hidden", p.hidden}, {"layers", p.layers}, {"directions", p.directions}};
  fields.emplace_back("cell", name(p.cell));
  for (const auto& [label, size] : sizes) fields.emplace_back(label, std::to_string(size));
  fields.emplace_back("bias", text(p.bias));
  fields.emplace_back("layout", name(p.layout));
  fields.emplace_back("head", std::to_string(p.head));
  fields.emplace_back("head_at", head_word(p.head_at));
  fields.emplace_back("want_output", text(p.want_output));
  fields.emplace_back("want_h_n", text(p.want_h_n));
  fields.emplace_back("want_c_n", text(p.want_c_n));
  fields.emplace_back("stateful", text(p.stateful));
  fields.emplace_back("dtype", name(p.dtype));
}

void add_summary(std::vector<Field>& fields, const Summary* time) {
  const Summary s = time ? *time : Summary{};
  const std::pair<std::string_view, double> values[] = {
      {"median_s", s.median}, {"ci_low_s", s.ci_low}, {"ci_high_s", s.ci_high}, {"min_s", s.min},
      {"p95_s", s.p95},       {"mad_s", s.mad},       {"mean_s", s.mean}};
  fields.emplace_back("samples", std::to_string(s.n));
  for (const auto& [label, value] : values)
    fields.emplace_back(label, time ? text(std::optional(value)) : "");
}

/// `derived`: what this row is called where it repeats another one.
std::vector<Field> fields_of(const Section& s, const Row& row, const char* derived,
                             const std::set<std::string>& metrics) {
  const CaseResult& c = *row.result;
  const bool has_floor = c.floor.seconds > 0;
  std::vector<Field> f{{"scenario", c.scenario}, {"problem", s.problem_id},
                       {"device", c.device},     {"impl", c.impl},
                       {"mode", c.mode},         {"cache", c.cache},
                       {"peer", text(c.peer)},   {"outcome", std::string(name(c.outcome))}};
  const bool timed = row.median_s && !c.samples.empty();
  f.emplace_back("rounds", timed ? std::to_string(c.samples.back().round + 1) : "");
  add_summary(f, row.median_s ? &*c.time : nullptr);
  f.emplace_back("wall_median_s",
                 row.median_s && c.wall ? text(std::optional(c.wall->median)) : "");
  f.emplace_back("speedup", text(row.speedup));
  f.emplace_back("baseline", s.baseline);
  f.emplace_back("flops_per_s", text(row.flops_per_s));
  f.emplace_back("floor_share", text(row.floor_share));
  f.emplace_back("fastest", text(row.fastest));
  f.emplace_back("setup_s", text(c.setup_s));
  f.emplace_back("projected_s", text(c.projected_s));
  f.emplace_back("flops", text(std::optional(flops(c.problem))));
  f.emplace_back("compulsory_bytes", text(std::optional(compulsory_bytes(c.problem))));
  f.emplace_back("floor_s", has_floor ? text(std::optional(c.floor.seconds)) : "");
  f.emplace_back("floor_flops_s", has_floor ? text(std::optional(c.floor.flops_s)) : "");
  f.emplace_back("floor_bytes_s", has_floor ? text(std::optional(c.floor.bytes_s)) : "");
  f.emplace_back("floor_latency_s", has_floor ? text(std::optional(c.floor.latency_s)) : "");
  f.emplace_back("floor_units", has_floor ? std::to_string(c.floor.units) : "");
  f.emplace_back("floor_bound", c.floor.bound);
  f.emplace_back("max_error", text(std::optional(c.verification.max_error)));
  f.emplace_back("tolerance", text(std::optional(c.verification.tolerance)));
  f.emplace_back("tolerance_rule", c.verification.tolerance_rule);
  add_problem(f, c.problem);
  f.emplace_back("reason", c.reason.empty() ? c.verification.why : c.reason);
  f.emplace_back("note", c.note);
  f.emplace_back("config", c.config);
  f.emplace_back("config_source", name(c.config_source));
  f.emplace_back("config_note", c.config_note);
  f.emplace_back("derived", derived);
  f.emplace_back("reproduce", c.reproduce);
  for (const auto& metric : metrics) {
    const auto* region = c.profile ? &c.profile->region : nullptr;
    const auto found = region ? region->find(metric) : Metrics::const_iterator{};
    f.emplace_back(metric, region && found != region->end() ? text(found->second.value) : "");
  }
  return f;
}

template <class Part>
void write_line(std::ostream& out, const std::vector<Field>& fields, Part part) {
  for (std::size_t k = 0; k < fields.size(); ++k)
    out << (k ? "," : "") << quoted(std::string(part(fields[k])));
  out << "\r\n";
}

}  // namespace

void write_csv(std::ostream& out, const RunResult& run) {
  std::set<std::string> metrics;  // of any case's region: a column each, after all others
  for (const CaseResult& c : run.cases)
    if (c.profile)
      for (const auto& [metric, _] : c.profile->region) metrics.insert(metric);
  bool first = true;
  for (const Section& s : sections(run)) {
    // A metric may be asked for by any name, also that of a column.
    if (first && !s.rows.empty())
      for (const auto& field : fields_of(s, s.rows.front(), "", {}))
        metrics.erase(std::string(field.first));
    std::vector<Row> rows = s.rows;
    if (s.best_cudnn) rows.push_back(*s.best_cudnn);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const auto fields = fields_of(s, rows[k], k < s.rows.size() ? "" : "best cuDNN", metrics);
      if (std::exchange(first, false))
        write_line(out, fields, [](const Field& f) { return f.first; });
      write_line(out, fields, [](const Field& f) { return std::string_view(f.second); });
    }
  }
}

}  // namespace rnnbench
