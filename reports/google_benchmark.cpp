#include "reports/google_benchmark.hpp"

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <sstream>

namespace rnnbench {
namespace {

using schema::Json;

std::string fact(const RunResult& run, std::string_view label) {
  for (const auto& [key, value] : run.environment.facts)
    if (key == label) return value;
  return "";
}

const DeviceInfo* cpu(const RunResult& run) {
  for (const DeviceInfo& d : run.environment.devices)
    if (d.kind == Device::cpu) return &d;
  return nullptr;
}

struct Moments {
  double mean = 0, deviation = 0;  // standard deviation of a sample: n - 1
};

Moments moments(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  Moments m;
  m.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - m.mean) * (v - m.mean);
  if (n > 1) m.deviation = std::sqrt(squares / (n - 1));
  return m;
}

Json entry(const CaseResult& c, std::size_t index, const std::string& suffix) {
  const std::string name = case_name(c);
  return {{"name", name + suffix},
          {"family_index", index},
          {"per_family_instance_index", 0},
          {"run_name", name}};
}

void add_times(Json& json, std::size_t iterations, double real, double cpu, double scale) {
  json["iterations"] = iterations;
  json["real_time"] = schema::number(real * scale);
  json["cpu_time"] = schema::number(cpu * scale);
  json["time_unit"] = "ms";
}

}  // namespace

Json benchmark_context(const RunResult& run) {
  const DeviceInfo* host = cpu(run);
  const std::string cores = fact(run, "cores");
  Json load = Json::array();
  std::istringstream loads(fact(run, "load average"));
  for (double value = 0; load.size() < 3 && loads >> value;) load.push_back(value);
  Json caches = Json::array();
  if (host && host->llc_bytes > 0)
    caches.push_back({{"type", "Unified"},
                      {"level", 3},
                      {"size", static_cast<std::int64_t>(host->llc_bytes)},
                      {"num_sharing", host->units}});
  return {
      {"date", run.started},
      {"host_name", fact(run, "host")},
      {"executable", run.command.substr(0, run.command.find(' '))},
      {"num_cpus", cores.empty() ? (host ? host->units : 0) : std::atoi(cores.c_str())},
      {"mhz_per_cpu", host ? std::llround(host->clock_hz / 1e6) : 0},
      {"cpu_scaling_enabled", false},
      {"caches", caches},
      {"load_avg", load},
      {"library_build_type", fact(run, "build type") == "Debug" ? "debug" : "release"},
      {"rnnbench_times",
       "real_time: device time; cpu_time: host clock around the call and a device-wide "
       "synchronisation"},
      {"rnnbench_samples",
       fmt::format("cases with more than {} samples have aggregates only; all samples are under "
                   "rnnbench.cases",
                   most_iterations)}};
}

std::vector<Json> benchmark_entries(const CaseResult& c, std::size_t index) {
  const bool has_time =
      c.time && (c.outcome == Outcome::passed || c.outcome == Outcome::mistrusted ||
                 c.outcome == Outcome::unverified);
  if (!has_time) {
    if (c.outcome == Outcome::passed || c.outcome == Outcome::mistrusted) return {};  // not timed
    Json json = entry(c, index, "");
    json.update({{"run_type", "iteration"}, {"repetitions", 1}, {"repetition_index", 0}});
    const auto& why = c.reason.empty() ? c.verification.why : c.reason;
    json.update(
        {{"threads", 1},
         {"error_occurred", true},
         {"error_message", std::string(name(c.outcome)) + (why.empty() ? "" : ": ") + why}});
    add_times(json, 1, 0, 0, 1);
    return {json};
  }

  std::vector<Json> entries;
  const std::size_t n = c.samples.empty() ? c.time->n : c.samples.size();
  const auto finish = [&](Json json, std::size_t iterations, double real, double wall,
                          double scale = 1e3) {
    add_times(json, iterations, real, wall, scale);
    if (c.outcome != Outcome::passed) json["label"] = name(c.outcome);
    entries.push_back(std::move(json));
  };
  if (n <= most_iterations)
    for (std::size_t k = 0; k < c.samples.size(); ++k) {
      Json json = entry(c, index, "");
      json.update({{"run_type", "iteration"}, {"repetitions", n}, {"repetition_index", k}});
      json["threads"] = 1;
      finish(std::move(json), 1, c.samples[k].seconds, c.samples[k].wall_seconds);
    }

  const auto aggregate = [&](const std::string& kind, double real, double wall) {
    Json json = entry(c, index, "_" + kind);
    json.update({{"run_type", "aggregate"}, {"repetitions", n}, {"threads", 1}});
    json.update(
        {{"aggregate_name", kind}, {"aggregate_unit", kind == "cv" ? "percentage" : "time"}});
    finish(std::move(json), n, real, wall, kind == "cv" ? 1 : 1e3);
  };
  const Summary wall_summary = c.wall.value_or(*c.time);
  aggregate("mean", c.time->mean, wall_summary.mean);
  aggregate("median", c.time->median, wall_summary.median);
  if (c.samples.size() < 2) return entries;
  std::vector<double> real, wall;
  for (const TimedSample& s : c.samples) real.push_back(s.seconds), wall.push_back(s.wall_seconds);
  const Moments r = moments(real), w = moments(wall);
  aggregate("stddev", r.deviation, w.deviation);
  aggregate("cv", r.mean > 0 ? r.deviation / r.mean : 0, w.mean > 0 ? w.deviation / w.mean : 0);
  return entries;
}

}  // namespace rnnbench
