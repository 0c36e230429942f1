#include "reports/page_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reports/method.hpp"
#include "reports/summary.hpp"
#include "reports/text.hpp"

namespace rnnbench {
namespace {

using schema::Json;

constexpr std::size_t most_samples = 100;

/// null: unknown, or nothing that a chart could show.
Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json texts(const std::vector<std::string>& lines) {
  Json json = Json::array();
  for (const auto& line : lines) json.push_back(clean(line));
  return json;
}

/// What is not numeric and differs from the plainest problem, in words.
std::string other_words(const Problem& p) {
  Problem plain;
  plain.cell = p.cell, plain.directions = p.directions, plain.dtype = p.dtype;
  plain.batch = p.batch, plain.seq = p.seq, plain.input = p.input, plain.hidden = p.hidden;
  plain.layers = p.layers;
  if (plain == p) return "";
  const std::string whole = id(p), common = id(plain);
  return whole.starts_with(common) ? whole.substr(std::min(whole.size(), common.size() + 1))
                                   : whole;
}

Json section_json(const Section& s) {
  const Problem& p = s.problem;
  return {{"scenario", clean(s.scenario)},
          {"problem", clean(s.problem_id)},
          {"axes",
           {{"cell", name(p.cell)},
            {"batch", p.batch},
            {"seq", p.seq},
            {"input", p.input},
            {"hidden", p.hidden},
            {"layers", p.layers},
            {"directions", p.directions},
            {"dtype", name(p.dtype)},
            {"other", other_words(p)}}},
          {"lines", texts({work_line(p), floor_line(s), conditions_line(s), baseline_line(s)})}};
}

Json samples_json(const CaseResult& c) {
  Json json = Json::array();
  const std::size_t count = std::min(c.samples.size(), most_samples);
  for (std::size_t k = 0; k < count; ++k)
    json.push_back(number(c.samples[k * c.samples.size() / count].seconds));
  return json;
}

Json roofline_json(const CaseResult& c) {
  if (!c.meaning || !c.meaning->whole.intensity || !c.meaning->whole.flops_per_s) return nullptr;
  const Meaning& m = *c.meaning;
  return {{"intensity", number(m.whole.intensity)},
          {"flops_per_s", number(m.whole.flops_per_s)},
          {"peak_flops", number(m.peak_flops_per_s)},
          {"peak_bytes", number(m.peak_bytes_per_s)},
          {"ridge", number(m.ridge)}};
}

Json parts_json(const CaseResult& c) {
  if (!c.meaning || !c.meaning->busy_s || !c.meaning->gap_s) return nullptr;
  return {{"busy_s", number(c.meaning->busy_s)},
          {"gap_s", number(c.meaning->gap_s)},
          {"latency_s", number(c.floor.latency_s)}};
}

Json kernels_json(const CaseResult& c) {
  Json json = Json::array();
  if (!c.profile) return json;
  for (const KernelMetrics& kernel : c.profile->kernels) {
    Json metrics = Json::object();
    for (const auto& [name, metric] : kernel.metrics)
      if (metric.value && std::isfinite(*metric.value)) metrics[clean(name)] = *metric.value;
    json.push_back({{"name", clean(kernel.name)},
                    {"shape", clean(kernel.shape)},
                    {"launches", kernel.launches},
                    {"metrics", std::move(metrics)}});
  }
  return json;
}

Json timeline_json(const CaseResult& c) {
  if (!c.profile || !c.profile->timeline) return nullptr;
  const Timeline& t = *c.profile->timeline;
  Json series = Json::object();
  for (const auto& [name, values] : t.series) {
    Json points = Json::array();
    for (const double value : values) points.push_back(number(value));
    series[clean(name)] = std::move(points);
  }
  return {{"interval_s", t.interval_s}, {"forwards", t.forwards}, {"series", std::move(series)}};
}

Json findings_json(const CaseResult& c) {
  Json json = Json::array();
  for (const Finding& f : c.findings)
    json.push_back({{"sentence", clean(f.sentence)}, {"kernel", clean(f.kernel)}});
  return json;
}

Json case_json(const Row& row) {
  const CaseResult& c = *row.result;
  const RowText t = text_of(row);
  const bool timed = row.median_s.has_value();
  return {{"series", row.label},
          {"mode", clean(c.mode)},
          {"device", clean(short_device(c.device))},
          {"outcome", t.outcome},
          {"fastest", row.fastest},
          {"text",
           {{"median", t.median},
            {"interval", t.interval},
            {"speedup", t.speedup},
            {"gflops", t.gflops},
            {"floor_share", t.floor_share}}},
          {"median_s", number(row.median_s)},
          {"low_s", timed ? number(c.time->ci_low) : Json(nullptr)},
          {"high_s", timed ? number(c.time->ci_high) : Json(nullptr)},
          {"speedup", number(row.speedup)},
          {"flops_per_s", number(row.flops_per_s)},
          {"floor_share", number(row.floor_share)},
          {"samples", timed ? samples_json(c) : Json::array()},
          {"roofline", roofline_json(c)},
          {"parts", parts_json(c)},
          {"kernels", kernels_json(c)},
          {"timeline", timeline_json(c)},
          {"remarks", texts(remarks(c))},
          {"findings", findings_json(c)},
          {"reproduce", clean(c.reproduce)}};
}

Json facts_json(const Environment& e) {
  Json json = Json::array();
  for (const auto& [label, value] : environment_lines(e))
    json.push_back(Json::array({clean(label), clean(value)}));
  return json;
}

Json run_json(const NamedRun& named, const std::vector<Section>& all) {
  const RunResult& run = *named.run;
  Json method = Json::array();
  for (const Method& m : methods(run.protocols))
    method.push_back(clean((m.of.empty() ? "" : m.of + ": ") + m.how));
  return {{"label", clean(named.name)},
          {"answer", clean(conclusion(run, all))},
          {"command", clean(run.command)},
          {"started", clean(run.started)},
          {"warnings", run.warning.empty() ? Json::array() : texts({run.warning})},
          {"notes", texts(counters_notes(run))},
          {"method", std::move(method)},
          {"facts", facts_json(run.environment)}};
}

std::string title_of(const std::vector<NamedRun>& runs) {
  std::set<std::string> names;
  for (const NamedRun& named : runs)
    for (const CaseResult& c : named.run->cases) names.insert(clean(c.scenario));
  return names.empty() ? "rnnbench" : fmt::format("rnnbench: {}", fmt::join(names, ", "));
}

}  // namespace

Json page_data(const std::vector<NamedRun>& runs) {
  Json json = {{"title", title_of(runs)},
               {"runs", Json::array()},
               {"sections", Json::array()},
               {"cases", Json::array()}};
  std::map<std::pair<std::string, std::string>, std::size_t> places;  // of sections
  for (const NamedRun& named : runs) {
    const auto all = sections(*named.run);
    Json run = run_json(named, all);
    if (runs.size() > 1)
      run["answer"] = clean(named.name) + ": " + run["answer"].get<std::string>();
    json["runs"].push_back(std::move(run));
    for (const Section& s : all) {
      const auto [place, is_new] =
          places.try_emplace({s.scenario, s.problem_id}, json["sections"].size());
      if (is_new) json["sections"].push_back(section_json(s));
      for (const Row& row : s.rows) {
        Json one = case_json(row);
        if (runs.size() > 1) one["series"] = row.label + ", " + clean(named.name);
        one["section"] = place->second;
        one["place"] = json["cases"].size();
        json["cases"].push_back(std::move(one));
      }
    }
  }
  return json;
}

}  // namespace rnnbench
