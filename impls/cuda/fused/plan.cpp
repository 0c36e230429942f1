#include "impls/cuda/fused/plan.hpp"

#include <algorithm>
#include <cmath>

#include "harness/error.hpp"

namespace rnnbench::fused {
namespace {

/// Multiply-adds a clock and SM that the step kernels reach, by kind of product and chip; a part of
/// what the chip could do, as measured on CC 9.0 and scaled by the data sheets elsewhere.
double multiply_adds_per_clock(Product product, int cc) {
  if (product == Product::ffma) return 0.55 * 128;
  const double f16 = cc >= 90 && cc < 120 ? 0.45 * 2048 : cc == 80 ? 0.6 * 1024 : 0.6 * 256;
  if (product == Product::tf32) return f16 / (cc == 80 || cc >= 90 ? 2 : 4);
  if (product == Product::tf32x3) return f16 / (cc == 80 || cc >= 90 ? 6 : 12);
  return f16;
}

constexpr double copy_bytes_per_clock = 32;  // out of L2, an SM
constexpr double launch_s = 1.4e-6;          // a step after a step, with overlapped launches
constexpr double late_launch_s = 2.2e-6;     // without: before CC 9.0
constexpr double block_s = 0.9e-6;           // first copy, last sums, gates and store of a block
constexpr double chunk_s = 0.08e-6;          // barrier and latencies of one chunk
constexpr double gemm_launch_s = 6e-6;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// One launch of `jobs` products of rows x units (all gates) over the columns `widths`.
double launch_time(const Tile& tile, int gates, std::int64_t jobs, std::int64_t rows,
                   std::int64_t units, std::int64_t width, const DeviceInfo& device,
                   Product product) {
  const double clock = device.clock_hz > 0 ? device.clock_hz : 1.5e9;
  const std::int64_t blocks =
      jobs * ceil_div(rows, tile.block_m()) * ceil_div(units, tile.block_n());
  const auto rounds = double(ceil_div(blocks, std::max(device.units, 1)));
  const std::int64_t chunk = tile.chunk_bytes / element_bytes(product);
  const std::int64_t chunks = ceil_div(width, chunk);
  const double k = double(chunks * chunk);
  // Four warps alone leave an SM's schedulers waiting for their latencies; several blocks help.
  const int resident =
      std::min(int(rounds), std::max(1, 220'000 / tile.shared_bytes(gates, slots_of(gates))));
  const double busy = std::min(1.0, tile.warps() * resident / 8.0);
  const double compute_s = k * tile.block_m() * tile.block_n() * gates /
                           (multiply_adds_per_clock(product, device.cc) * clock * busy);
  const double copy_s = k * element_bytes(product) *
                        (tile.block_m() + double(gates) * tile.block_n()) /
                        (copy_bytes_per_clock * clock);
  return (device.cc >= 90 ? launch_s : late_launch_s) + block_s + double(chunks) * chunk_s +
         rounds * std::max(compute_s, copy_s);
}

double gemm_time(double multiply_adds, const DeviceInfo& device, Product product) {
  const double clock = device.clock_hz > 0 ? device.clock_hz : 1.5e9;
  return gemm_launch_s + multiply_adds / (multiply_adds_per_clock(product, device.cc) * clock *
                                          std::max(device.units, 1));
}

Plan predicted(Form form, Product product, const Tile& tile, const Problem& p,
               const DeviceInfo& device) {
  Plan plan{.form = form, .product = product, .tile = tile};
  const int g = gates(p.cell);
  const bool wavefront = form == Form::in_kernel && p.directions == 1;
  for (int layer = 0; layer < std::min(p.layers, 2); ++layer) {
    const std::int64_t input = layer == 0 ? p.input : p.directions * p.hidden;
    const double times = layer == 0 ? 1 : p.layers - 1;
    const std::int64_t width = p.hidden + (form == Form::in_kernel ? input : 0);
    const std::int64_t jobs = wavefront ? std::min<std::int64_t>(p.layers, p.seq) : p.directions;
    const double step_s = launch_time(tile, g, jobs, p.batch, p.hidden, width, device, product);
    plan.step_s = std::max(plan.step_s, step_s);
    if (wavefront) continue;
    plan.total_s += times * double(p.seq) * step_s;
    if (form == Form::hoisted)
      plan.total_s +=
          times * p.directions *
          gemm_time(double(p.seq * p.batch * g * p.hidden) * double(input), device, product);
  }
  if (wavefront) plan.total_s = double(waves(p, form)) * plan.step_s;
  return plan;
}

}  // namespace

std::string Plan::config() const {
  return std::string(form == Form::hoisted ? "hoisted-" : "in-kernel-") + name_of(tile, product);
}

Product product_for(Dtype dtype, const std::string& math) {
  if (!math.empty() && !(math == "3xtf32" && dtype == Dtype::f32))
    throw UsageError("option math of cuda:fused is 3xtf32, for f32 problems, not '" + math + "'");
  switch (dtype) {
    case Dtype::f32:
      return math.empty() ? Product::ffma : Product::tf32x3;
    case Dtype::tf32:
      return Product::tf32;
    case Dtype::f16:
      return Product::f16;
    case Dtype::bf16:
      break;
  }
  return Product::bf16;
}

std::int64_t waves(const Problem& p, Form form) {
  if (form == Form::in_kernel && p.directions == 1) return p.seq + p.layers - 1;
  return p.seq * p.layers;
}

std::vector<Plan> plans(const Problem& p, const DeviceInfo& device, Product product) {
  std::vector<Plan> found;
  for (const Form form : {Form::in_kernel, Form::hoisted})
    for (const Tile& tile : tiles(product, gates(p.cell)))
      found.push_back(predicted(form, product, tile, p, device));
  std::stable_sort(found.begin(), found.end(),
                   [](const Plan& a, const Plan& b) { return a.total_s < b.total_s; });
  return found;
}

std::vector<Plan> candidate_plans(const Problem& p, const DeviceInfo& device, Product product) {
  const auto all = plans(p, device, product);
  std::vector<Plan> chosen{all.front()};
  const Tile& conservative = tiles(product, gates(p.cell)).front();
  const auto is_chosen = [&](const Plan& plan) {
    return std::any_of(chosen.begin(), chosen.end(),
                       [&](const Plan& other) { return other.config() == plan.config(); });
  };
  const auto careful = std::find_if(all.begin(), all.end(),
                                    [&](const Plan& plan) { return plan.tile == conservative; });
  if (!is_chosen(*careful)) chosen.push_back(*careful);
  for (const Plan& plan : all)
    if (chosen.size() < 4 && !is_chosen(plan)) chosen.push_back(plan);
  return chosen;
}

Plan plan_named(const std::string& config, const Problem& p, const DeviceInfo& device,
                Product product) {
  std::string known;
  for (const Plan& plan : plans(p, device, product)) {
    if (plan.config() == config) return plan;
    known += (known.empty() ? "" : ", ") + plan.config();
  }
  throw UsageError("option config of cuda:fused: there is no '" + config + "' for " +
                   std::string(name(p.cell)) + " in this number format; there are " + known);
}

Tile linear_tile(std::int64_t rows, std::int64_t outputs, std::int64_t width,
                 const DeviceInfo& device, Product product) {
  const auto all = tiles(product, 1);
  return *std::min_element(all.begin(), all.end(), [&](const Tile& a, const Tile& b) {
    return launch_time(a, 1, 1, rows, outputs, width, device, product) <
           launch_time(b, 1, 1, rows, outputs, width, device, product);
  });
}

}  // namespace rnnbench::fused
