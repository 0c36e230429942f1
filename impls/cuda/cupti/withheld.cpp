#include "impls/cuda/cupti/withheld.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rnnbench::cupti {
namespace {

constexpr double range_s = 40e-6;    // what a range may add to the time of a region
constexpr double most_share = 0.05;  // of the call's own time, for a rate that may be shown

bool of_elapsed(std::string_view name) {
  return name.find("elapsed") != std::string_view::npos || name.ends_with(".per_second");
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string why_withheld(std::string_view name, double span_s) {
  if (name.starts_with("gpu__time_"))
    return "a range around the call adds 30 to 40 us of its own: see rnnbench__span_time";
  if (!of_elapsed(name) || range_s <= most_share * span_s) return {};
  if (span_s <= 0)
    return "the range around the call adds 30 to 40 us, and how long the call is by itself was not "
           "recorded";
  return fmt::format(
      "the range around the call adds 30 to 40 us to its {:.4g} us, and this is divided by both: "
      "see the kernels and the timeline",
      1e6 * span_s);
}

std::string why_not_alone(std::string_view name) {
  const bool instructions = name.find("inst_executed") != std::string_view::npos ||
                            name.find("sm__ops_path") != std::string_view::npos;
  if (instructions && name.ends_with(".sum")) return {};
  return "this launch was replayed alone, where it finds other caches than in the call";
}

bool is_sass(std::string_view name) { return name.find("_sass_") != std::string_view::npos; }

std::vector<std::string> with_witness(std::vector<std::string> names) {
  if (std::any_of(names.begin(), names.end(), is_sass) && !contains(names, sass_witness))
    names.emplace_back(sass_witness);
  return names;
}

void judge_sass(const std::vector<std::string>& asked, Metrics& metrics) {
  const auto witness = metrics.find(sass_witness);
  const bool counted =
      witness != metrics.end() && witness->second.value && *witness->second.value > 0;
  for (auto& [name, metric] : metrics)
    if (is_sass(name) && metric.value && !counted)
      metric = not_read(
          fmt::format("SASS counters may not count here: {} {}", sass_witness,
                      witness == metrics.end() ? "was not read" : "is not above 0 either"));
  if (witness != metrics.end() && !contains(asked, sass_witness)) metrics.erase(witness);
}

}  // namespace rnnbench::cupti
