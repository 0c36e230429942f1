// The cost model of the grid strategy: terms fitted to 45 calls on an H200 (f32, tf32 and f16, B 16
// to 128, H 512 to 2560), of which none is more than 21 % off.
#include "impls/cuda/persistent/grid_plan.hpp"

#include <algorithm>

namespace rnnbench::persistent {
namespace {

constexpr double way_s = 1.042e-6;      // of h to all blocks; sums over the warps, gates
constexpr double tiles_s = 0.613e-6;    // more, of several batch tiles
constexpr double read_s = 3.87e-12;     // a byte of h that a block reads
constexpr double product_s = 11.43e-9;  // an mma.sync of each warp
constexpr double shared_s = 1.59e-12;   // a byte of weights out of shared memory, not loaded ahead
constexpr double f32_products = 1.9;    // of them a product of f32 in f16 parts
constexpr double f32_one_gate = 4.5;    // in tf32 parts, and their splitting
constexpr double two_blocks = 1.69;     // products take so many times as long where two share an SM

/// Slices worth a look beyond the fewest.
constexpr int more_slices = 128;

constexpr int whole_kb(double bytes) { return int(bytes / 1024 + 0.5); }

double weight_bytes(const Problem& p, std::int64_t hidden) {
  return double(gates(p.cell)) * double(hidden * hidden) * element_bytes(math_of(p.dtype));
}

bool fits(const GridTile& tile, const Problem& p, std::int64_t hidden, const DeviceInfo& device) {
  const Math math = math_of(p.dtype);
  if (tile.resident > 1 && device.cc < 90) return false;  // kernels there have more registers
  constexpr double reserved = 1024;  // of an SM's shared memory, for each block
  return grid_holds(int(hidden), math, tile) &&
         grid_blocks(int(hidden), math, tile) <= tile.resident * device.units &&
         tile.resident * (double(tile.shared_bytes(gates(p.cell), grid_slots(int(hidden), math))) +
                          reserved) <=
             shared_bytes(device) + reserved;
}

/// Those that hold the layer: of two of one name the first.
std::vector<GridTile> tiles_for(const Problem& p, const DeviceInfo& device) {
  std::vector<GridTile> found;
  for (const GridTile& tile : grid_tiles(math_of(p.dtype), gates(p.cell)))
    if (fits(tile, p, p.hidden, device) &&
        std::none_of(found.begin(), found.end(), [&](const GridTile& other) {
          return other.units == tile.units && other.batch_tiles == tile.batch_tiles &&
                 other.resident == tile.resident;
        }))
      found.push_back(tile);
  return found;
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
  plan.at_once =
      std::min({most_grid_groups, tile.resident * device.units / plan.blocks, plan.groups(p)});
  const bool shared_sms = plan.at_once * plan.blocks > device.units;
  plan.step_s = grid_step_s(tile, math, gates(p.cell), int(p.hidden), plan.rows, shared_sms);
  plan.total_s = p.layers * plan.turns(p) * (double(p.seq) * plan.step_s + grid_launch_s) +
                 input_products_s(p, device, p.layers);
  return plan;
}

std::pair<int, int> range_of_slices(const GridTile& tile, std::int64_t batch) {
  const auto fewest = (batch + tile.rows() - 1) / tile.rows();
  return {int(fewest), int(std::min<std::int64_t>(batch, fewest + more_slices))};
}

}  // namespace

double grid_step_s(const GridTile& tile, Math math, int gates, int hidden, int rows,
                   bool shared_sms) {
  const int slots = grid_slots(hidden, math);
  const int of_a_warp = (slots + GridTile::warps - 1) / GridTile::warps;
  const int row_tiles = tile.row_tiles(gates), chunk = tile.chunk(gates, math);
  const double products = 2.0 * of_a_warp * row_tiles * tile.batch_tiles;
  double loaded = 0;  // bytes of weights, of a warp for a chunk
  for (int i = 0; i < of_a_warp && !tile.ahead(gates, math); ++i)
    for (int m = 0; m < row_tiles; ++m)
      if (!tile.in_registers(gates, i, m)) loaded += 1024;
  loaded *= GridTile::warps * (tile.batch_tiles / chunk);
  return way_s + (tile.batch_tiles > 1 ? tiles_s : 0) +
         double(slots) * slot_row_bytes * rows * read_s + (shared_sms ? 2 : 1) * loaded * shared_s +
         (shared_sms ? two_blocks : 1) * products * product_s *
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
  for (const GridTile& tile : tiles_for(p, device)) {
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
  for (const GridTile& tile : tiles_for(p, device)) {
    const auto [fewest, most] = range_of_slices(tile, p.batch);
    for (int slices = fewest; slices <= most; ++slices)
      if (const Plan plan = shaped(tile, slices, p, device); plan.config() == config) return plan;
  }
  return std::nullopt;
}

}  // namespace rnnbench::persistent
