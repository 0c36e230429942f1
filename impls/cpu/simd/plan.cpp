// The cost model of cpu:persistent, in clocks of one core. Rough: it only has to tell apart ways
// that differ by a lot, such as a barrier a step against weights read twice.
#include "impls/cpu/simd/plan.hpp"

#include <algorithm>
#include <cmath>

namespace rnnbench {
namespace {

// Measured on a Zen 5 (2 cores, 1 MiB of L2 each, 32 MiB of L3), or between it and its neighbours.
constexpr double l1_bytes = 32 << 10;
constexpr double l2_bytes = 900e3;  // of weights that stay beside what else a step touches
constexpr double l1_rate = 64;      // bytes a clock and core
constexpr double l2_rate = 43;
constexpr double l3_rate = 31;
constexpr double overlap = 0.85;        // of the shorter of arithmetic and reading
constexpr double gate_clocks = 15;      // of a vector of one gate
constexpr double hoisted_clocks = 10;   // to write a vector of input products and to read it
constexpr double barrier_clocks = 350;  // two threads; more for more
constexpr double call_clocks = 20e3;    // a team wakes up
constexpr double chunk_rows = 128;      // of input products at once

std::int64_t part(std::int64_t whole, int parts) { return (whole + parts - 1) / parts; }

/// Clocks of rows * vectors * depth multiply-adds; a pass reads `bytes` of weights, which are some
/// of the `resident` bytes that are in use all the time.
double product_clocks(double rows, double vectors, double depth, double bytes, double resident) {
  const double rate = resident < l1_bytes ? l1_rate : resident < l2_bytes ? l2_rate : l3_rate;
  const double adds = rows * vectors * depth / 2;             // two a clock
  const double loads = vectors * depth * (1 + rows / 3) / 2;  // two a clock
  const double work = std::max(adds, loads), reads = bytes / rate;
  return std::max(work, reads) + (1 - overlap) * std::min(work, reads);
}

bool fits(const Problem& p, const TeamPlan& plan, int lanes) {
  return plan.directions <= p.directions && plan.batches <= p.batch &&
         plan.units <= part(p.hidden, lanes) &&
         (plan.lanes == 1 || (p.directions == 1 && plan.lanes <= p.layers));
}

void choose_chunk(const Problem& p, TeamPlan& plan) {
  const auto rows = static_cast<double>(part(p.batch, plan.batches));
  double steps = std::max(1.0, chunk_rows / rows);
  // Of a wavefront the other lanes wait for the first chunk.
  if (plan.lanes > 1) steps = std::min(steps, std::ceil(static_cast<double>(p.seq) / 24.0));
  plan.chunk = std::min<std::int64_t>(p.seq, std::llround(steps));
}

}  // namespace

double predicted_clocks(const Problem& p, const TeamPlan& plan, int vector_lanes) {
  const double weight = p.dtype == Dtype::bf16 ? 2 : 4;
  const auto rows = static_cast<double>(part(p.batch, plan.batches));
  const auto vectors =
      static_cast<double>(gates(p.cell) * part(part(p.hidden, vector_lanes), plan.units));
  const auto hidden = static_cast<double>(p.hidden), steps = static_cast<double>(p.seq);
  const double bytes = vectors * vector_lanes * hidden * weight;
  double all = 0;
  for (int layer = 0; layer < std::min(p.layers, 2); ++layer) {  // all but the first are alike
    const auto inputs = static_cast<double>(layer_input(p, layer));
    const double input_bytes = vectors * vector_lanes * inputs * weight;
    const auto chunk = static_cast<double>(plan.hoisted ? plan.chunk : 1);
    const double resident = bytes + (plan.hoisted ? 0 : input_bytes);
    double step = rows * vectors * gate_clocks;
    step += product_clocks(rows, vectors, hidden, bytes, resident);
    step += product_clocks(rows * chunk, vectors, inputs, input_bytes, bytes + input_bytes) / chunk;
    if (plan.hoisted) step += rows * vectors * hoisted_clocks;
    if (plan.units > 1) step += barrier_clocks * std::log2(2.0 * plan.units);
    const int times = layer == 0 ? 1 : p.layers - 1;
    all += times * steps * step * part(p.directions, plan.directions);
  }
  const auto chunks = static_cast<double>(part(p.seq, static_cast<int>(plan.chunk)));
  if (plan.lanes > 1) {
    const auto turns = static_cast<double>(part(p.layers, plan.lanes));
    all *= (turns * chunks + plan.lanes - 1) / (p.layers * chunks);
  }
  return all + (plan.size() > 1 ? call_clocks : 0);
}

TeamPlan plan_team(const Problem& p, int threads, int vector_lanes) {
  TeamPlan best;
  choose_chunk(p, best);
  double least = predicted_clocks(p, best, vector_lanes);
  for (int directions = 1; directions <= std::min(p.directions, threads); ++directions)
    for (int batches = 1; directions * batches <= threads; ++batches)
      for (int units = 1; directions * batches * units <= threads; ++units)
        for (int lanes = 1; directions * batches * units * lanes <= threads; ++lanes)
          for (const bool hoisted : {true, false}) {
            TeamPlan plan{directions, batches, units, lanes, hoisted, 1};
            if (!fits(p, plan, vector_lanes)) continue;
            choose_chunk(p, plan);
            const double clocks = predicted_clocks(p, plan, vector_lanes);
            // More threads only where they help.
            if (clocks < least * (plan.size() > best.size() ? 0.98 : 1))
              best = plan, least = clocks;
          }
  return best;
}

TeamPlan plan_steps(const Problem& p, int threads, int vector_lanes) {
  TeamPlan plan;
  plan.hoisted = false;
  if (threads < p.directions || flops(p) < 1e6) return plan;  // waking the team costs more
  plan.directions = p.directions;
  const auto most = std::max<std::int64_t>(1, part(p.hidden, vector_lanes) / 2);
  plan.units = static_cast<int>(std::min<std::int64_t>(threads / p.directions, most));
  return plan;
}

}  // namespace rnnbench
