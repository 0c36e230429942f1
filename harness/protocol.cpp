#include "harness/protocol.hpp"

#include "harness/error.hpp"

namespace rnnbench {

void to_json(Json& json, const TensorPlace& p) {
  json = {{"name", p.name},   {"path", p.path},   {"map_bytes", p.map_bytes}, {"offset", p.offset},
          {"bytes", p.bytes}, {"dtype", p.dtype}, {"shape", p.shape}};
}

void from_json(const Json& json, TensorPlace& p) {
  json.at("name").get_to(p.name);
  json.at("path").get_to(p.path);
  json.at("map_bytes").get_to(p.map_bytes);
  json.at("offset").get_to(p.offset);
  json.at("bytes").get_to(p.bytes);
  json.at("dtype").get_to(p.dtype);
  json.at("shape").get_to(p.shape);
}

void to_json(Json& json, const ImplInfo& i) {
  json = {{"name", i.name},
          {"summary", i.summary},
          {"peer", i.peer},
          {"deterministic", i.deterministic},
          {"tunable", i.tunable}};
}

void from_json(const Json& json, ImplInfo& i) {
  json.at("name").get_to(i.name);
  i.summary = json.value("summary", "");
  i.peer = json.value("peer", false);
  i.deterministic = json.value("deterministic", false);
  i.tunable = json.value("tunable", false);
}

void to_json(Json& json, const Candidate& c) { json = {{"config", c.config}, {"why", c.why}}; }

void from_json(const Json& json, Candidate& c) {
  json.at("config").get_to(c.config);
  c.why = json.value("why", "");
}

void to_json(Json& json, const DeviceInfo& d) {
  json = {{"kind", std::string(name(d.kind))},
          {"index", d.index},
          {"name", d.name},
          {"units", d.units},
          {"compute_capability", d.cc},
          {"clock_hz", d.clock_hz},
          {"memory_bytes", d.memory_bytes},
          {"on_chip_bytes", d.on_chip_bytes},
          {"llc_bytes", d.llc_bytes},
          {"fma_per_clock", d.fma_per_clock},
          {"card", d.card}};
}

void from_json(const Json& json, DeviceInfo& d) {
  const auto kind = json.at("kind").get<std::string>();
  if (kind != "cpu" && kind != "cuda") throw Error("device kind '" + kind + "' is not known");
  d.kind = kind == "cpu" ? Device::cpu : Device::cuda;
  d.index = json.value("index", 0);
  d.name = json.value("name", "");
  d.units = json.value("units", 0);
  d.cc = json.value("compute_capability", 0);
  d.clock_hz = json.value("clock_hz", 0.0);
  d.memory_bytes = json.value("memory_bytes", 0.0);
  d.on_chip_bytes = json.value("on_chip_bytes", 0.0);
  d.llc_bytes = json.value("llc_bytes", 0.0);
  d.fma_per_clock = json.value("fma_per_clock", 0.0);
  d.card = json.value("card", decltype(d.card){});
}

void to_json(Json& json, const ExchangeCost& c) {
  json = {{"way", c.way}, {"units", c.units}, {"kib", c.kib}, {"seconds", c.seconds}};
}

void from_json(const Json& json, ExchangeCost& c) {
  json.at("way").get_to(c.way);
  json.at("units").get_to(c.units);
  json.at("kib").get_to(c.kib);
  json.at("seconds").get_to(c.seconds);
}

void to_json(Json& json, const NoExchange& n) {
  json = {{"way", n.way}, {"units", n.units}, {"kib", n.kib}, {"why", n.why}, {"failed", n.failed}};
}

void from_json(const Json& json, NoExchange& n) {
  json.at("way").get_to(n.way);
  json.at("units").get_to(n.units);
  json.at("kib").get_to(n.kib);
  json.at("why").get_to(n.why);
  json.at("failed").get_to(n.failed);
}

void to_json(Json& json, const ExchangeCosts& e) {
  json = {{"measured", e.measured}, {"missing", e.missing}, {"how", e.how}};
}

void from_json(const Json& json, ExchangeCosts& e) {
  json.at("measured").get_to(e.measured);
  json.at("missing").get_to(e.missing);
  json.at("how").get_to(e.how);
}

void to_json(Json& json, const Peaks& p) {
  json = {{"copy_bytes_per_s", p.copy_bytes_per_s},
          {"gemm_flops_per_s", p.gemm_flops_per_s},
          {"exchange_s", p.exchange_s},
          {"how", p.how},
          {"exchange", p.exchange}};
}

void from_json(const Json& json, Peaks& p) {
  json.at("copy_bytes_per_s").get_to(p.copy_bytes_per_s);
  json.at("gemm_flops_per_s").get_to(p.gemm_flops_per_s);
  json.at("exchange_s").get_to(p.exchange_s);
  json.at("how").get_to(p.how);
  p.exchange = json.value("exchange", ExchangeCosts{});  // files of earlier versions have none
}

void to_json(Json& json, const Metric& metric) {
  if (metric.value)
    json = *metric.value;
  else
    json = {{"why", metric.why}};
}

void from_json(const Json& json, Metric& metric) {
  if (json.is_number())
    metric = read_as(json.get<double>());
  else
    metric = not_read(json.is_object() ? json.value("why", "no reason given") : "no number");
}

void to_json(Json& json, const KernelMetrics& kernel) {
  json = {{"name", kernel.name},
          {"shape", kernel.shape},
          {"launches", kernel.launches},
          {"sampled", kernel.sampled},
          {"metrics", kernel.metrics}};
}

void from_json(const Json& json, KernelMetrics& kernel) {
  json.at("name").get_to(kernel.name);
  kernel.shape = json.value("shape", "");
  kernel.launches = json.value("launches", 0);
  kernel.sampled = json.value("sampled", 0);
  kernel.metrics = json.value("metrics", Metrics{});
}

void to_json(Json& json, const Profile& profile) {
  json = {{"region", profile.region},           {"kernels", profile.kernels},
          {"kernels_why", profile.kernels_why}, {"timeline_why", profile.timeline_why},
          {"warnings", profile.warnings},       {"spent_s", profile.spent_s}};
  if (profile.timeline)
    json["timeline"] = {{"interval_s", profile.timeline->interval_s},
                        {"forwards", profile.timeline->forwards},
                        {"series", profile.timeline->series}};
}

void from_json(const Json& json, Profile& profile) {
  profile.region = json.value("region", Metrics{});
  profile.kernels = json.value("kernels", std::vector<KernelMetrics>{});
  profile.kernels_why = json.value("kernels_why", "");
  profile.timeline_why = json.value("timeline_why", "");
  profile.warnings = json.value("warnings", std::vector<std::string>{});
  profile.spent_s = json.value("spent_s", 0.0);
  if (!json.contains("timeline")) return;
  const Json& timeline = json.at("timeline");
  profile.timeline.emplace();
  profile.timeline->interval_s = timeline.at("interval_s").get<double>();
  profile.timeline->forwards = timeline.value("forwards", 1);
  profile.timeline->series =
      timeline.at("series").get<std::map<std::string, std::vector<double>>>();
}

}  // namespace rnnbench
