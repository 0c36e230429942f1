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

// Fitted to twelve stacks and layers of 256 units on an H200, within 13 % but for f16 (16 %).
constexpr double product_rate = 0.8;         // of mma.sync's rate, with h read from shared memory
constexpr double few_rate = 0.4;             // of the f32 units', for few rows
constexpr double step_fixed_s = 0.62e-6;     // h's way to all blocks, sums, gates, barriers
constexpr double few_fixed_s = 0.53e-6;      // likewise where products are exact
constexpr double stacked_fixed_s = 0.92e-6;  // likewise, with input products beside them
constexpr double more_products = 2.2;        // of them as long, where input products are beside
                                             // them, and where they are of parts
constexpr double exchange_byte_s = 0.03e-9;  // of h that each block receives
constexpr double layer_lag_steps = 3;        // a layer of a wavefront behind the one below
constexpr double launch_s = 8e-6;            // a launch with its weights brought into registers
constexpr double gemm_launch_s = 5e-6;
constexpr double memory_rate = 3.5e12;  // bytes a second, of what a GEMM writes

/// Blocks of the largest cluster: 16 on data centre chips, where that is asked for, else 8.
int largest_cluster(int cc) { return cc >= 120 ? 8 : 16; }

/// Slices worth a look: each more costs nothing until the chip is full of clusters.
std::pair<int, int> range_of_slices(Form form, std::int64_t batch) {
  const int most = form == Form::hoisted ? most_rows : most_rows_stacked;
  const auto fewest = (batch + most - 1) / most;
  return {int(fewest), int(std::min<std::int64_t>(batch, fewest + 256))};
}

struct Work {
  int gates, element_bytes;
  double multiply_adds_per_s;  // of one block, on tensor cores by mma.sync
  bool few;                    // whether few rows have a kernel of their own,
  double f32_per_s;            // which makes so many
};

/// Multiply-adds a clock and SM by mma.sync on CC 9.0; f32 is three products, of f16 where there
/// are several gates.
double multiply_adds_per_clock(const Problem& p) {
  if (p.dtype == Dtype::f32) return (gates(p.cell) > 1 ? 1024.0 : 512.0) / 3;
  return p.dtype == Dtype::tf32 ? 512 : 1024;
}

double clock_of(const DeviceInfo& device) { return device.clock_hz > 0 ? device.clock_hz : 1.5e9; }

double step_s(const Plan& plan, const Work& work) {
  const double exchange =
      exchange_byte_s * plan.rows * unit_cap * plan.cluster * work.element_bytes;
  const double of_a_row = double(work.gates) * unit_cap * k_cap(plan.k_lane);
  if (work.few && !plan.stacked() && plan.rows <= few_rows)
    return few_fixed_s + exchange + plan.rows * of_a_row / (work.f32_per_s * few_rate);
  const double products = padded(plan.rows) * of_a_row / (work.multiply_adds_per_s * product_rate);
  if (plan.stacked()) return stacked_fixed_s + exchange + more_products * products;
  return step_fixed_s + exchange + (work.few ? more_products : 1) * products;
}

int chains_at_once(const Problem& p, Form form) {
  return form == Form::wavefront ? p.layers : p.directions;
}

double total_s(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  const double clusters = double(plan.slices) * chains_at_once(p, plan.form);
  const double turns = std::ceil(clusters / resident_clusters(plan.cluster, device));
  const double sequence = double(p.seq) * plan.step_s * turns + launch_s;
  if (plan.form == Form::wavefront)
    return sequence + (p.layers - 1) * layer_lag_steps * plan.step_s +
           input_products_s(p, device, 1);
  return p.layers * sequence + input_products_s(p, device, p.layers);
}

/// Multiply-adds a GEMM makes in the time of one on the f32 units, on CC 9.0; half of what tensor
/// cores can do, and in f32 (split_gemm.cuh) of a third of that.
double gemm_speed(Dtype dtype) {
  if (dtype == Dtype::f32) return 1.6;
  return dtype == Dtype::tf32 ? 4 : 8;
}

bool fits(const Plan& plan, const Problem& p, const DeviceInfo& device) {
  if (plan.rows > (plan.stacked() ? most_rows_stacked : most_rows)) return false;
  const int clusters = plan.slices * chains_at_once(p, plan.form);
  if (plan.form == Form::wavefront && clusters > resident_clusters(plan.cluster, device))
    return false;
  return (layout_of(plan, p).floats + 256) * 4.0 <= shared_bytes(device);
}

/// The shape of a form with that many slices.
Plan shaped(Form form, int slices, const Problem& p, const DeviceInfo& device) {
  Plan plan{.form = form, .slices = slices, .rows = rows_of(p.batch, slices, 0)};
  plan.cluster = 2;  // the sanitizers take no store to a cluster of one block
  while (plan.cluster * unit_cap < p.hidden) plan.cluster *= 2;
  plan.k_lane = p.hidden <= k_cap(4) ? 4 : 8;
  const Work work{gates(p.cell), element_bytes(math_of(p.dtype)),
                  multiply_adds_per_clock(p) * clock_of(device), p.dtype == Dtype::f32,
                  128 * clock_of(device)};
  plan.step_s = step_s(plan, work);
  plan.total_s = total_s(plan, p, device);
  return plan;
}

bool takes(Form form, const Problem& p) {
  return form == Form::hoisted || (p.layers > 1 && p.directions == 1);
}

constexpr Form cluster_forms[] = {Form::wavefront, Form::hoisted};

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
  const int most = std::min(k_cap(8), largest_cluster(device.cc) * unit_cap);
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
    config_shape = "-u" + std::to_string(tile.units) + "-b" + std::to_string(tile.rows());
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

Layout layout_of(const Plan& plan, const Problem& p) {
  // f32 with several gates is two halves: products.cuh.
  return layout(gates(p.cell), plan.k_lane, element_bytes(math_of(p.dtype)), plan.rows,
                plan.stacked());
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
  for (const Form form : cluster_forms) {
    if (!clusters || !takes(form, p)) continue;
    std::optional<Plan> best;
    const auto [fewest, most] = range_of_slices(form, p.batch);
    for (int slices = fewest; slices <= most; ++slices) {
      const Plan plan = shaped(form, slices, p, device);
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
  for (const Form form : cluster_forms) {
    const auto [fewest, most] = range_of_slices(form, p.batch);
    for (int slices = fewest; clusters && takes(form, p) && slices <= most; ++slices) {
      const Plan plan = shaped(form, slices, p, device);
      if (plan.config() == config && fits(plan, p, device)) return plan;
    }
  }
  std::string known;
  for (const Plan& plan : plans(p, device)) known += (known.empty() ? "" : ", ") + plan.config();
  throw UsageError("cuda:persistent has no config '" + config + "' for this problem; it has " +
                   known + ", and other numbers of slices");
}

}  // namespace rnnbench::persistent
