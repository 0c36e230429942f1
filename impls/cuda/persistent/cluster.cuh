// The persistent cluster kernel: one launch for a whole sequence, weights in registers.
//
// A cluster of C blocks does one Chain: block `rank` owns `units` hidden units with all their gates
// for the whole sequence. Its eight hidden warps hold W_hh's rows of these units in registers, each
// a slice of k; h of the step before lies whole in every block's shared memory. A step is: products
// of each warp's slice, sums over the warps, gates by one thread a unit and row, and h handed to
// all blocks of the cluster by stores that count themselves at the receiver's barrier (st.async):
// no block waits for anything but its data. Where the input products are inside, eight more warps
// make them for the steps ahead, in the time that the hidden warps wait for h.
//
// Layers above each other run at once, a cluster each, and hand their sequence on through the L2 in
// words of a value and the tag of its step: the reader looks at the data itself until it is there.
//
// What bounds it: a step's length is the chain products, sums, gates, hand-over (0.4 to 0.6 us of
// it), and the tensor cores where a slice has many rows. Teaches: what stays on chip, and that
// waiting for data is cheaper than waiting at a barrier.
//
// Why no buffer is overwritten too early. h of step t goes to buffer t & 1, last read by the
// products of step t - 1. A block sends h of step t when it has h of step t - 1 of all blocks, and
// a block sends that after its gates of step t - 1, for which all its warps had ended the products
// that read h of step t - 2, in the same buffer. Partial sums are read by the gates before these
// send h, and written again two steps later.
#pragma once

#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/waiting.cuh"

namespace rnnbench::persistent {

/// Barriers of the block that `threads` threads come to: of the hidden warps, of the input warps,
/// and of both, where input sums of an even or odd step are there, and where they have been read.
enum Meeting { hidden_warps = 1, input_warps = 2, inputs_ready = 3, inputs_read = 5 };

/// Behind the two barriers at the start of the block's shared memory.
__device__ __forceinline__ std::uint32_t* kept_mask(float* memory) {
  return reinterpret_cast<std::uint32_t*>(memory) + 4;
}

/// Whether registers hold little beside the weights.
template <class Cell, int k_lane, Math math, bool inside>
inline constexpr bool tight = Cell::gates > 1 &&
                              ((math == Math::f32 && (inside || Cell::gates == 4)) ||
                               (math == Math::tf32 && inside && k_lane == 8));

/// Of a step's values that input warps bring in pairs: this thread's column and rows.
template <int k_lane>
struct Share {
  static constexpr int columns = 16 * k_lane, rows = half_threads / columns;
  int column, row;
  __device__ explicit Share(int thread) : column(thread % columns), row(thread / columns) {}
};

/// `group` rows of values of the layer below from `row` on, each pair as soon as it is there.
template <int group, int k_lane>
__device__ __forceinline__ void bring_tagged(const Chain& chain, const Launch& launch, int column,
                                             int row, int step, std::uint32_t tag,
                                             const std::uint64_t* from, float* buffer) {
  TaggedPair pair[group];
  unsigned missing = 0;
#pragma unroll
  for (int n = 0; n < group; ++n) {
    const int b = row + n * Share<k_lane>::rows;
    if (b >= chain.rows) continue;
    pair[n] = load_tagged(from + b * int(chain.input_row) + 2 * column);
    missing |= 1u << n;
  }
  Watchdog watchdog;
  while (true) {
#pragma unroll
    for (int n = 0; n < group; ++n) {
      if (!(missing >> n & 1)) continue;
      const int b = row + n * Share<k_lane>::rows;
      if (tag_of(pair[n].first) == tag && tag_of(pair[n].second) == tag) {
        missing &= ~(1u << n);
        *reinterpret_cast<float2*>(buffer + b * vector_stride(k_lane) + 2 * column) =
            make_float2(value_of(pair[n].first), value_of(pair[n].second));
      } else {
        pair[n] = load_tagged(from + b * int(chain.input_row) + 2 * column);
      }
    }
    if (!missing) return;
    watchdog.look(launch, Waits::below, step);
  }
}

/// The values of a step of x.
template <int k_lane, Math math>
__device__ __forceinline__ void bring_plain(const Chain& chain, const Share<k_lane>& share,
                                            std::int64_t from, float* buffer) {
#pragma unroll
  for (int n = 0; n < most_rows_inside / Share<k_lane>::rows; ++n) {
    const int b = share.row + n * Share<k_lane>::rows;
    if (b >= chain.rows) continue;
#pragma unroll
    for (int k = 2 * share.column; k < 2 * share.column + 2; ++k)
      if (k < chain.x_width)
        buffer[b * vector_stride(k_lane) + k] = load<math>(chain.x, from + b * chain.input_row + k);
  }
}

/// The warps that make the input products, up to two steps ahead of the others.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void make_inputs(const Chain& chain, const Launch& launch,
                                            const Layout& at, float* memory, int thread, int first,
                                            std::uint32_t tag) {
  constexpr int group = Cell::gates == 4 && math == Math::f32 ? 4 : 5;  // rows at once
  constexpr int length = row_length(Cell::gates), stride = parts_stride(Cell::gates);
  const int warp = thread / 32, lane = thread % 32;
  Products<Cell::gates, k_lane, math, tight<Cell, k_lane, math, true>> products;
  products.read(chain.w_ih, chain.x_width, warp, lane, first, launch);
  const Share<k_lane> share(thread);
  for (int step = 0; step < launch.steps; ++step) {
    float* const buffer = memory + at.inputs + (step & 1) * at.vectors;
    const int now = chain.reverse ? launch.steps - 1 - step : step;
    if (!chain.below) {
      bring_plain<k_lane, math>(chain, share, now * chain.input_step, buffer);
    } else if (2 * share.column < chain.input_row) {
      for (int row = share.row; row < chain.rows; row += group * Share<k_lane>::rows)
        bring_tagged<group, k_lane>(chain, launch, share.column, row, step, tag + now,
                                    chain.below + now * chain.input_step, buffer);
    }
    meet(input_warps, half_threads);
    products.multiply(buffer, chain.rows, memory + at.input_parts, warp, lane, kept_mask(memory));
    meet(input_warps, half_threads);
    if (step >= 2) meet(inputs_read + (step & 1), 2 * half_threads);
    float* const sums = memory + at.input_sums + (step & 1) * at.sums;
    for (int i = thread; i < chain.rows * length; i += half_threads) {
      const int row = i / length, place = i % length;
      float sum = memory[at.bias + place];
#pragma unroll
      for (int w = 0; w < half_warps; ++w)
        sum += memory[at.input_parts + row * stride + w * length + place];
      sums[i] = sum;
    }
    arrive(inputs_ready + (step & 1), 2 * half_threads);
  }
}

/// What one thread owns for the whole sequence: a unit of a row of the batch.
template <class Cell, bool inside>
struct Unit {
  float h = 0, c = 0;
  float bias[Cell::gates] = {};      // but where input products are inside: they begin with it
  float apart = 0;                   // the hidden bias of a gate that needs it alone
  float input[Cell::gates] = {};     // made before: of the step to come
  int row = 0, unit = 0;             // in the slice, in the block
  bool there = false, real = false;  // real: not one that only fills the block up
};

template <class Cell, bool inside>
__device__ __forceinline__ void take_inputs(Unit<Cell, inside>& own, const Chain& chain,
                                            const Launch& launch, int first, int step) {
  const int now = chain.reverse ? launch.steps - 1 - step : step;
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g)
    own.input[g] = chain.gates[now * chain.input_step + own.row * chain.input_row +
                               g * std::int64_t{launch.hidden} + first + own.unit];
}

/// The biases that a gate's products are added to, whichever product.
template <class Cell, Math math>
__device__ __forceinline__ float sum_bias(const Chain& chain, int gate, std::int64_t column) {
  float sum = chain.b_ih ? load<math>(chain.b_ih, column) : 0.0f;
  if (chain.b_hh && Cell::adds_products(gate)) sum += load<math>(chain.b_hh, column);
  return sum;
}

template <class Cell, Math math, bool inside>
__device__ __forceinline__ void begin_unit(Unit<Cell, inside>& own, const Chain& chain,
                                           const Launch& launch, int first) {
  if (!own.real) return;
  const std::int64_t place = std::int64_t{own.row} * launch.hidden + first + own.unit;
  own.h = load<math>(chain.h_0, place);
  if constexpr (Cell::has_c) own.c = load<math>(chain.c_0, place);
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) {
    const std::int64_t column = g * std::int64_t{launch.hidden} + first + own.unit;
    if constexpr (!inside) own.bias[g] = sum_bias<Cell, math>(chain, g, column);
    if (chain.b_hh && !Cell::adds_products(g)) own.apart = load<math>(chain.b_hh, column);
  }
  if (chain.gates) take_inputs(own, chain, launch, first, 0);
}

template <class Cell, bool inside>
__device__ __forceinline__ void update(Unit<Cell, inside>& own, const float (&a)[Cell::gates],
                                       Activation activation) {
  float x[Cell::gates];
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g) x[g] = inside ? own.input[g] : own.input[g] + own.bias[g];
  float hidden[Cell::gates];
#pragma unroll
  for (int g = 0; g < Cell::gates; ++g)
    hidden[g] = Cell::adds_products(g) ? a[g] : a[g] + own.apart;
  update_cell<Cell>(x, hidden, own.h, own.c, activation);
}

/// Hands h of four units of a row, one in each of four lanes, to every block of the cluster.
__device__ __forceinline__ void send(float h, bool there, std::uint32_t to, std::uint32_t barrier,
                                     int lane, int blocks) {
  const int first = lane & ~3;
  const float4 all{__shfl_sync(~0u, h, first), __shfl_sync(~0u, h, first + 1),
                   __shfl_sync(~0u, h, first + 2), __shfl_sync(~0u, h, first + 3)};
  if (!there) return;
  for (int block = lane & 3; block < blocks; block += 4)
    store_async(in_block(to, block), all, in_block(barrier, block));
}

/// The warps that make the hidden products and the gates.
template <class Cell, int k_lane, Math math, bool inside>
__device__ __forceinline__ void step_units(const Chain& chain, const Launch& launch,
                                           const Layout& at, float* memory, std::uint64_t* whole,
                                           int thread, int rank, int blocks, std::uint32_t tag) {
  constexpr int length = row_length(Cell::gates), most = inside ? 1 : units_a_thread;
  const int warp = thread / 32, lane = thread % 32, first = rank * launch.units;
  const int owned = chain.rows * launch.units;
  Products<Cell::gates, k_lane, math, tight<Cell, k_lane, math, inside>> products;
  products.read(chain.w_hh, launch.hidden, warp, lane, first, launch);
  Unit<Cell, inside> units[most];
#pragma unroll
  for (int n = 0; n < most; ++n) {
    const int i = thread + n * half_threads;
    units[n].row = i / launch.units, units[n].unit = i % launch.units;
    units[n].there = i < owned;
    units[n].real = units[n].there && first + units[n].unit < launch.hidden;
    begin_unit<Cell, math>(units[n], chain, launch, first);
  }
  const int bytes = chain.rows * launch.units * blocks * int(sizeof(float));
  for (int step = 0; step < launch.steps; ++step) {
    const int now = chain.reverse ? launch.steps - 1 - step : step;
    const bool last = step == launch.steps - 1;
    if (thread == 0 && !last) barrier_expect(&whole[step & 1], bytes);
    if (step > 0) wait(&whole[(step - 1) & 1], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
    float* const parts = memory + at.hidden_parts + (step & 1) * at.parts;
    products.multiply(memory + at.hidden + ((step + 1) & 1) * at.vectors, chain.rows, parts, warp,
                      lane, kept_mask(memory));
    meet(hidden_warps, half_threads);
    if constexpr (inside) meet(inputs_ready + (step & 1), 2 * half_threads);
#pragma unroll
    for (int n = 0; n < most; ++n) {
      Unit<Cell, inside>& own = units[n];
      if (n * half_threads + warp * 32 >= owned) continue;  // all lanes of the warp
      if (own.there) {
        float a[Cell::gates] = {};
        const float* const mine = parts + own.row * parts_stride(Cell::gates) + own.unit;
        const float* const input =
            memory + at.input_sums + (step & 1) * at.sums + own.row * length + own.unit;
#pragma unroll(tight <Cell, k_lane, math, inside> ? 2 : half_warps)
        for (int w = 0; w < half_warps; ++w)
#pragma unroll
          for (int g = 0; g < Cell::gates; ++g) a[g] += mine[w * length + g * unit_cap];
        if constexpr (inside)
#pragma unroll
          for (int g = 0; g < Cell::gates; ++g) own.input[g] = input[g * unit_cap];
        update(own, a, launch.activation);
        if (!own.real) own.h = 0;  // not NaN, where an input is infinite
      }
      if (!last)
        send(own.h, own.there,
             shared_address(memory + at.hidden + (step & 1) * at.vectors +
                            own.row * vector_stride(k_lane) + first + (own.unit & ~3)),
             shared_address(&whole[step & 1]), lane, blocks);
      if (chain.above) {  // two lanes' values in one store
        const float other = __shfl_down_sync(~0u, own.h, 1);
        if (own.there && lane % 2 == 0)
          store_tagged(chain.above +
                           (std::int64_t{now} * chain.rows + own.row) * (launch.units * blocks) +
                           first + own.unit,
                       {tagged(own.h, tag + now), tagged(other, tag + now)});
      }
      if (own.real && chain.y)
        store<math>(chain.y, now * chain.y_step + own.row * chain.y_row + first + own.unit, own.h);
      if constexpr (!inside)
        if (own.real && !last) take_inputs(own, chain, launch, first, step + 1);
    }
    // Nobody waits for the last two.
    if constexpr (inside)
      if (step + 2 < launch.steps) arrive(inputs_read + (step & 1), 2 * half_threads);
  }
#pragma unroll
  for (int n = 0; n < most; ++n) {
    const Unit<Cell, inside>& own = units[n];
    if (!own.real) continue;
    const std::int64_t place = std::int64_t{own.row} * launch.hidden + first + own.unit;
    for (void* const to : {chain.h_n, chain.h_next})
      if (to) store<math>(to, place, own.h);
    if constexpr (Cell::has_c)
      for (void* const to : {chain.c_n, chain.c_next})
        if (to) store<math>(to, place, own.c);
  }
  // Every block has read it: those of this cluster before its barrier, and those of the layers
  // below before they wrote the words that the last step needed.
  if (chain.ends_epoch && rank == 0 && thread == 0) *chain.epoch += unsigned(launch.steps);
}

/// Grid: clusters times blocks; launch with a cluster dimension, and cooperatively where clusters
/// wait on each other.
template <class Cell, int k_lane, Math math, bool inside>
__global__ void __launch_bounds__(half_threads*(inside ? 2 : 1), 1)
    persistent_cluster(const __grid_constant__ Launch launch) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  RNNBENCH_DYNAMIC_SHARED(memory);
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);  // h of an even or odd step is
  const int blocks = cluster_blocks(), rank = cluster_rank(), first = rank * launch.units;
  const int thread = int(threadIdx.x);
  // In shared memory: in registers it would take those of the weights.
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) chain = launch.chains[blockIdx.x / blocks];
  __syncthreads();
  const Layout at = layout(Cell::gates, k_lane, chain.rows, inside);
  // Before the barrier of the cluster, after which a block may end and hand it on.
  const std::uint32_t tag = chain.epoch ? *chain.epoch + 1 : 0;
  if (thread == 0) {
    for (int k = 0; k < 2; ++k) barrier_init(&whole[k], 1);
    barriers_ready();
    *kept_mask(memory) = high_mask;
  }
  // What no step writes is multiplied by weights of zero, and must be a number.
  for (int i = at.hidden + thread; i < at.floats; i += int(blockDim.x)) memory[i] = 0;
  __syncthreads();
  for (int i = thread; i < chain.rows * launch.hidden; i += int(blockDim.x))
    memory[at.hidden + at.vectors + i / launch.hidden * vector_stride(k_lane) + i % launch.hidden] =
        load<math>(chain.h_0, i);
  if constexpr (inside)
    for (int i = thread; i < Cell::gates * unit_cap; i += int(blockDim.x)) {
      const int gate = i / unit_cap, unit = first + i % unit_cap;
      if (i % unit_cap < launch.units && unit < launch.hidden)
        memory[at.bias + i] =
            sum_bias<Cell, math>(chain, gate, gate * std::int64_t{launch.hidden} + unit);
    }
  __syncthreads();
  cluster_arrive_and_wait();
  if (!inside || thread < half_threads)
    step_units<Cell, k_lane, math, inside>(chain, launch, at, memory, whole, thread, rank, blocks,
                                           tag);
  else
    make_inputs<Cell, k_lane, math>(chain, launch, at, memory, thread - half_threads, first, tag);
#endif
}

}  // namespace rnnbench::persistent
