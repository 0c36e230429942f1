// The cost model of the rows strategy: clocks of FFMA and of shared memory as they follow from the
// shapes, and three terms fitted to 17 calls on an H200 (1 to 4 rows, H 512 to 2560), of which none
// is more than a tenth off.
#include "impls/cuda/persistent/rows_plan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "impls/cuda/persistent/grid_plan.hpp"

namespace rnnbench::persistent {
namespace {

constexpr double way_s = 0.585e-6;    // of h to all blocks; sums over lanes and warps, gates
constexpr double kb_s = 38.3e-9;      // a KB of h that a block reads
constexpr double fma_clock = 128;     // of an SM
constexpr double shared_clock = 128;  // bytes
constexpr double stream_rate = 36e9;  // bytes a second out of the L2, of each SM when all load
constexpr double not_hidden = 0.25;   // of products behind that or the other way round

/// Launches of a layer one after another: this is for few rows.
constexpr int most_turns = 4;

std::int64_t whole_kb(double bytes) { return std::llround(bytes / 1024); }

double clock_of(const DeviceInfo& device) { return device.clock_hz > 0 ? device.clock_hz : 1.5e9; }

double weight_bytes(const Problem& p, std::int64_t hidden) {
  return double(gates(p.cell)) * double(hidden * hidden) * 4;  // f32 whatever the storage
}

/// Streamed weights have to stay in the L2, beside what else goes through it.
constexpr double most_of_l2 = 0.75;

bool fits(const RowsShape& shape, const Problem& p, std::int64_t hidden, int rows,
          const DeviceInfo& device) {
  return shape.gates == gates(p.cell) && shape.width >= hidden && shape.rows >= rows &&
         shape.blocks(int(hidden)) <= device.units &&
         double(shape.shared_bytes()) <= shared_bytes(device) &&
         double(shape.streamed_bytes(int(hidden))) <= most_of_l2 * device.llc_bytes;
}

/// The narrowest and of these the one for the fewest rows; null where none holds them.
const RowsShape* shape_for(int units, const Problem& p, std::int64_t hidden, int rows,
                           const DeviceInfo& device) {
  const RowsShape* best = nullptr;
  for (const RowsShape& shape : rows_shapes_of(math_of(p.dtype)))
    if (shape.units == units && fits(shape, p, hidden, rows, device) &&
        (!best || std::pair(shape.width, shape.rows) < std::pair(best->width, best->rows)))
      best = &shape;
  return best;
}

/// Each number of units once.
std::vector<int> all_units() {
  std::vector<int> all;
  for (const RowsShape& shape : rows_shapes)
    if (std::find(all.begin(), all.end(), shape.units) == all.end()) all.push_back(shape.units);
  return all;
}

std::int64_t most_hidden(const Problem& p, const DeviceInfo& device) {
  std::int64_t most = 0;
  for (const RowsShape& shape : rows_shapes_of(math_of(p.dtype)))
    for (std::int64_t hidden = shape.width; hidden > most; --hidden)
      if (fits(shape, p, hidden, 1, device)) most = hidden;
  return most;
}

/// Whether the shapes that have room for so many hidden units stream some of their weights.
bool any_streams(const Problem& p, std::int64_t hidden, const DeviceInfo& device) {
  const auto shapes = rows_shapes_of(math_of(p.dtype));
  return std::any_of(shapes.begin(), shapes.end(), [&](const RowsShape& shape) {
    return shape.streamed_pieces() > 0 && fits(shape, p, hidden, 1, device);
  });
}

/// Of a slice.
int most_rows_held(const Problem& p, const DeviceInfo& device) {
  int most = 0;
  for (const RowsShape& shape : rows_shapes_of(math_of(p.dtype)))
    if (fits(shape, p, p.hidden, 1, device)) most = std::max(most, shape.rows);
  return most;
}

/// Of the first shape that takes the slices' rows; none where that takes too many turns.
std::optional<Plan> shaped(int units, int slices, const Problem& p, const DeviceInfo& device) {
  const int rows = rows_of(p.batch, slices, 0);
  const RowsShape* const shape = shape_for(units, p, p.hidden, rows, device);
  if (!shape) return std::nullopt;
  Plan plan{.form = Form::rows, .slices = slices, .rows = rows, .shape = *shape};
  plan.blocks = shape->blocks(int(p.hidden));
  plan.at_once = std::min({most_grid_groups, device.units / plan.blocks, plan.groups(p)});
  if (const double bytes = double(shape->streamed_bytes(int(p.hidden))); bytes > 0)
    plan.at_once = std::min(plan.at_once, int(most_of_l2 * device.llc_bytes / bytes));
  if (plan.turns(p) > most_turns) return std::nullopt;
  plan.step_s = rows_step_s(*shape, int(p.hidden), clock_of(device));
  plan.total_s = p.layers * plan.turns(p) * (double(p.seq) * plan.step_s + grid_launch_s) +
                 input_products_s(p, device, p.layers);
  return plan;
}

std::vector<Plan> all_slices(int units, const Problem& p, const DeviceInfo& device) {
  std::vector<Plan> all;
  const std::int64_t most = std::min<std::int64_t>(p.batch, most_turns * most_grid_groups);
  for (std::int64_t slices = 1; slices <= most; ++slices)
    if (const auto plan = shaped(units, int(slices), p, device)) all.push_back(*plan);
  return all;
}

}  // namespace

double rows_step_s(const RowsShape& shape, int hidden, double clock_hz) {
  const double kb = double(shape.rows) * hidden * 4 / 1024;
  const double made = double(shape.gates) * shape.units * shape.width;
  // Those of 16 bits become f32 first.
  const double products = made * (shape.rows + (shape.piece == 8 ? 1 : 0)) / fma_clock;
  const double weights = double(shape.shared_pieces()) * RowsShape::threads * 16 / shared_clock;
  const double here_s = (products + weights) / clock_hz;
  const double stream_s = double(shape.streamed_pieces()) * RowsShape::threads * 16 / stream_rate;
  return way_s + kb_s * kb + std::max(here_s, stream_s) + not_hidden * std::min(here_s, stream_s);
}

std::optional<std::string> rows_refusal(const Problem& p, const DeviceInfo& device) {
  if (device.cc < 80) return "needs compute capability 8.0 or later";
  const std::int64_t most = most_hidden(p, device);
  if (p.hidden > most)
    return "for few rows of the batch, " + std::to_string(device.units) + " SMs" +
           (any_streams(p, most, device) ? " and the L2" : "") + " hold " +
           std::to_string(whole_kb(weight_bytes(p, most))) + " KB of weights in f32, of " +
           std::to_string(most) + " hidden units, not " +
           std::to_string(whole_kb(weight_bytes(p, p.hidden))) + " KB of " +
           std::to_string(p.hidden);
  if (rows_plans(p, device).empty())
    return std::to_string(p.batch) + " rows of the batch take more than " +
           std::to_string(most_turns) + " launches, of up to " +
           std::to_string(most_rows_held(p, device)) + " rows for each group of blocks";
  return std::nullopt;
}

std::vector<Plan> rows_plans(const Problem& p, const DeviceInfo& device) {
  std::vector<Plan> best;
  if (device.cc < 80) return best;
  for (const int units : all_units()) {
    const std::vector<Plan> all = all_slices(units, p, device);
    if (!all.empty())
      best.push_back(*std::min_element(all.begin(), all.end(), [](const Plan& a, const Plan& b) {
        return a.total_s < b.total_s;
      }));
  }
  return best;
}

std::optional<Plan> rows_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device) {
  if (device.cc < 80) return std::nullopt;
  for (const int units : all_units())
    for (const Plan& plan : all_slices(units, p, device))
      if (plan.config() == config) return plan;
  return std::nullopt;
}

}  // namespace rnnbench::persistent
