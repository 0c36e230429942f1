#include "reports/method.hpp"

#include <fmt/format.h>

#include "reports/text.hpp"

namespace rnnbench {
namespace {

std::string how(const Protocol& p) {
  if (!p.measure) return "Verified only; nothing was timed.";
  return fmt::format(
      "Up to {} rounds, the implementations of a problem in shuffled order within each{}; at least "
      "{} a case in all; {} discarded call{} or more before each turn; cache {}; {}. The median is "
      "of all samples, its interval from a bootstrap over rounds. A case is given {} a run and {} "
      "between answers. Seed {}. {}",
      p.rounds, p.fresh_workers ? ", each turn in a process of its own" : "",
      format_seconds(p.min_time_s), p.warmup, p.warmup == 1 ? "" : "s", p.cache,
      p.graph ? "also as graphs" : "eager launches", format_seconds(p.budget_s),
      format_seconds(p.timeout_s), p.seed,
      p.verify ? "Every case was checked against a float64 reference before and after timing."
               : "Verification was switched off.");
}

}  // namespace

std::vector<Method> methods(const std::vector<PlanProtocol>& all) {
  std::vector<Method> found;
  for (std::size_t k = 0; k < all.size(); ++k) {
    std::string names;
    bool first = true, alike = true;
    for (std::size_t other = 0; other < all.size(); ++other) {
      if (!(all[other].protocol == all[k].protocol)) {
        alike = false;
        continue;
      }
      if (other < k) first = false;
      names += fmt::format("{}{} on {}", names.empty() ? "" : ", ", all[other].scenario,
                           all[other].device);
    }
    if (first) found.push_back({alike ? "" : names, how(all[k].protocol)});
  }
  return found;
}

std::vector<std::pair<std::string, std::string>> environment_lines(const Environment& e) {
  auto lines = e.facts;
  for (const DeviceInfo& d : e.devices) lines.emplace_back(name(d.kind), d.name);
  for (const auto& [device, peaks] : e.peaks) {
    std::string text = "copy " + format_amount(peaks.copy_bytes_per_s, "B/s");
    for (const auto& [dtype, rate] : peaks.gemm_flops_per_s)
      text += fmt::format(", {} {}", dtype, format_amount(rate, "FLOP/s"));
    lines.emplace_back("peaks of " + device, peaks.how.empty() ? text : text + "; " + peaks.how);
  }
  for (const auto& [key, value] : e.tags) lines.emplace_back("tag " + key, value);
  return lines;
}

}  // namespace rnnbench
