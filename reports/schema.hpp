// The run as JSON: every field is named once, for writing and for reading.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "harness/error.hpp"
#include "harness/result.hpp"

namespace rnnbench::schema {

using Json = nlohmann::ordered_json;

/// Grows by one when a reader of the old number would misread the new file.
inline constexpr int version = 2;

/// T or const T, so that one list of fields serves both ways.
template <class T, class Plain>
concept Is = std::same_as<std::remove_const_t<T>, Plain>;

template <class A>
void fields(A& a, Is<Problem> auto& p) {
  a("cell", p.cell), a("batch", p.batch), a("seq", p.seq), a("input", p.input);
  a("hidden", p.hidden), a("layers", p.layers), a("directions", p.directions), a("bias", p.bias);
  a("layout", p.layout), a("head_at", p.head_at), a("head", p.head);
  a("want_output", p.want_output), a("want_h_n", p.want_h_n), a("want_c_n", p.want_c_n);
  a("stateful", p.stateful), a("dtype", p.dtype);
}

template <class A>
void fields(A& a, Is<Summary> auto& s) {
  a("n", s.n), a("median", s.median), a("min", s.min), a("p95", s.p95), a("mad", s.mad);
  a("mean", s.mean), a("ci_low", s.ci_low), a("ci_high", s.ci_high);
}

template <class A>
void fields(A& a, Is<Floor> auto& f) {
  a("seconds", f.seconds), a("flops_s", f.flops_s), a("bytes_s", f.bytes_s);
  a("latency_s", f.latency_s), a("units", f.units), a("bound", f.bound);
}

template <class A>
void fields(A& a, Is<Verification> auto& v) {
  a("max_error", v.max_error), a("tolerance", v.tolerance), a("rounding", v.rounding);
  a("tolerance_rule", v.tolerance_rule), a("why", v.why), a("checked", v.checked);
}

template <class A>
void fields(A& a, Is<KernelMetrics> auto& k) {
  a("name", k.name), a("shape", k.shape), a("launches", k.launches), a("sampled", k.sampled);
  a("metrics", k.metrics);
}

template <class A>
void fields(A& a, Is<Timeline> auto& t) {
  a("interval_s", t.interval_s), a("forwards", t.forwards), a("series", t.series);
}

template <class A>
void fields(A& a, Is<Profile> auto& p) {
  a("region", p.region), a("kernels", p.kernels), a("kernels_why", p.kernels_why);
  a("timeline", p.timeline), a("timeline_why", p.timeline_why), a("warnings", p.warnings);
  a("spent_s", p.spent_s);
}

template <class A>
void fields(A& a, Is<RooflinePoint> auto& p) {
  a("flops", p.flops), a("bytes", p.bytes), a("seconds", p.seconds);
  a("intensity", p.intensity), a("flops_per_s", p.flops_per_s);
  a("bytes_per_s", p.bytes_per_s), a("compute_share", p.compute_share);
  a("memory_share", p.memory_share), a("bound", p.bound), a("share", p.share);
}

template <class A>
void fields(A& a, Is<KernelMeaning> auto& k) {
  a("name", k.name), a("shape", k.shape), a("launches", k.launches), a("point", k.point);
}

template <class A>
void fields(A& a, Is<Meaning> auto& m) {
  a("peak_flops_per_s", m.peak_flops_per_s), a("peak_bytes_per_s", m.peak_bytes_per_s);
  a("ridge", m.ridge), a("whole", m.whole), a("kernels", m.kernels);
  a("needed_bytes", m.needed_bytes), a("traffic", m.traffic), a("traffic_note", m.traffic_note);
  a("launches", m.launches), a("launches_per_step", m.launches_per_step);
  a("launches_per_depth", m.launches_per_depth), a("kernel_s", m.kernel_s);
  a("busy_s", m.busy_s), a("gap_s", m.gap_s), a("span_s", m.span_s);
  a("floor_share", m.floor_share), a("latency_share", m.latency_share);
}

template <class A>
void fields(A& a, Is<Finding> auto& f) {
  a("id", f.id), a("sentence", f.sentence), a("explains_s", f.explains_s);
  a("source", f.source), a("kernel", f.kernel);
}

template <class A>
void fields(A& a, Is<CaseResult> auto& c) {
  a("scenario", c.scenario), a("problem", c.problem), a("device", c.device);
  a.later("machine", c.machine);
  a("impl", c.impl), a("peer", c.peer), a("mode", c.mode), a("cache", c.cache);
  a("outcome", c.outcome), a("reason", c.reason), a("note", c.note), a("reproduce", c.reproduce);
  a.later("config", c.config), a.later("config_source", c.config_source);
  a.later("config_note", c.config_note);
  a("verification", c.verification), a("setup_s", c.setup_s), a("projected_s", c.projected_s);
  a("time", c.time), a("wall", c.wall), a("floor", c.floor), a("device_state", c.device_state);
  a("warnings", c.warnings), a("samples", c.samples), a.later("profile", c.profile);
  a.later("meaning", c.meaning), a.later("findings", c.findings);
}

template <class A>
void fields(A& a, Is<DeviceInfo> auto& d) {
  a("kind", d.kind), a("index", d.index), a("name", d.name), a("units", d.units), a("cc", d.cc);
  a("clock_hz", d.clock_hz), a("memory_bytes", d.memory_bytes);
  a("on_chip_bytes", d.on_chip_bytes), a("llc_bytes", d.llc_bytes);
  a("fma_per_clock", d.fma_per_clock), a("card", d.card);
}

template <class A>
void fields(A& a, Is<ExchangeCost> auto& c) {
  a("way", c.way), a("units", c.units), a("kib", c.kib), a("seconds", c.seconds);
}

template <class A>
void fields(A& a, Is<NoExchange> auto& n) {
  a("way", n.way), a("units", n.units), a("kib", n.kib), a("why", n.why), a("failed", n.failed);
}

template <class A>
void fields(A& a, Is<ExchangeCosts> auto& e) {
  a("measured", e.measured), a("missing", e.missing), a("how", e.how);
}

template <class A>
void fields(A& a, Is<Peaks> auto& p) {
  a("copy_bytes_per_s", p.copy_bytes_per_s), a("gemm_flops_per_s", p.gemm_flops_per_s);
  a("exchange_s", p.exchange_s), a("how", p.how), a.later("exchange", p.exchange);
}

template <class A>
void fields(A& a, Is<Environment> auto& e) {
  a("facts", e.facts), a("devices", e.devices), a("peaks", e.peaks), a("tags", e.tags);
}

template <class A>
void fields(A& a, Is<Protocol> auto& p) {
  a("rounds", p.rounds), a("min_time_s", p.min_time_s), a("warmup", p.warmup);
  a("budget_s", p.budget_s), a("timeout_s", p.timeout_s), a("cache", p.cache);
  a("graph", p.graph), a("seed", p.seed), a("verify", p.verify), a("measure", p.measure);
  a("bitwise", p.bitwise), a("rtol", p.rtol), a("atol", p.atol);
  a.later("metrics", p.metrics, "none"), a.later("metrics_budget_s", p.metrics_budget_s);
  a.later("fresh_workers", p.fresh_workers);
}

template <class A>
void fields(A& a, Is<PlanProtocol> auto& p) {
  a("scenario", p.scenario), a("device", p.device), a("protocol", p.protocol);
}

/// Everything of a run but its cases, which are written one to a line.
template <class A>
void fields(A& a, Is<RunResult> auto& r) {
  a("command", r.command), a("started", r.started), a("elapsed_s", r.elapsed_s);
  a("interrupted", r.interrupted), a.later("warning", r.warning), a("environment", r.environment),
      a("protocols", r.protocols);
}

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_pair = false;
template <class T, class U>
inline constexpr bool is_pair<std::pair<T, U>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool is_plain = std::is_integral_v<T> || std::same_as<T, std::string>;

std::string word(Device value);
std::string word(HeadAt value);
template <class E>
std::string word(E value) {
  return std::string(name(value));
}
void read_word(const std::string& text, Cell& value);  // these throw UsageError
void read_word(const std::string& text, Dtype& value);
void read_word(const std::string& text, Layout& value);
void read_word(const std::string& text, HeadAt& value);
void read_word(const std::string& text, Device& value);
void read_word(const std::string& text, Outcome& value);
void read_word(const std::string& text, ConfigSource& value);

Json number(double value);  // JSON has no nan and no inf: they are strings
double number(const Json& json);
Json metric(const Metric& metric);  // its value, or {"value": null, "why": reason}
Metric metric(const Json& json);
Json sample_columns(const std::vector<TimedSample>& samples);  // three arrays: short and plottable
std::vector<TimedSample> sample_columns(const Json& json);

template <class T>
Json encode(const T& value);

struct Encoder {
  Json json = Json::object();
  template <class T>
  void operator()(const char* key, const T& value) {
    json[key] = encode(value);
  }
  template <class T>
  void later(const char* key, const T& value, const char* = nullptr) {
    (*this)(key, value);
  }
};

template <class T>
Json encode(const T& value) {
  if constexpr (std::floating_point<T>) {
    return number(value);
  } else if constexpr (std::is_enum_v<T>) {
    return word(value);
  } else if constexpr (is_plain<T>) {
    return value;
  } else if constexpr (is_optional<T>) {
    return value ? encode(*value) : Json(nullptr);
  } else if constexpr (is_pair<T>) {
    return Json::array({encode(value.first), encode(value.second)});
  } else if constexpr (is_map<T>) {
    Json json = Json::object();
    for (const auto& [key, part] : value) json[key] = encode(part);
    return json;
  } else if constexpr (std::same_as<T, Metric>) {
    return metric(value);
  } else if constexpr (std::same_as<T, std::vector<TimedSample>>) {
    return sample_columns(value);
  } else if constexpr (is_vector<T>) {
    Json json = Json::array();
    for (const auto& part : value) json.push_back(encode(part));
    return json;
  } else {
    Encoder encoder;
    fields(encoder, value);
    return std::move(encoder.json);
  }
}

template <class T>
void decode(const Json& json, T& value);

struct Decoder {
  const Json& json;
  template <class T>
  void operator()(const char* key, T& value) {
    try {
      decode(json.at(key), value);
    } catch (const Json::exception& e) {
      throw UsageError(fmt::format("{}: {}", key, e.what()));
    } catch (const UsageError& e) {
      throw UsageError(fmt::format("{}: {}", key, e.what()));
    }
  }
  /// A field that files of this version have only since it was added: absent, it keeps its default,
  /// or has the value that was the only one then.
  template <class T>
  void later(const char* key, T& value) {
    if (json.contains(key)) (*this)(key, value);
  }
  template <class T>
  void later(const char* key, T& value, const char* before) {
    value = before;
    later(key, value);
  }
};

template <class T>
void decode(const Json& json, T& value) {
  if constexpr (std::floating_point<T>) {
    value = number(json);
  } else if constexpr (std::is_enum_v<T>) {
    read_word(json.get<std::string>(), value);
  } else if constexpr (is_plain<T>) {
    value = json.get<T>();
  } else if constexpr (is_optional<T>) {
    value.reset();
    if (!json.is_null()) decode(json, value.emplace());
  } else if constexpr (is_pair<T>) {
    decode(json.at(0), value.first), decode(json.at(1), value.second);
  } else if constexpr (is_map<T>) {
    for (const auto& [key, part] : json.items()) decode(part, value[key]);
  } else if constexpr (std::same_as<T, Metric>) {
    value = metric(json);
  } else if constexpr (std::same_as<T, std::vector<TimedSample>>) {
    value = sample_columns(json);
  } else if constexpr (is_vector<T>) {
    for (const auto& part : json) decode(part, value.emplace_back());
  } else {
    Decoder decoder{json};
    fields(decoder, value);
  }
}

/// One line, whatever bytes are in its strings.
inline std::string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace rnnbench::schema
