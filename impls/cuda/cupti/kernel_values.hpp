// What was read of single launches, as metrics of their kernels. No CUDA header here.
#pragma once

#include <string>
#include <vector>

#include "harness/metrics.hpp"
#include "impls/cuda/cupti/launches.hpp"
#include "impls/cuda/cupti/read_kernels.hpp"

namespace rnnbench::cupti {

/// A reason for each of these names that the kernel has not yet.
void set_missing(const std::vector<std::string>& names, const std::string& why,
                 KernelMetrics& kernel);

/// To each kernel the weighted means of its launches that gave counters, how many these are and
/// the time they take; a reason where none did. `kernels` in the order of `groups`. Returns
/// warnings.
std::vector<std::string> give_counters(const KernelsRead& read, const std::vector<Launch>& launches,
                                       const std::vector<Group>& groups,
                                       std::vector<KernelMetrics>& kernels);

/// To each kernel what count_instructions found for the `asked` names.
void give_instructions(const KernelsRead& read, const std::vector<std::string>& asked,
                       const std::vector<Group>& groups, std::vector<KernelMetrics>& kernels);

}  // namespace rnnbench::cupti
