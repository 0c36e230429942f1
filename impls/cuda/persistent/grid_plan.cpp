// The cost model of the grid strategy: terms fitted to calls on an H200 (f32, tf32 and f16, B 1 to
// 64, H 512 to 2048), of which none is more than 21 % off.
#include "impls/cuda/persistent/grid_plan.hpp"

#include <algorithm>

namespace rnnbench::persistent {
namespace {

constexpr double way_s = 1.1e-6;       // of h to all blocks; sums over the warps, gates
constexpr double read_s = 9.5e-12;     // a byte of h that a block reads
constexpr double product_s = 15.3e-9;  // an mma.sync of each warp, its share of the weights' loads
constexpr double f32_products = 1.9;   // of them a product of f32 in f16 parts
constexpr double f32_one_gate = 3.5;   // in tf32 parts, and their splitting: not measured

/// Slices worth a look beyond the fewest.
constexpr int more_slices = 128;

constexpr int whole_kb(double bytes) { return int(bytes / 1024 + 0.5); }

double weight_bytes(const Problem& p, std::int64_t hidden) {
  return double(gates(p.cell)) * double(hidden * hidden) * element_bytes(math_of(p.dtype));
}

bool fits(const GridTile& tile, const Problem& p, std::int64_t hidden, const DeviceInfo& device) {
  const Math math = math_of(p.dtype);
  return grid_holds(int(hidden), math, tile) &&
         grid_blocks(int(hidden), math, tile) <= device.units &&
         double(tile.shared_bytes(gates(p.cell), grid_slots(int(hidden), math))) <=
             shared_bytes(device);
}

bool any_fits(const Problem& p, std::int64_t hidden, const DeviceInfo& device) {
  const auto tiles = grid_tiles(math_of(p.dtype), gates(p.cell));
  return std::any_of(tiles.begin(), tiles.end(),
                     [&](const GridTile& tile) { return fits(tile, p, hidden, device); });
}

Plan shaped(const GridTile& tile, int slices, const Problem& p, const DeviceInfo& device) {
  const Math math = math_of(p.dtype);
  Plan plan{
      .form = Form::grid, .slices = slices, .rows = rows_of(p.batch, slices, 0), .tile = tile};
  plan.blocks = grid_blocks(int(p.hidden), math, tile);
  plan.at_once = std::min({most_grid_groups, device.units / plan.blocks, plan.groups(p)});
  plan.step_s = grid_step_s(tile, math, gates(p.cell), int(p.hidden), plan.rows);
  plan.total_s = p.layers * plan.turns(p) * (double(p.seq) * plan.step_s + grid_launch_s) +
                 input_products_s(p, device, p.layers);
  return plan;
}

std::pair<int, int> range_of_slices(const GridTile& tile, std::int64_t batch) {
  const auto fewest = (batch + tile.rows() - 1) / tile.rows();
  return {int(fewest), int(std::min<std::int64_t>(batch, fewest + more_slices))};
}

}  // namespace

double grid_step_s(const GridTile& tile, Math math, int gates, int hidden, int rows) {
  const int slots = grid_slots(hidden, math);
  const int of_a_warp = (slots + GridTile::warps - 1) / GridTile::warps;
  const double products = 2.0 * of_a_warp * tile.row_tiles(gates) * tile.batch_tiles;
  return way_s + double(slots) * slot_row_bytes * rows * read_s +
         products * product_s *
             (math != Math::f32 ? 1
              : gates > 1       ? f32_products
                                : f32_one_gate);
}

std::optional<std::string> grid_refusal(const Problem& p, const DeviceInfo& device) {
  if (device.cc < 80) return "needs compute capability 8.0 or later";
  if (p.seq * p.batch >= std::int64_t{1} << 31) return "T * B must stay under 2^31";
  constexpr std::int64_t widest = 4096;  // more than any chip holds
  if (p.hidden <= widest && any_fits(p, p.hidden, device)) return std::nullopt;
  std::int64_t most = std::min(p.hidden, widest);
  while (most > 0 && !any_fits(p, most, device)) --most;
  return "W_hh of " + std::to_string(p.hidden) + " hidden units takes " +
         std::to_string(whole_kb(weight_bytes(p, p.hidden))) + " KB in " +
         std::string(name(p.dtype)) + "; registers and shared memory of " +
         std::to_string(device.units) + " SMs hold " +
         std::to_string(whole_kb(weight_bytes(p, most))) + " KB of it, of " + std::to_string(most) +
         " units";
}

std::vector<Plan> grid_plans(const Problem& p, const DeviceInfo& device) {
  std::vector<Plan> all;
  if (grid_refusal(p, device)) return all;
  for (const GridTile& tile : grid_tiles(math_of(p.dtype), gates(p.cell))) {
    if (!fits(tile, p, p.hidden, device)) continue;
    const auto [fewest, most] = range_of_slices(tile, p.batch);
    std::vector<Plan> sliced;
    for (int slices = fewest; slices <= most; ++slices)
      sliced.push_back(shaped(tile, slices, p, device));
    double shortest = sliced.front().total_s;
    for (const Plan& plan : sliced) shortest = std::min(shortest, plan.total_s);
    // Each slice more reads the weights once more: not for a little.
    all.push_back(*std::find_if(sliced.begin(), sliced.end(),
                                [&](const Plan& plan) { return plan.total_s <= 1.02 * shortest; }));
  }
  return all;
}

std::optional<Plan> grid_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device) {
  if (grid_refusal(p, device)) return std::nullopt;
  for (const GridTile& tile : grid_tiles(math_of(p.dtype), gates(p.cell))) {
    if (!fits(tile, p, p.hidden, device)) continue;
    const auto [fewest, most] = range_of_slices(tile, p.batch);
    for (int slices = fewest; slices <= most; ++slices)
      if (const Plan plan = shaped(tile, slices, p, device); plan.config() == config) return plan;
  }
  return std::nullopt;
}

}  // namespace rnnbench::persistent
