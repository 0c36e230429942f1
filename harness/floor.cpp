#include "harness/floor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace rnnbench {
namespace {

/// What one core or SM can read from beyond its own storage, at most: no chip we know does more.
constexpr double bytes_per_clock = 64;

double peak_flops_per_s(const Problem& p, const DeviceInfo& device, const Peaks& peaks) {
  const auto measured = [&](Dtype dtype) {
    const auto found = peaks.gemm_flops_per_s.find(std::string(name(dtype)));
    return found == peaks.gemm_flops_per_s.end() ? 0 : found->second;
  };
  const double library = measured(p.dtype);
  // A GPU's library GEMM stays well under its multiply-add rate, and a kernel that keeps its
  // weights in registers need not.
  if (library <= 0 || p.dtype != Dtype::f32 || device.kind != Device::cuda) return library;
  // Nor is f32 bound to the multiply-add units: three products of parts on tensor cores are f32
  // too.
  return std::max({library, 2 * device.fma_per_clock * device.clock_hz * device.units,
                   measured(Dtype::tf32) / 3, measured(Dtype::f16) / 3});
}

/// The flops of `p` less those that no wanted output depends on: a head that reads the last step
/// sees of the top layer's reverse direction only the step it begins with.
double needed_flops(const Problem& p) {
  double needed = flops(p);
  const bool last_only =
      p.head_at == HeadAt::last_step && !p.want_output && !p.want_h_n && !p.want_c_n;
  if (p.directions == 2 && last_only) {
    const double inputs = static_cast<double>(layer_input(p, p.layers - 1) + p.hidden);
    needed -= 2.0 * static_cast<double>(p.seq - 1) * static_cast<double>(p.batch) * gates(p.cell) *
              static_cast<double>(p.hidden) * inputs;
  }
  return needed;
}

/// As exchange_seconds, of points in ascending order.
double exchange_s(const std::vector<std::pair<int, double>>& measured, int c) {
  std::pair<int, double> before{1, 0};
  for (const auto& point : measured) {
    if (point.first <= before.first) continue;
    if (c <= point.first)
      return before.second + (point.second - before.second) * (c - before.first) /
                                 static_cast<double>(point.first - before.first);
    before = point;
  }
  return c == 1 ? 0 : before.second;
}

}  // namespace

double exchange_seconds(const Peaks& peaks, int units) {
  auto measured = peaks.exchange_s;
  std::sort(measured.begin(), measured.end());
  return exchange_s(measured, units);
}

Floor floor_of(const Problem& p, const DeviceInfo& device, const Peaks& peaks) {
  Floor floor;
  const double peak = peak_flops_per_s(p, device, peaks);
  if (peak <= 0) return floor;
  floor.flops_s = needed_flops(p) / peak;
  if (peaks.copy_bytes_per_s > 0)
    floor.bytes_s = std::max(0.0, compulsory_bytes(p) - device.llc_bytes) / peaks.copy_bytes_per_s;

  auto exchanges = peaks.exchange_s;
  std::sort(exchanges.begin(), exchanges.end());
  const double chains = static_cast<double>(p.batch) * p.directions;
  const double weights = hidden_weight_bytes(p) / p.directions;
  const double steps = depth(p);
  for (int c = 1; c <= device.units; ++c) {
    const double waiting = c == 1 ? 1 : (c - 1.0) / c;  // the part that needs others' h
    const double compute = step_flops(p) / chains * waiting * device.units / (peak * c);
    double seconds = steps * compute + (steps - 1) * exchange_s(exchanges, c);
    const double missing = weights - c * device.on_chip_bytes;
    if (missing > 0 && device.clock_hz > 0)  // reading them may overlap with everything else
      seconds = std::max(seconds, (steps - 1) * missing / (c * bytes_per_clock * device.clock_hz));
    if (c == 1 || seconds < floor.latency_s) floor.latency_s = seconds, floor.units = c;
  }

  floor.seconds = std::max({floor.flops_s, floor.bytes_s, floor.latency_s});
  floor.bound = floor.seconds == floor.flops_s   ? "flops"
                : floor.seconds == floor.bytes_s ? "bytes"
                                                 : "latency";
  return floor;
}

}  // namespace rnnbench
