// What rules look at, a kernel or the call as a whole, and how they go over a case's kernels.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/finding_rules.hpp"

namespace rnnbench {

using Value = std::optional<double>;
using Found = std::vector<Finding>;

inline constexpr double megabyte = 1e6;
inline constexpr const char* dram_busy = "dram__throughput.avg.pct_of_peak_sustained_elapsed";
inline constexpr const char* sm_busy = "sm__throughput.avg.pct_of_peak_sustained_elapsed";

Finding says(std::string sentence, Value explains_s);

/// A kernel, or the call as a whole where kernels have no counters of their own.
struct Subject {
  const Metrics& metrics;
  std::string id;    // Finding::kernel
  std::string name;  // in a sentence
  int launches;
  Value seconds;  // of the median, at most: its own duration in the pass, times launches

  Value operator[](const char* metric) const { return value_of(metrics, metric); }
  /// A percentage of a peak per elapsed time or cycle, within the kernel's own time: the
  /// profiler's range around a launch is longer by a microsecond or more.
  Value rate(const char* metric) const;
  Value part(double share) const {
    return seconds ? Value(*seconds * std::max(0.0, share)) : std::nullopt;
  }
};

/// In the profile's order.
std::vector<Subject> kernels_of(const Evidence& e);

/// `find` on every kernel of a GPU: Finding or nothing.
template <class F>
Found each_kernel(const Evidence& e, F find) {
  Found found;
  if (e.device.kind != Device::cuda) return found;
  for (const Subject& kernel : kernels_of(e))
    if (std::optional<Finding> finding = find(kernel)) {
      finding->kernel = kernel.id;
      found.push_back(std::move(*finding));
    }
  return found;
}

/// Like each_kernel; on the call as a whole where no kernel has the metric.
template <class F>
Found each_kernel_or_call(const Evidence& e, const char* metric, F find) {
  const auto has = [&](const KernelMetrics& k) { return value_of(k.metrics, metric).has_value(); };
  if (std::any_of(e.profile.kernels.begin(), e.profile.kernels.end(), has))
    return each_kernel(e, find);
  if (e.device.kind != Device::cuda) return {};
  const auto finding = find(Subject{e.profile.region, "", "The call", 1, e.median});
  return finding ? Found{*finding} : Found{};
}

}  // namespace rnnbench
