// The cost model of the cluster strategy of cuda:persistent, and all strategies' plans. Measured
// on an H200, as docs/kernels.md tells: a step without its arithmetic, and its parts.
#include "impls/cuda/persistent/plan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/error.hpp"
#include "impls/cuda/persistent/grid_plan.hpp"
#include "impls/cuda/persistent/rows_plan.hpp"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/solo_plan.hpp"

namespace rnnbench::persistent {
namespace {

/// A step of a cluster: h's way to all blocks, sums, gates and barriers; for each byte of h that a
/// block receives; and how many times as long products take as at the full rate of mma.sync, or of
/// the f32 units where those multiply.
struct StepCost {
  double fixed_s, byte_s, products;
};
// Fitted to 144 calls of layers and 45 of stacks, all of 256 units, on an H200: within 10 %, stacks
// in tf32 within 19 %. Blocks of 16 and of 32 units.
constexpr StepCost few_cost[] = {{0.48e-6, 0.040e-9, 2.3}, {0.45e-6, 0.005e-9, 2.1}};
constexpr StepCost f32_cost[] = {{0.32e-6, 0.081e-9, 2.4}, {0.56e-6, 0.027e-9, 2.2}};
constexpr StepCost tf32_cost[] = {{0.43e-6, 0.075e-9, 1.6}, {0.37e-6, 0.067e-9, 1.5}};
constexpr StepCost halves_cost[] = {{0.39e-6, 0.094e-9, 3.0}, {0.40e-6, 0.126e-9, 2.5}};
constexpr StepCost stacked_f32_cost[] = {{0.57e-6, 0.063e-9, 2.3}, {0, 0.11e-9, 3.5}};
constexpr StepCost stacked_tf32_cost[] = {{0.63e-6, 0.031e-9, 6.6}, {0.42e-6, 0.035e-9, 7.9}};
constexpr StepCost stacked_halves_cost[] = {{0.55e-6, 0.074e-9, 4.4}, {0.13e-6, 0.24e-9, 5.2}};

constexpr double layer_lag_steps = 4;  // a layer of a wavefront behind the one below
constexpr double launch_s = 8e-6;      // a launch with its weights brought into registers
constexpr double gemm_launch_s = 5e-6;
constexpr double memory_rate = 3.5e12;  // bytes a second, of what a GEMM writes

/// Blocks of the largest cluster: 16 on data centre chips, where that is asked for, else 8.
int largest_cluster(int cc) { return cc >= 120 ? 8 : 16; }

/// Slices worth a look: each more costs nothing until the chip is full of clusters.
std::pair<int, int> range_of_slices(Form form, int units, std::int64_t batch) {
  const int most = most_rows(units, form == Form::wavefront);
  const auto fewest = (batch + most - 1) / most;
  return {int(fewest), int(std::min<std::int64_t>(batch, fewest + 256))};
}

/// Multiply-adds a clock and SM by mma.sync on CC 9.0; f32 is three products, of f16 where there
/// are several gates.
double multiply_adds_per_clock(Form form, const Problem& p) {
  if (p.dtype == Dtype::f32) return (gates(p.cell) > 1 ? 1024.0 : 512.0) / 3;
  return p.dtype == Dtype::tf32 && cluster_element_bytes(form, p) == 4 ? 512 : 1024;
}

double clock_of(const DeviceInfo& device) { return device.clock_hz > 0 ? device.clock_hz : 1.5e9; }

const StepCost& cost_of(const Plan& plan, const Problem& p) {
  const int wide = plan.units > 16;
  const bool stacked = plan.stacked();
  if (plan.few(p)) return few_cost[wide];
  if (p.dtype == Dtype::f32) return (stacked ? stacked_f32_cost : f32_cost)[wide];
  if (p.dtype == Dtype::tf32) return (stacked ? stacked_tf32_cost : tf32_cost)[wide];
  return (stacked ? stacked_halves_cost : halves_cost)[wide];
}

double step_s(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  const StepCost& cost = cost_of(plan, p);
  const double received =
      double(plan.rows) * plan.units * plan.cluster * cluster_element_bytes(plan.form, p);
  const double rows = plan.few(p) ? plan.rows : padded(plan.rows);
  const double per_clock = plan.few(p) ? 128 : multiply_adds_per_clock(plan.form, p);
  const double products = rows * double(gates(p.cell)) * plan.units * k_cap(plan.k_lane) /
                          (per_clock * clock_of(device));
  return cost.fixed_s + cost.byte_s * received + cost.products * products;
}

double total_s(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  if (plan.form == Form::wavefront) {
    const int turns = (p.layers + plan.layers - 1) / plan.layers;
    const double steps = double(p.seq * turns) + (p.layers - turns) * layer_lag_steps;
    const double lowest = input_products_s(p, device, 1);
    const double other = turns > 1 ? input_products_s(p, device, 2) - lowest : 0;
    return steps * plan.step_s + turns * launch_s + lowest + (turns - 1) * other;
  }
  const double clusters = double(plan.slices) * double(p.directions);
  const double turns = std::ceil(clusters / resident_clusters(plan.cluster, device));
  const double sequence = double(p.seq) * plan.step_s * turns + launch_s;
  return p.layers * sequence + input_products_s(p, device, p.layers);
}

/// Multiply-adds a GEMM makes in the time of one on the f32 units, on CC 9.0; half of what tensor
/// cores can do, and in f32 (split_gemm.cuh) of a third of that.
double gemm_speed(Dtype dtype) {
  if (dtype == Dtype::f32) return 1.6;
  return dtype == Dtype::tf32 ? 4 : 8;
}

bool has_room(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  return (layout_of(plan, p).floats + 256) * 4.0 <= shared_bytes(device);
}

bool fits(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  if (plan.rows > most_rows(plan.units, plan.stacked())) return false;
  if (plan.form == Form::wavefront && plan.layers < 2) return false;
  return has_room(plan, p, device);
}

/// The shape of a form with that many slices.
Plan shaped(Form form, int units, int slices, const Problem& p, const DeviceInfo& device) {
  Plan plan{.form = form, .units = units, .slices = slices, .rows = rows_of(p.batch, slices, 0)};
  plan.cluster = 2;  // the sanitizers take no store to a cluster of one block
  while (plan.cluster * units < p.hidden) plan.cluster *= 2;
  plan.k_lane = p.hidden <= k_cap(4) ? 4 : 8;
  if (form == Form::wavefront) {
    plan.input_steps = 2;
    if (may_take_one_step(gates(p.cell), units, plan.k_lane, math_of(p.dtype)) &&
        !has_room(plan, p, device))
      plan.input_steps = 1;
    const int most = std::max(1, resident_clusters(plan.cluster, device) / slices);
    const int turns = (p.layers + most - 1) / most;
    plan.layers = (p.layers + turns - 1) / turns;  // as even as can be
  }
  plan.step_s = step_s(plan, p, device);
  plan.total_s = total_s(plan, p, device);
  return plan;
}

/// Blocks of 32 units are for layers that need many of 16; an LSTM's weights for both products in
/// f32 leave such a block room for three rows at most.
bool takes(Form form, int units, const Problem& p, const DeviceInfo& device) {
  if (p.hidden > std::int64_t{largest_cluster(device.cc)} * units) return false;
  if (units > 16 && p.hidden <= k_cap(4)) return false;
  if (units > 16 && form == Form::wavefront && p.cell == Cell::lstm && p.dtype == Dtype::f32)
    return false;
  return form == Form::hoisted || (p.layers > 1 && p.directions == 1);
}

constexpr std::pair<Form, int> cluster_forms[] = {{Form::wavefront, 16},
                                                  {Form::wavefront, 32},
                                                  {Form::hoisted, 16},
                                                  {Form::hoisted, 32}};  // and units

std::string_view name(Form form) {
  switch (form) {
    case Form::wavefront:
      return "wavefront";
    case Form::grid:
      return "grid";
    case Form::solo:
      return "solo";
    case Form::rows:
      return "rows";
    case Form::hoisted:
      break;
  }
  return "hoisted";
}

std::optional<std::string> cluster_refusal(const Problem& p, const DeviceInfo& device) {
  if (device.cc < 90) return "needs thread-block clusters: compute capability 9.0 or later";
  const int most = k_cap(8);  // of 32 units the smallest largest cluster, of 8 blocks, holds them
  if (p.hidden > most)
    return "one cluster's registers hold the weights of up to " + std::to_string(most) +
           " hidden units, not of " + std::to_string(p.hidden);
  if (p.seq * p.batch >= std::int64_t{1} << 31) return "T * B must stay under 2^31";
  return std::nullopt;
}

}  // namespace

std::string Plan::config() const {
  std::string config_shape;
  if (form == Form::grid)
    config_shape = "-u" + std::to_string(tile.units) + "-b" + std::to_string(tile.rows()) +
                   (tile.resident > 1 ? "x2" : "");
  else if (form == Form::rows)
    config_shape = "-u" + std::to_string(shape.units) + "-r" + std::to_string(shape.rows);
  else if (form != Form::solo)
    config_shape = "-c" + std::to_string(cluster);
  return std::string(name(form)) + config_shape + "-s" + std::to_string(slices);
}

double shared_bytes(const DeviceInfo& device) {
  constexpr double registers = 65536 * 4.0;
  return device.on_chip_bytes - registers;
}

/// tf32 with several gates is one half where layers are stacked, f32 two of them: products.cuh.
int cluster_element_bytes(Form form, const Problem& p) {
  if (p.dtype == Dtype::tf32 && gates(p.cell) > 1 && form == Form::wavefront) return 2;
  return element_bytes(math_of(p.dtype));
}

Layout layout_of(const Plan& plan, const Problem& p) {
  return layout(gates(p.cell), plan.units, plan.k_lane, cluster_element_bytes(plan.form, p),
                plan.rows, plan.input_steps);
}

double input_products_s(const Problem& p, const DeviceInfo& device, int layers) {
  double total = 0;
  for (int layer = 0; layer < layers; ++layer) {
    const double results = double(p.seq * p.batch * p.directions * gates(p.cell) * p.hidden);
    total += gemm_launch_s +
             std::max(4 * results / memory_rate, results * double(layer_input(p, layer)) /
                                                     (gemm_speed(p.dtype) * device.units *
                                                      device.fma_per_clock * clock_of(device)));
  }
  return total;
}

int rows_of(std::int64_t batch, int slices, int slice) {
  return int(batch / slices + (slice < batch % slices ? 1 : 0));
}
std::int64_t first_row_of(std::int64_t batch, int slices, int slice) {
  return batch / slices * slice + std::min<std::int64_t>(slice, batch % slices);
}

int resident_clusters(int blocks, const DeviceInfo& device) {
  // A cluster lies in one group of 16 or 18 SMs, of which some have fewer that work: 7 clusters of
  // 16 were seen on 132 SMs.
  const int whole = device.units / blocks;
  return std::max(1, blocks >= 16 ? whole - 1 : blocks >= 8 ? whole * 7 / 8 : whole);
}

std::optional<std::string> refusal(const Problem& p, const DeviceInfo& device) {
  const auto solo = solo_refusal(p, device), clusters = cluster_refusal(p, device),
             grid = grid_refusal(p, device), rows = rows_refusal(p, device);
  if (!solo || !clusters || !grid || !rows) return std::nullopt;
  if (device.cc < 80) return *grid;
  return *solo + "; " + (device.cc < 90 ? "" : *clusters + "; ") + *grid + "; " + *rows;
}

std::vector<Plan> plans(const Problem& p, const DeviceInfo& device) {
  std::vector<Plan> all = grid_plans(p, device);
  for (const auto& more : {solo_plans(p, device), rows_plans(p, device)})
    all.insert(all.end(), more.begin(), more.end());
  const bool clusters = !cluster_refusal(p, device);
  for (const auto& [form, units] : cluster_forms) {
    if (!clusters || !takes(form, units, p, device)) continue;
    std::optional<Plan> best;
    const auto [fewest, most] = range_of_slices(form, units, p.batch);
    for (int slices = fewest; slices <= most; ++slices) {
      const Plan plan = shaped(form, units, slices, p, device);
      if (fits(plan, p, device) && (!best || plan.total_s < best->total_s)) best = plan;
    }
    if (best) all.push_back(*best);
  }
  std::sort(all.begin(), all.end(),
            [](const Plan& a, const Plan& b) { return a.total_s < b.total_s; });
  return all;
}

Plan plan_named(const std::string& config, const Problem& p, const DeviceInfo& device) {
  if (const auto plan = grid_plan_named(config, p, device)) return *plan;
  if (const auto plan = solo_plan_named(config, p, device)) return *plan;
  if (const auto plan = rows_plan_named(config, p, device)) return *plan;
  const bool clusters = !cluster_refusal(p, device);
  for (const auto& [form, units] : cluster_forms) {
    const auto [fewest, most] = range_of_slices(form, units, p.batch);
    for (int slices = fewest; clusters && takes(form, units, p, device) && slices <= most;
         ++slices) {
      const Plan plan = shaped(form, units, slices, p, device);
      if (plan.config() == config && fits(plan, p, device)) return plan;
    }
  }
  std::string known;
  for (const Plan& plan : plans(p, device)) known += (known.empty() ? "" : ", ") + plan.config();
  throw UsageError("cuda:persistent has no config '" + config + "' for this problem; it has " +
                   known + ", and other numbers of slices");
}

}  // namespace rnnbench::persistent
