// Values as metrics: what is no number has a reason, and what is odd a warning. No CUDA header
// here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/metrics.hpp"
#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {

/// One launch's values, in the order of the names, and for how many launches they stand.
struct Counted {
  const std::vector<double>* values;
  double stands_for = 1;
};

/// The mean of each name over the launches that `samples` stand for; a name with a sample that is
/// no number has a reason.
Metrics mean_metrics(const std::vector<std::string>& names, const std::vector<Counted>& samples);

/// rnnbench__* of one forward call.
Metrics span_metrics(const std::vector<Launch>& launches);
Metrics no_span_metrics(const std::string& why);

/// What one launch took, in ns, mean over all of a kernel's: on activity records, so without what
/// a profiler's range around a launch adds (gpu__time_duration.sum has that).
inline constexpr const char* launch_time = "rnnbench__launch_time";
/// The same of the launches whose counters were read, each with the weight that those have.
inline constexpr const char* sampled_time = "rnnbench__sampled_time";

/// Launches, name and shape of each group, launch_time among its metrics.
std::vector<KernelMetrics> kernel_metrics(const std::vector<Group>& groups);

/// Of instructions that were counted kernel by kernel, those of the region: sums over all launches,
/// where each kernel has a value.
Metrics sums_over_kernels(const std::vector<std::string>& names,
                          const std::vector<KernelMetrics>& kernels);

/// One warning for each hit rate that is over 100 % somewhere.
std::vector<std::string> hit_rate_warnings(const Profile& profile);

}  // namespace rnnbench::cupti
