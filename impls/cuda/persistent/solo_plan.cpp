// The cost model of the solo strategy: what its instructions take at best, and a chain fitted to
// three kernels on an H200.
#include "impls/cuda/persistent/solo_plan.hpp"

#include <algorithm>
#include <bit>

namespace rnnbench::persistent {
namespace {

constexpr double chain_clocks = 520;  // sums over lanes, gates, barrier: they wait for each other
constexpr double row_clocks = 60;     // of them what each further row does not hide
constexpr double launch_s = 8e-6;     // a launch with its weights brought into registers

/// Slices worth a look beyond the fewest.
constexpr int more_slices = 512;

constexpr std::int64_t most_slices = 65535;

int rows_that_fit(const SoloShape& shape, const Problem& p, const DeviceInfo& device) {
  const bool rounds = solo_rounds(math_of(p.dtype));
  const int fixed = shape.floats(0, rounds), a_row = shape.floats(1, rounds) - fixed;
  return int((shared_bytes(device) / 4 - fixed) / a_row);
}

Plan shaped(const SoloShape& shape, int slices, const Problem& p, const DeviceInfo& device) {
  Plan plan{.form = Form::solo, .slices = slices, .rows = rows_of(p.batch, slices, 0)};
  plan.blocks = 1;
  plan.at_once = std::min(std::max(device.units, 1), plan.groups(p));
  const double clock = device.clock_hz > 0 ? device.clock_hz : 1.5e9;
  plan.step_s = solo_step_clocks(shape.for_rows(slices == p.batch), plan.rows) / clock;
  plan.total_s = p.layers * (plan.turns(p) * double(p.seq) * plan.step_s + launch_s) +
                 input_products_s(p, device, p.layers);
  return plan;
}

/// From the fewest on; the second less than the first where no number will do.
std::pair<int, int> range_of_slices(const SoloShape& shape, const Problem& p,
                                    const DeviceInfo& device) {
  const int fit = rows_that_fit(shape, p, device);
  if (fit < 1) return {1, 0};
  const std::int64_t fewest = (p.batch + fit - 1) / fit;
  if (fewest > most_slices) return {1, 0};
  return {int(fewest), int(std::min({p.batch, fewest + more_slices, most_slices}))};
}

}  // namespace

double solo_step_clocks(const SoloShape& shape, int rows) {
  // Of one row: FFMA on each of four schedulers, and words of 128 bytes out of shared memory: h
  // for each thread, weights that registers do not hold, and shuffles, which take the same way.
  const double products = shape.all_pieces() * 4 * SoloShape::warps / 4.0;
  const double shuffles =
      shape.gates * (shape.units - 1 + std::bit_width(unsigned(shape.lanes / shape.units)) - 1);
  const double words =
      SoloShape::warps * (4.0 * (shape.depth / 4 + shape.shared_pieces()) + shuffles);
  return chain_clocks + rows * std::max(products, words) + (rows - 1) * row_clocks;
}

std::optional<std::string> solo_refusal(const Problem& p, const DeviceInfo& device) {
  if (device.cc < 80) return "needs compute capability 8.0 or later";
  const int most = most_solo_hidden(gates(p.cell));
  if (p.hidden > most)
    return "one block holds the weights of up to " + std::to_string(most) +
           " hidden units, not of " + std::to_string(p.hidden);
  const auto [fewest, last] = range_of_slices(*solo_shape_for(gates(p.cell), p.hidden), p, device);
  if (fewest > last)
    return std::to_string(p.batch) + " rows of the batch do not fit the shared memory of " +
           std::to_string(most_slices) + " blocks";
  return std::nullopt;
}

std::vector<Plan> solo_plans(const Problem& p, const DeviceInfo& device) {
  if (solo_refusal(p, device)) return {};
  const SoloShape& shape = *solo_shape_for(gates(p.cell), p.hidden);
  const auto [fewest, most] = range_of_slices(shape, p, device);
  Plan best = shaped(shape, fewest, p, device);
  for (int slices = fewest + 1; slices <= most; ++slices)
    if (const Plan plan = shaped(shape, slices, p, device); plan.total_s < best.total_s)
      best = plan;
  return {best};
}

std::optional<Plan> solo_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device) {
  if (solo_refusal(p, device)) return std::nullopt;
  const SoloShape& shape = *solo_shape_for(gates(p.cell), p.hidden);
  const auto [fewest, most] = range_of_slices(shape, p, device);
  for (int slices = fewest; slices <= most; ++slices)
    if (const Plan plan = shaped(shape, slices, p, device); plan.config() == config) return plan;
  return std::nullopt;
}

}  // namespace rnnbench::persistent
