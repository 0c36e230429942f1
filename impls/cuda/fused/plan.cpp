#include "impls/cuda/fused/plan.hpp"

#include <algorithm>
#include <cmath>

#include "harness/error.hpp"

namespace rnnbench::fused {
namespace {

/// Multiply-adds a clock and SM that the step kernels reach, by kind of product and chip; a part of
/// what the chip could do, as measured on CC 9.0 and scaled by the data sheets elsewhere.
double multiply_adds_per_clock(Product product, int cc) {
  if (product == Product::ffma) return 0.57 * 128;
  const double f16 = cc >= 90 && cc < 120 ? 0.26 * 2048 : cc == 80 ? 0.35 * 1024 : 0.35 * 256;
  if (product == Product::tf32) return f16 / (cc == 80 || cc >= 90 ? 2 : 4);
  if (product == Product::tf32x3) return f16 / (cc == 80 || cc >= 90 ? 6 : 12);
  return f16;
}

// Fitted to 1,069 measured configurations of 138 problems on CC 9.0: docs/kernels.md.
constexpr double copy_bytes_per_s = 46e9;       // out of L2, an SM, with cp.async
constexpr double wide_copy_bytes_per_s = 43e9;  // with TMA
constexpr double l2_bytes_per_s = 9e12;         // all SMs together
constexpr double launch_s = 1.5e-6;             // a step after a step, with overlapped launches
constexpr double late_launch_s = 2.4e-6;        // without: before CC 9.0
constexpr double block_s = 0.2e-6;              // last sums, gates and store of a block
constexpr double chunk_s = 0.15e-6;             // barrier and latencies of a chunk
constexpr double shared_chunk_s = 0.27e-6;      // the same where blocks share an SM
constexpr double exposed = 0.71;   // of what is shorter, copies or products, in a block alone
constexpr double turn_s = 2.6e-6;  // from a free stage to its next chunk's being used, by TMA
constexpr double split_s = 1e-6;   // a chunk of f32 values on wgmma: to split, multiply and add up
constexpr double wide_gain = 2.4;  // of wgmma over mma.sync
constexpr double gemm_launch_s = 2.8e-6;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// What a launch does: `jobs` products of rows x units (all gates) over `width` columns.
struct Work {
  int gates;
  std::int64_t jobs, rows, units, width;
};

double clock_of(const DeviceInfo& device) { return device.clock_hz > 0 ? device.clock_hz : 1.5e9; }

double step_overhead(const DeviceInfo& device) {
  return (device.cc >= 90 ? launch_s : late_launch_s) + block_s;
}

/// Blocks that share an SM overlap one's copies with another's products; a block alone does so in
/// part.
double launch_time(const Tile& tile, const Work& work, const DeviceInfo& device, Product product) {
  const std::int64_t blocks =
      work.jobs * ceil_div(work.rows, tile.block_m()) * ceil_div(work.units, tile.block_n());
  const auto rounds = double(ceil_div(blocks, std::max(device.units, 1)));
  const std::int64_t chunk = tile.chunk_bytes / element_bytes(product);
  const auto chunks = double(ceil_div(work.width, chunk));
  const double weights = tile.chunk_bytes * double(work.gates) * tile.block_n();
  // Rows that are not there are multiplied, but not copied.
  const auto rows = double(std::min<std::int64_t>(tile.block_m(), work.rows));
  const double bytes = weights + tile.chunk_bytes * rows;
  // The weights of the first chunks come while the launch before is at work.
  const double early = device.cc >= 90 && rounds <= tile.blocks
                           ? std::min(1.0, double(tile.stages - 1) / chunks)
                           : 0;
  const double copy_s = (bytes - early * weights) / copy_bytes_per_s;
  const double compute_s = double(chunk) * tile.block_m() * tile.block_n() * work.gates /
                           (multiply_adds_per_clock(product, device.cc) * clock_of(device));
  const double resident = std::min(rounds, double(tile.blocks));
  // Products that take long hide the copies; copies that take long are not hidden by products.
  const double hidden = compute_s > copy_s ? copy_s / compute_s : 1;
  const double alone_s =
      std::max(copy_s, compute_s) + exposed * hidden * std::min(copy_s, compute_s);
  const double chunk_time =
      resident > 1 ? shared_chunk_s + resident * std::max(copy_s, compute_s) : chunk_s + alone_s;
  return step_overhead(device) + std::max(chunks * chunk_time * std::ceil(rounds / resident),
                                          double(blocks) * chunks * bytes / l2_bytes_per_s);
}

double launch_time(const WideTile& tile, const Work& work, const DeviceInfo& device,
                   Product product) {
  const std::int64_t across = ceil_div(ceil_div(work.units, tile.block_n()), tile.cluster);
  const std::int64_t blocks =
      work.jobs * ceil_div(work.rows, tile.block_m()) * across * tile.cluster;
  // Clusters of four leave a few SMs of a GPC without work.
  const int usable = std::max(device.units - (tile.cluster > 2 ? 8 : 2), 1);
  const auto rounds = double(ceil_div(blocks, usable));
  const std::int64_t chunk = WideTile::chunk_bytes / element_bytes(product);
  const auto chunks = double(ceil_div(work.width, chunk));
  const double compute_s =
      double(chunk) * 64 * tile.groups * tile.batch /
      (wide_gain * multiply_adds_per_clock(product, device.cc) * clock_of(device));
  const double weights = WideTile::chunk_bytes * double(work.gates) * tile.block_n();
  const double batch = WideTile::chunk_bytes * double(tile.batch);
  const double copy_s = (weights + batch / tile.cluster) / wide_copy_bytes_per_s;
  constexpr int shared_bytes_an_sm = 227 * 1024;
  const double resident = std::min(
      rounds,
      std::floor(double(shared_bytes_an_sm) / tile.shared_bytes(slots_of(work.gates), product)));
  const double chunk_time = std::max({resident * compute_s, resident * copy_s, turn_s / tile.stages,
                                      product == Product::tf32x3 ? split_s : 0.0});
  return step_overhead(device) +
         std::max(std::ceil(rounds / resident) * chunks * chunk_time,
                  double(blocks) * chunks * (weights + batch / tile.cluster) / l2_bytes_per_s);
}

/// Every tile that this device can run for such rows.
std::vector<AnyTile> all_tiles(Product product, int gates, std::int64_t rows, bool aligned,
                               const DeviceInfo& device) {
  const int most = device.cc == 80                       ? 163 * 1024
                   : device.cc == 90 || device.cc == 100 ? 227 * 1024
                                                         : 99 * 1024;
  constexpr std::int64_t most_blocks = 65535;  // in the second grid dimension, which rows are
  std::vector<AnyTile> found;
  for (const Tile& tile : tiles(product, gates))
    if (ceil_div(rows, tile.block_m()) <= most_blocks &&
        tile.shared_bytes(gates, slots_of(gates)) <= most)
      found.emplace_back(tile);
  if (wide_built && device.cc == 90 && aligned && rows >= 64)
    for (const WideTile& tile : wide_tiles(product, gates)) found.emplace_back(tile);
  return found;
}

bool aligned(std::int64_t width, Product product) {
  return width * element_bytes(product) % 16 == 0;
}

double launch_time(const AnyTile& tile, const Work& work, const DeviceInfo& device,
                   Product product) {
  return std::visit([&](const auto& kind) { return launch_time(kind, work, device, product); },
                    tile);
}

double gemm_time(double multiply_adds, const DeviceInfo& device, Product product) {
  return gemm_launch_s + multiply_adds / (multiply_adds_per_clock(product, device.cc) *
                                          clock_of(device) * std::max(device.units, 1));
}

Plan predicted(Form form, Product product, const AnyTile& tile, const Problem& p,
               const DeviceInfo& device) {
  Plan plan{.form = form, .product = product, .tile = tile};
  const int g = gates(p.cell);
  const bool wavefront = is_wavefront(p, form);
  for (int layer = 0; layer < std::min(p.layers, 2); ++layer) {
    const std::int64_t input = layer_input(p, layer);
    const double times = layer == 0 ? 1 : p.layers - 1;
    const std::int64_t width = p.hidden + (form == Form::in_kernel ? input : 0);
    const std::int64_t jobs = wavefront ? std::min<std::int64_t>(p.layers, p.seq) : p.directions;
    const double step_s = launch_time(tile, {g, jobs, p.batch, p.hidden, width}, device, product);
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

std::string name_of(const AnyTile& tile, Product product) {
  return std::visit([&](const auto& kind) { return name_of(kind, product); }, tile);
}

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

bool is_wavefront(const Problem& p, Form form) {
  return form == Form::in_kernel && p.directions == 1;
}

std::int64_t waves(const Problem& p, Form form) {
  if (is_wavefront(p, form)) return p.seq + p.layers - 1;
  return p.seq * p.layers;
}

std::vector<Plan> plans(const Problem& p, const DeviceInfo& device, Product product) {
  // The gates of all steps in f32, of which half the memory is more than enough.
  const double gate_bytes =
      4.0 * double(p.seq * p.batch) * double(p.directions) * double(gates(p.cell) * p.hidden);
  const bool fits = device.memory_bytes <= 0 || gate_bytes <= device.memory_bytes / 2;
  std::vector<Plan> found;
  const auto is_aligned = [&](Form form) {
    return aligned(p.hidden, product) && (form == Form::hoisted || aligned(p.input, product));
  };
  for (const Form form : {Form::in_kernel, Form::hoisted})
    for (const AnyTile& tile : all_tiles(product, gates(p.cell), p.batch, is_aligned(form), device))
      found.push_back(predicted(form, product, tile, p, device));
  std::stable_sort(found.begin(), found.end(), [&](const Plan& a, const Plan& b) {
    const bool a_last = !fits && a.form == Form::hoisted, b_last = !fits && b.form == Form::hoisted;
    return a_last != b_last ? b_last : a.total_s < b.total_s;
  });
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
  const auto careful = std::find_if(
      all.begin(), all.end(), [&](const Plan& plan) { return plan.tile == AnyTile(conservative); });
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

AnyTile linear_tile(std::int64_t rows, std::int64_t outputs, std::int64_t width,
                    const DeviceInfo& device, Product product) {
  const auto all = all_tiles(product, 1, rows, aligned(width, product), device);
  const Work work{1, 1, rows, outputs, width};
  return *std::min_element(all.begin(), all.end(), [&](const AnyTile& a, const AnyTile& b) {
    return launch_time(a, work, device, product) < launch_time(b, work, device, product);
  });
}

}  // namespace rnnbench::fused
