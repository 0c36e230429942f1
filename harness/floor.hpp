// The floor: a time no implementation can go under on this machine, and what sets it.
#pragma once

#include <string>

#include "harness/device.hpp"
#include "harness/problem.hpp"

namespace rnnbench {

/// max(flops_s, bytes_s, latency_s). Every term leaves out what an implementation might avoid, so
/// that the floor stays under any time that can be measured:
/// - flops_s: flops that the wanted outputs need, at the peak of the dtype: the measured rate of
///   a GEMM. f32 on a GPU is not bound to it: the multiply-add units' own rate counts where it is
///   higher, and so does a third of the rate measured for tf32 or f16, because three products of
///   high and low parts make f32.
/// - bytes_s: compulsory bytes beyond the last-level cache at the measured copy bandwidth: what
///   fits in the cache may have stayed there since the call before.
/// - latency_s: batch rows and directions are independent chains, depth(p) steps long, each run
///   by c units. A step of a chain costs its flops / (c × rate per unit) and, between two steps,
///   exchange(c); products with the part of h that a unit made itself need not wait for the
///   exchange. Hidden weights beyond what c units hold have to come in again each step, at most
///   64 bytes a clock and unit. The cheapest c counts.
/// A peak that was not measured charges nothing, but with no rate for the dtype there is no floor.
struct Floor {
  double seconds = 0;  // 0: unknown, no peaks for this device and dtype
  double flops_s = 0;  // see above
  double bytes_s = 0;
  double latency_s = 0;
  int units = 0;      // c of the cheapest step
  std::string bound;  // which term is the floor: "flops", "bytes" or "latency"; empty if unknown

  bool operator==(const Floor&) const = default;
};

Floor floor_of(const Problem& p, const DeviceInfo& device, const Peaks& peaks);

/// Seconds that so many units need for one exchange: between measured points a line, the first of
/// which begins at one unit, which has nobody to exchange with; the last value beyond. 0 where
/// nothing was measured.
double exchange_seconds(const Peaks& peaks, int units);

}  // namespace rnnbench
