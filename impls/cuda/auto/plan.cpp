#include "impls/cuda/auto/plan.hpp"

#include <algorithm>
#include <limits>

#include "impls/cuda/fused/plan.hpp"
#include "impls/cuda/persistent/plan.hpp"

namespace rnnbench::automatic {
namespace {

// Fitted to the times of cuda:cublas as a graph in reports/results/h200: 529 problems in three
// formats, off by 8 % (f16) to 20 % (f32) in the mean.
constexpr double gemm_launch_s = 5e-6;
constexpr double gemm_rate = 0.6;       // of the format's peak, for all steps at once
constexpr double weights_per_s = 4e12;  // bytes that a step's product reads from the L2

struct Fit {
  double step_s;               // two dependent launches
  double rate;                 // of the peak, for a step's product
  double multiply_adds_clock;  // peak, of one SM
  double large;  // multiply-adds of a product that is half way from `rate` to gemm_rate
};
Fit fit_of(const Problem& p, const DeviceInfo& device) {
  switch (p.dtype) {
    case Dtype::f32:
      return {4.5e-6, 0.4, device.fma_per_clock, 0};
    case Dtype::tf32:
      return {5e-6, 0.4, 8 * device.fma_per_clock, 0};
    case Dtype::f16:
    case Dtype::bf16:
      break;
  }
  return {4e-6, 0.25, 16 * device.fma_per_clock, 5e9};
}

// Large products in 16 bits run into the power limit, whoever multiplies: KernelBench 33 (256 x
// 16384 x 16384) as one wgmma kernel 0.56 of the peak, where the tile's own model has 0.6.
constexpr double fused_at_power_limit = 0.56;

double peak_of(const Fit& fit, const DeviceInfo& device) {
  const double clock = device.clock_hz > 0 ? device.clock_hz : 1.5e9;
  return fit.multiply_adds_clock * clock * std::max(device.units, 1);
}

double multiply_adds(const Problem& p) {
  double all = 0;
  for (int layer = 0; layer < p.layers; ++layer)
    all += double(p.seq * p.batch) * gates(p.cell) * double(p.hidden) * p.directions *
           double(p.hidden + layer_input(p, layer));
  return all;
}

double fused_s(double predicted_s, const Problem& p, const DeviceInfo& device) {
  const Fit fit = fit_of(p, device);
  if (fit.large == 0) return predicted_s;
  return std::max(predicted_s, multiply_adds(p) / (fused_at_power_limit * peak_of(fit, device)));
}

}  // namespace

double cublas_s(const Problem& p, const DeviceInfo& device) {
  const Fit fit = fit_of(p, device);
  const double peak = peak_of(fit, device);
  const double rows = double(gates(p.cell)) * double(p.hidden) * p.directions;
  const auto step_s = [&](double width, double times) {
    const double work = times * double(p.batch) * rows * width;
    const double bytes = times * rows * width * bytes_per_element(p.dtype);
    const double grown = fit.large > 0 ? work / (work + fit.large) : 0;
    const double rate = fit.rate + (gemm_rate - fit.rate) * grown;
    return fit.step_s + std::max(work / (rate * peak), bytes / weights_per_s);
  };
  const auto inputs_s = [&](int layer) {
    return gemm_launch_s +
           double(p.seq * p.batch) * rows * double(layer_input(p, layer)) / (gemm_rate * peak);
  };
  const double steps = double(p.seq) * step_s(double(p.hidden), 1);
  double layers = inputs_s(0) + steps;
  if (p.layers > 1) layers += (p.layers - 1) * (inputs_s(1) + steps);
  if (p.directions == 2 || p.layers == 1) return layers;
  const double waves = double(p.seq + p.layers - 1);
  return std::min(layers, inputs_s(0) + waves * step_s(2.0 * double(p.hidden), p.layers));
}

std::vector<Choice> choices(const Problem& p, const DeviceInfo& device) {
  std::vector<Choice> all{{"cublas", cublas_s(p, device)}};
  if (device.cc >= 80) {
    const auto fused = fused::plans(p, device, fused::product_for(p.dtype, ""));
    if (!fused.empty()) all.push_back({"fused", fused_s(fused.front().total_s, p, device)});
  }
  const auto persistent = persistent::plans(p, device);
  if (!persistent.empty()) all.push_back({"persistent", persistent.front().total_s});
  std::stable_sort(all.begin(), all.end(),
                   [](const Choice& a, const Choice& b) { return a.total_s < b.total_s; });
  return all;
}

}  // namespace rnnbench::automatic
