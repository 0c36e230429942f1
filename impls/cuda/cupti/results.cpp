#include "impls/cuda/cupti/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace rnnbench::cupti {
namespace {

constexpr std::array span_names{"rnnbench__kernel_launches", "rnnbench__kernel_time",
                                "rnnbench__busy_time", "rnnbench__gap_time", "rnnbench__span_time"};

}  // namespace

Metrics mean_metrics(const std::vector<std::string>& names, const std::vector<Counted>& samples) {
  Metrics metrics;
  for (std::size_t k = 0; k < names.size(); ++k) {
    double sum = 0, launches = 0;
    for (const Counted& sample : samples) {
      sum += sample.stands_for * (k < sample.values->size() ? (*sample.values)[k] : std::nan(""));
      launches += sample.stands_for;
    }
    const double mean = sum / launches;
    metrics[names[k]] =
        std::isfinite(mean)
            ? read_as(mean)
            : not_read("the profiler gave no number for it: what it divides by may be zero here");
  }
  return metrics;
}

Metrics span_metrics(const std::vector<Launch>& launches) {
  const Spans found = spans(launches);
  const std::array values{static_cast<double>(launches.size()), found.sum_ns, found.busy_ns,
                          found.gap_ns, found.span_ns};
  Metrics metrics;
  for (std::size_t k = 0; k < values.size(); ++k) metrics[span_names[k]] = read_as(values[k]);
  return metrics;
}

Metrics no_span_metrics(const std::string& why) {
  Metrics metrics;
  for (const char* name : span_names) metrics[name] = not_read(why);
  return metrics;
}

std::vector<KernelMetrics> kernel_metrics(const std::vector<Group>& groups) {
  std::vector<KernelMetrics> kernels;
  for (const Group& one : groups) {
    const auto launches = one.ordinals.size();
    kernels.push_back(
        {.name = one.name,
         .shape = one.shape,
         .launches = static_cast<int>(launches),
         .sampled = 0,
         .metrics = {{launch_time, read_as(one.total_ns / static_cast<double>(launches))}}});
  }
  return kernels;
}

Metrics sums_over_kernels(const std::vector<std::string>& names,
                          const std::vector<KernelMetrics>& kernels) {
  Metrics region;
  for (const auto& name : names) {
    bool all = name.ends_with(".sum") && !kernels.empty();
    double sum = 0;
    for (const auto& kernel : kernels) {
      const auto found = kernel.metrics.find(name);
      const auto value = found == kernel.metrics.end() ? std::nullopt : found->second.value;
      all = all && value;
      sum += kernel.launches * value.value_or(0);
    }
    region[name] = all ? read_as(sum)
                       : not_read("counted kernel by kernel, and not in all of them: see there");
  }
  return region;
}

std::vector<std::string> hit_rate_warnings(const Profile& profile) {
  struct Seen {
    double most = 0;
    int places = 0;
  };
  std::map<std::string, Seen> over;
  const auto look = [&](const Metrics& metrics) {
    for (const auto& [name, metric] : metrics)
      if (metric.value && *metric.value > 100 && name.ends_with(".pct") &&
          name.find("hit_rate") != std::string::npos) {
        Seen& seen = over[name];
        seen.most = std::max(seen.most, *metric.value);
        ++seen.places;
      }
  };
  look(profile.region);
  for (const auto& kernel : profile.kernels) look(kernel.metrics);
  std::vector<std::string> warnings;
  for (const auto& [name, seen] : over)
    warnings.push_back(
        fmt::format("{} is over 100 % in {} place{}, up to {:.0f} %: hits and look-ups are counted "
                    "in different passes, and there are few of them",
                    name, seen.places, seen.places == 1 ? "" : "s", seen.most));
  return warnings;
}

}  // namespace rnnbench::cupti
