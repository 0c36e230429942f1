// metrics.json: counters for programs that want nothing else of a run.
#include <fmt/format.h>

#include <ostream>

#include "reports/schema.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

using schema::Json;

/// Grows by one when a reader of the old number would misread the new file.
constexpr int metrics_version = 1;

/// name → value or null; the reasons of nulls go to `why`.
Json values(const Metrics& metrics, Json& why) {
  Json json = Json::object();
  for (const auto& [name, metric] : metrics) {
    json[name] = metric.value ? schema::number(*metric.value) : Json(nullptr);
    if (!metric.value) why[name] = metric.why;
  }
  return json;
}

Json case_json(const CaseResult& result) {
  const Profile& profile = *result.profile;
  Json why = Json::object(), kernels = Json::object();
  Json json = {{"impl", result.impl},
               {"device", result.device},
               {"mode", result.mode},
               {"problem", id(result.problem)},
               {"median_s", result.time ? schema::number(result.time->median) : Json(nullptr)},
               {"region", values(profile.region, why)}};
  for (const KernelMetrics& kernel : profile.kernels) {
    // One kernel may be launched with several shapes.
    std::string key = kernel.name;
    if (kernels.contains(key)) key += " " + kernel.shape;
    for (int k = 2; kernels.contains(key); ++k)
      key = fmt::format("{} {} #{}", kernel.name, kernel.shape, k);
    Json entry = {
        {"shape", kernel.shape}, {"launches", kernel.launches}, {"sampled", kernel.sampled}};
    Json reasons = Json::object();
    const Json read = values(kernel.metrics, reasons);
    for (const auto& [name, value] : read.items())
      if (!entry.contains(name)) entry[name] = value;
    entry["why"] = std::move(reasons);
    kernels[key] = std::move(entry);
  }
  json["kernels"] = std::move(kernels);
  if (!profile.kernels_why.empty()) why["kernels"] = profile.kernels_why;
  json["timeline"] = schema::encode(profile.timeline);
  if (!profile.timeline && !profile.timeline_why.empty()) why["timeline"] = profile.timeline_why;
  json["why"] = std::move(why);
  json["warnings"] = profile.warnings;
  json["meaning"] = schema::encode(result.meaning);
  json["findings"] = schema::encode(result.findings);
  return json;
}

}  // namespace

void write_metrics_json(std::ostream& out, const RunResult& run) {
  Json cases = Json::object();
  for (const CaseResult& result : run.cases) {
    if (!result.profile) continue;
    std::string key = case_name(result);
    for (int k = 2; cases.contains(key); ++k) key = fmt::format("{}#{}", case_name(result), k);
    cases[key] = case_json(result);
  }
  out << schema::dump({{"schema_version", metrics_version},
                       {"command", run.command},
                       {"started", run.started},
                       {"cases", std::move(cases)}},
                      1)
      << "\n";
}

}  // namespace rnnbench
