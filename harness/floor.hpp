// The floor: a time no implementation can go under on this machine, and what sets it.
#pragma once

#include <string>

#include "harness/device.hpp"
#include "harness/problem.hpp"

namespace rnnbench {

/// max(flops / peak, compulsory bytes / bandwidth, depth × min over feasible c of
/// [exchange(c) + step flops / (c × rate per unit)]); see docs/measuring.md.
struct Floor {
  double seconds = 0;        // 0: unknown, no peaks for this device and dtype
  double flops_s = 0;        // flops at the measured GEMM rate
  double bytes_s = 0;        // compulsory bytes at the measured copy bandwidth
  double latency_s = 0;      // the depth of the recurrence times its cheapest step
  int units = 0;             // c that the cheapest step uses
  std::string bound;         // "flops", "bytes" or "latency"
};

Floor floor_of(const Problem& p, const DeviceInfo& device, const Peaks& peaks);

}  // namespace rnnbench
