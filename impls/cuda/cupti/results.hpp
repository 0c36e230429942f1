// Values as metrics: what is no number has a reason, and what is odd a warning. No CUDA header
// here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/metrics.hpp"
#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {

/// Names that come from activity records, not from counters.
bool ours(std::string_view name);

/// The mean of each name over `samples`; a name with a sample that is no number has a reason.
Metrics mean_metrics(const std::vector<std::string>& names,
                     const std::vector<const std::vector<double>*>& samples);

/// rnnbench__* of one forward call.
Metrics span_metrics(const std::vector<Launch>& launches);
Metrics no_span_metrics(const std::string& why);

/// Launches, name and shape of each group, the mean duration among its metrics.
std::vector<KernelMetrics> kernel_metrics(const std::vector<Group>& groups);

/// One warning for each hit rate that is over 100 % somewhere.
std::vector<std::string> hit_rate_warnings(const Profile& profile);

}  // namespace rnnbench::cupti
