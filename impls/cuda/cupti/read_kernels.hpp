// The kernels' part of a profile: which way their counters are read, of which launches, and what
// of it the budget leaves. No CUDA header here.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "impls/cuda/cupti/launches.hpp"
#include "impls/cuda/cupti/look.hpp"
#include "impls/cuda/cupti/profiler.hpp"

namespace rnnbench::cupti {

struct KernelsToRead {
  const std::vector<Launch>& launches;  // of a forward, in order
  const std::vector<Group>& groups;
  double forward_s;                      // of such a call
  double pace;                           // of the machine: time taken over plan.hpp's estimates
  const std::function<void()>& forward;  // which waits for the device
};

struct KernelsRead {
  std::vector<std::string> names;                          // of the values
  Values values;                                           // by launch ordinal
  std::map<std::size_t, std::vector<std::size_t>> places;  // the launches that gave them
  std::map<std::string, std::string> left_out;             // names, and why they are
  std::string why;                                         // for launches without values
  std::vector<std::string> warnings;
};

/// Counts instructions by opcode (SASS counters, `names`) in the usual launch of each kernel. Apart
/// from the others: only these patch code, which then takes up to 450 times as long.
KernelsRead count_instructions(Profiler& profiler, const std::vector<std::string>& names,
                               const KernelsToRead& kernels, double seconds,
                               const std::string& over_budget);

/// Reads `names` within about `seconds`. `over_budget` is the reason for what does not fit.
KernelsRead read_kernels(Profiler& profiler, const std::vector<std::string>& names,
                         const KernelsToRead& kernels, double seconds,
                         const std::string& over_budget);

}  // namespace rnnbench::cupti
