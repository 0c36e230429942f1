// The persistent cluster kernel: one launch for a whole sequence, weights in registers.
//
// A cluster of C blocks does one Chain: block `rank` owns 16 hidden units with all their gates for
// the whole sequence. Its eight hidden warps hold W_hh's rows of these units in registers, each a
// slice of k; h of the step before lies whole in every block's shared memory. A step is: products
// of each warp's slice, sums over the warps, gates by one thread a unit and row, and h handed to
// all blocks of the cluster by stores that count themselves at the receiver's barrier (st.async):
// no block waits for anything but its data. Input products are made before, by a GEMM, and fetched
// some steps ahead; of stacked layers those of the lowest.
//
// Stacked layers run at once, a cluster each, and hand h on through the L2 in words that carry
// their own validity: the reader looks at the data itself until it is there. Eight more warps of
// each block make its input products, in the time that the hidden warps wait for h.
//
// What bounds it: a step's length is the chain products, sums, gates, hand-over (0.4 us of it for
// one row, 0.8 for ten), and the tensor cores where a slice has many rows. Teaches: what stays on
// chip, and that waiting for data is cheaper than waiting at a barrier.
//
// Why no buffer is overwritten too early. h of step t goes to buffer t & 1, last read by the
// products of step t - 1. A block sends h of step t when it has h of step t - 1 of all blocks, and
// a block sends that after its gates of step t - 1, for which all its warps had ended the products
// that read h of step t - 2, in the same buffer. Partial sums are written when h of the step before
// has come from all threads of the block too, which had read the sums of that step before.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/waiting.cuh"

namespace rnnbench::persistent {

/// Barriers of the block that `threads` threads come to: of the hidden warps, of the input warps,
/// and of both, where input sums of an even or odd step are there, and where they have been read.
enum Meeting { hidden_warps = 1, input_warps = 2, inputs_ready = 3, inputs_read = 5 };

/// What the scales of `split` elements follow from: the largest of a block's weights, and of h.
enum Largest { of_weights, of_input_weights, of_h };
/// Behind the two barriers at the start of the block's shared memory.
__device__ __forceinline__ std::uint32_t* largest_at(float* memory, Largest what) {
  return reinterpret_cast<std::uint32_t*>(memory) + 4 + what;
}
/// 1 but for `split` elements.
template <Element element>
__device__ __forceinline__ float scale_of(float* memory, Largest what) {
  if constexpr (element == Element::split)
    return scale_for(__uint_as_float(*largest_at(memory, what)));
  else
    return 1;
}
/// Whether registers hold little beside the weights.
template <class Cell, Math math, bool stacked>
inline constexpr bool tight = stacked&& Cell::gates > 1 &&
                              (math == Math::f32 || math == Math::tf32);

/// One value of a vector.
template <Element element>
__device__ __forceinline__ void put(char* vector, int k, std::uint32_t word) {
  if constexpr (element == Element::split) {
    auto* const parts = reinterpret_cast<std::uint16_t*>(vector) + k / 4 * 8 + k % 4;
    parts[0] = std::uint16_t(word), parts[4] = std::uint16_t(word >> 16);
  } else if constexpr (is_wide<element>) {
    reinterpret_cast<std::uint32_t*>(vector)[k] = word;
  } else {
    reinterpret_cast<std::uint16_t*>(vector)[k] = std::uint16_t(word);
  }
}

/// What h of the layer below is multiplied by: the first of its words.
__device__ __forceinline__ float scale_below(const Chain& chain, const Launch& launch,
                                             std::uint32_t tag) {
  uint4 word{};
  load_word(word, chain.below, true);
  for (Watchdog watchdog; (word.z & 1) != tag; load_word(word, chain.below, true))
    watchdog.look(launch, Waits::below, 0);
  return __uint_as_float(word.x);
}

/// Of one row, gate and unit: in an order that the row's order of the warps does not change.
__device__ __forceinline__ float sum_of_warps(const float* parts) {
  static_assert(half_warps == 8);
  const float4 a = reinterpret_cast<const float4*>(parts)[0];
  const float4 b = reinterpret_cast<const float4*>(parts)[1];
  return ((a.x + a.y) + (a.z + a.w)) + ((b.x + b.y) + (b.z + b.w));
}

/// A step's h of the layer below, each word as soon as it is there. log_words: of a row's words.
template <Element element, int k_lane>
__device__ __forceinline__ void bring_below(const Chain& chain, const Launch& launch, int thread,
                                            int log_words, int step, int now, std::uint32_t tag,
                                            char* vectors) {
  constexpr int group = 3, bytes = is_wide<element> ? 4 : 2;
  const int words = chain.rows << log_words;
  const char* const from =
      static_cast<const char*>(chain.below) + (std::int64_t{now} * words + 1) * tagged_bytes;
  for (int begin = thread; begin < words; begin += group * half_threads) {
    uint4 word[group] = {};
    unsigned missing = 0;
#pragma unroll
    for (int n = 0; n < group; ++n) {
      const int i = begin + n * half_threads;
      missing |= unsigned(i < words) << n;
      load_word(word[n], from + i * tagged_bytes, i < words);
    }
    Watchdog watchdog;
    while (true) {
#pragma unroll
      for (int n = 0; n < group; ++n) {
        if (!(missing >> n & 1)) continue;
        const int i = begin + n * half_threads, row = i >> log_words;
        const int k = (i - (row << log_words)) * tagged_units;
        if ((word[n].z & 1) == tag) {
          missing &= ~(1u << n);
          word[n].z &= ~1u;  // the same bits in every call
          char* const to = vectors + (row * vector_stride(k_lane) + k) * bytes;
          if constexpr (is_wide<element>) {
            *reinterpret_cast<uint4*>(to) = word[n];
          } else {
            const auto value = [](std::uint32_t bits_of) {
              return bits<element>(__uint_as_float(bits_of));
            };
            Quad<element> quad;
            quad.set(value(word[n].x), value(word[n].y), value(word[n].z), value(word[n].w));
            *reinterpret_cast<uint2*>(to) = {quad.word[0], quad.word[1]};
          }
        } else {
          load_word(word[n], from + i * tagged_bytes, true);
        }
      }
      if (!missing) break;
      watchdog.look(launch, Waits::below, step);
    }
  }
}

/// The warps that make the input products of a stacked layer, up to two steps ahead of the others.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void make_inputs(const Chain& chain, const Launch& launch,
                                            const Layout& at, float* memory, int thread, int first,
                                            int blocks, std::uint32_t tag) {
  constexpr Element element = element_of<math, Cell::gates>;
  constexpr int length = row_length(Cell::gates);
  const int warp = thread / 32, lane = thread % 32;
  int log_words = 0;
  while (1 << log_words < unit_cap / tagged_units * blocks) ++log_words;
  Products<Cell::gates, k_lane, math, !tight<Cell, math, true>> products;
  products.read(chain.w_ih, warp, lane, first, launch, scale_of<element>(memory, of_input_weights),
                element == Element::split ? scale_below(chain, launch, tag) : 1.0f);
  for (int step = 0; step < launch.steps; ++step) {
    char* const vectors = reinterpret_cast<char*>(memory + at.below + (step & 1) * at.vectors);
    const int now = chain.reverse ? launch.steps - 1 - step : step;
    bring_below<element, k_lane>(chain, launch, thread, log_words, step, now, tag, vectors);
    meet(input_warps, half_threads);
    products.multiply(vectors, chain.rows, memory + at.below_parts, warp, lane);
    meet(input_warps, half_threads);
    if (step >= 2) meet(inputs_read + (step & 1), 2 * half_threads);
    float* const sums = memory + at.inputs + (step & 1) * at.sums;
    for (int i = thread; i < chain.rows * length; i += half_threads)
      sums[i] =
          memory[at.bias + i % length] + sum_of_warps(memory + at.below_parts + i * group_stride);
    arrive(inputs_ready + (step & 1), 2 * half_threads);
  }
}

/// The biases that a gate's products are added to, whichever product.
template <class Cell, Math math>
__device__ __forceinline__ float sum_bias(const Chain& chain, int gate, std::int64_t column) {
  float sum = chain.b_ih ? load<math>(chain.b_ih, column) : 0.0f;
  if (chain.b_hh && Cell::adds_products(gate)) sum += load<math>(chain.b_hh, column);
  return sum;
}

/// A unit of a row that one thread owns for the whole sequence.
template <class Cell, Math math>
struct Unit {
  float h = 0, c = 0;
  float apart = 0;                   // the hidden bias of a gate that needs it alone
  int row = 0, unit = 0;             // in the slice, in the block
  bool there = false, real = false;  // real: not one that only fills the block up
  Stored<math>* y = nullptr;         // of the step to come

  __device__ __forceinline__ void begin(const Chain& chain, const Launch& launch, int number,
                                        int first) {
    row = number / unit_cap, unit = number % unit_cap;
    there = row < chain.rows;
    real = there && first + unit < launch.hidden;
    if (!real) return;
    const std::int64_t place = std::int64_t{row} * launch.hidden + first + unit;
    h = load<math>(chain.h_0, place);
    if constexpr (Cell::has_c) c = load<math>(chain.c_0, place);
#pragma unroll
    for (int g = 0; g < Cell::gates; ++g)
      if (chain.b_hh && !Cell::adds_products(g))
        apart = load<math>(chain.b_hh, g * std::int64_t{launch.hidden} + first + unit);
    const std::int64_t now = chain.reverse ? launch.steps - 1 : 0;
    if (chain.y)
      y = static_cast<Stored<math>*>(chain.y) + now * chain.y_step + row * chain.y_row + first +
          unit;
  }
  __device__ __forceinline__ void end(const Chain& chain, const Launch& launch, int first) const {
    if (!real) return;
    const std::int64_t place = std::int64_t{row} * launch.hidden + first + unit;
    for (void* const to : {chain.h_n, chain.h_next})
      if (to) store<math>(to, place, h);
    if constexpr (Cell::has_c)
      for (void* const to : {chain.c_n, chain.c_next})
        if (to) store<math>(to, place, c);
  }
};

/// Input products that were made before, on their way to shared memory: of a unit of a row, which
/// need not be the thread's own. Warps that own nothing come first.
template <int gates>
struct Given {
  const float* from = nullptr;  // of the step to come; null: none
  float* to = nullptr;          // in the first of the buffers

  __device__ __forceinline__ void begin(const Chain& chain, const Launch& launch, const Layout& at,
                                        float* memory, int number, int first) {
    const int row = number / unit_cap, unit = number % unit_cap;
    if (!chain.gates || row >= chain.rows || first + unit >= launch.hidden) return;
    from = chain.gates + (chain.reverse ? launch.steps - 1 : 0) * chain.gates_step +
           row * chain.gates_row + first + unit;
    to = memory + at.given + number;
  }
  __device__ __forceinline__ void fetch(const Launch& launch, const Layout& at, int step,
                                        std::int64_t stride) {
    if (!from || step >= launch.steps) return;
#pragma unroll
    for (int g = 0; g < gates; ++g)
      copy_async_4(to + ((step % input_buffers) * gates + g) * at.given_row,
                   from + g * launch.hidden, true);
    from += stride;
  }
};

/// The bits of four units of a row, one in each of four lanes, in all of them.
__device__ __forceinline__ void gather(std::uint32_t (&all)[4], std::uint32_t word, int lane) {
#pragma unroll
  for (int i = 0; i < 4; ++i) all[i] = __shfl_sync(~0u, word, (lane & ~3) + i);
}

/// Where h goes, a unit a lane: to every block of the cluster, for the next step, and to the layer
/// above. kept: where the blocks' memory is, in registers.
template <Element element, Math math, bool kept>
struct Receivers {
  static constexpr int bytes = is_wide<element> ? 4 : 2, lanes = 16 / bytes;  // of one store
  static constexpr int most = 16 / lanes;      // blocks of the largest cluster
  std::uint32_t own, memory[kept ? most : 1];  // where this block's begins, and the receivers'
  int first, blocks;

  __device__ __forceinline__ Receivers(float* begin, int lane, int blocks_)
      : own(shared_address(begin)), first(lane % lanes), blocks(blocks_) {
    if constexpr (kept)
#pragma unroll
      for (int k = 0; k < most; ++k)
        memory[k] = in_block(own, first + k * lanes < blocks ? first + k * lanes : 0);
  }
  /// place, barrier: in bytes, of the row's vector from this block's units on, and of what counts;
  /// place < 0: nobody in the cluster waits for it. above(): null, or the unit's row's word for
  /// this block's first.
  template <class Above>
  __device__ __forceinline__ void hand_on(float h, float scale, bool there, int place, int barrier,
                                          const Above& above, std::uint32_t tag, int lane) const {
    std::uint32_t four[4];
    if (is_wide<element> || place >= 0) pack(four, h, scale, lane);
    if (there && place >= 0) store(four, place + lane / lanes * 16 % (unit_cap * bytes), barrier);
    uint4* const to = above();
    if (!to) return;
    if constexpr (!kept && element == Element::tf32)  // again: there are no registers to keep it
      pack(four, h, scale, lane);
    if constexpr (!is_wide<element>)  // as f32, whose last bits are free then
      gather(four, __float_as_uint(to_f32(from_f32<Stored<math>>(h))), lane);
    if (there && lane % 4 == 0)
      store_word(to + lane / 4 % 4, {four[0], four[1], (four[2] & ~1u) | tag, four[3]});
  }

 private:
  __device__ __forceinline__ void pack(std::uint32_t (&four)[4], float h, float scale,
                                       int lane) const {
    const std::uint32_t word = bits<element>(element == Element::split ? h * scale : h);
    if constexpr (is_wide<element>) {
      std::uint32_t one[4];
      gather(one, word, lane);
      Quad<element> quad;
      quad.set(one[0], one[1], one[2], one[3]);
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] = quad.word[i];
    } else {
      const std::uint32_t pair = word | __shfl_down_sync(~0u, word, 1) << 16;
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] = __shfl_sync(~0u, pair, (lane & ~7) + 2 * i);
    }
  }
  __device__ __forceinline__ void store(const std::uint32_t (&four)[4], int place,
                                        int barrier) const {
#pragma unroll
    for (int k = 0; k < most; ++k) {
      const int block = first + k * lanes;
      if (block >= blocks) continue;
      const std::uint32_t begin = kept ? memory[kept ? k : 0] : in_block(own, block);
      store_async(begin + place, uint4{four[0], four[1], four[2], four[3]}, begin + barrier);
    }
  }
};

/// The warps that make the hidden products and the gates.
template <class Cell, int k_lane, Math math, bool stacked, bool few>
__device__ __forceinline__ void step_units(const Chain& chain, const Launch& launch,
                                           const Layout& at, float* memory, std::uint64_t* whole,
                                           int thread, int rank, int blocks, std::uint32_t tag) {
  constexpr Element element = element_of<math, Cell::gates, few>;
  constexpr int gates = Cell::gates, length = row_length(gates);
  constexpr int most = stacked ? 1 : units_a_thread, bytes = is_wide<element> ? 4 : 2;
  const int warp = thread / 32, lane = thread % 32, first = rank * unit_cap;
  constexpr bool roomy = !tight<Cell, math, stacked>;
  const bool given = !stacked || !chain.below;
  const float scale = scale_of<element>(memory, of_h);
  std::conditional_t<few, FewProducts<gates, k_lane>,
                     Products<gates, k_lane, math, !tight<Cell, math, stacked>>>
      products;
  products.read(chain.w_hh, warp, lane, first, launch, scale_of<element>(memory, of_weights),
                scale);
  if (stacked && chain.above && rank == 0 && thread == 0)
    store_word(chain.above, {__float_as_uint(scale), 0, tag, 0});
  Unit<Cell, math> units[most];
  Given<gates> others[most];
  const auto onward = [&](std::int64_t step) { return chain.reverse ? -step : step; };
  const std::int64_t gates_step = roomy ? onward(chain.gates_step) : 0;
  const std::int64_t y_step = roomy ? onward(chain.y_step) : 0;
  // Registers that are full of weights have no room for these two.
  const auto kept = [&](std::int64_t step, std::int64_t in_shared_memory) {
    return roomy ? step : onward(in_shared_memory);
  };
#pragma unroll
  for (int n = 0; n < most; ++n) {
    units[n].begin(chain, launch, thread + n * half_threads, first);
    others[n].begin(chain, launch, at, memory, half_threads - 1 - thread + n * half_threads, first);
  }
  const auto fetch = [&](int step) {
    if (!given) return;
#pragma unroll
    for (int n = 0; n < most; ++n)
      others[n].fetch(launch, at, step, kept(gates_step, chain.gates_step));
    copies_commit();
  };
  for (int step = 0; step < steps_ahead; ++step) fetch(step);
  const Receivers<element, math, roomy> receivers(memory, lane, blocks);
  const int owned = chain.rows * unit_cap, whole_bytes = owned * blocks * bytes;

  // odd: the step's last bit, a constant where registers hold the addresses that follow from it.
  const auto make_step = [&](int odd, int step) {
    const bool last = step == launch.steps - 1;
    if (thread == 0 && !last) barrier_expect(&whole[odd], whole_bytes);
    if (step > 0) wait(&whole[1 - odd], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
    float* const parts = memory + at.hidden_parts;
    products.multiply(reinterpret_cast<const char*>(memory + at.hidden + (1 - odd) * at.vectors),
                      chain.rows, parts, warp, lane);
    if (given) {
      copies_wait<steps_ahead - 1>();
      meet(hidden_warps, half_threads);
    } else {
      meet(inputs_ready + odd, 2 * half_threads);
    }
#pragma unroll
    for (int n = 0; n < most; ++n) {
      Unit<Cell, math>& own = units[n];
      if (n * half_threads + warp * 32 >= owned) continue;  // all lanes of the warp
      const int number = thread + n * half_threads;
      if (own.there) {
        float x[gates] = {}, a[gates];
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          if (given)
            x[g] = memory[at.given + ((step % input_buffers) * gates + g) * at.given_row + number] +
                   memory[at.bias + g * unit_cap + own.unit];
          else
            x[g] = memory[at.inputs + odd * at.sums + own.row * length + g * unit_cap + own.unit];
          a[g] = sum_of_warps(parts + own.row * parts_stride(gates) +
                              (g * unit_cap + own.unit) * group_stride);
          if (!Cell::adds_products(g)) a[g] += own.apart;
        }
        update_quickly<Cell>(x, a, own.h, own.c, launch.activation);
        if (!own.real) own.h = 0;  // not NaN, where an input is infinite
      }
      const auto above = [&]() -> uint4* {
        if (!stacked || !chain.above) return nullptr;
        const int now = chain.reverse ? launch.steps - 1 - step : step;
        return static_cast<uint4*>(chain.above) + 1 +
               ((std::int64_t{now} * chain.rows + own.row) * blocks + rank) *
                   (unit_cap / tagged_units);
      };
      const int place = int(sizeof(float)) * (at.hidden + odd * at.vectors) +
                        (own.row * vector_stride(k_lane) + first) * bytes;
      receivers.hand_on(own.h, scale, own.there, last ? -1 : place, odd * int(sizeof *whole), above,
                        tag, lane);
      if (own.y) *own.y = from_f32<Stored<math>>(own.h), own.y += kept(y_step, chain.y_step);
    }
    fetch(step + steps_ahead);
    // Nobody waits for the last two.
    if constexpr (stacked)
      if (!given && step + 2 < launch.steps) arrive(inputs_read + odd, 2 * half_threads);
  };
  if constexpr (roomy) {
    for (int step = 0; step < launch.steps; step += 2) {
      make_step(0, step);
      if (step + 1 < launch.steps) make_step(1, step + 1);
    }
  } else {
    for (int step = 0; step < launch.steps; ++step) make_step(step & 1, step);
  }
#pragma unroll
  for (int n = 0; n < most; ++n) units[n].end(chain, launch, first);
  // Every block has read it: those of this cluster before its barrier, and those of the layers
  // below before they wrote the words that the last step needed.
  if (chain.ends_epoch && rank == 0 && thread == 0) *chain.epoch += 1;
}

/// Shared memory before the first step: zeros, h_0, the biases, and the largest values.
template <class Cell, int k_lane, Math math, bool stacked, bool few>
__device__ __forceinline__ void begin_block(const Chain& chain, const Launch& launch,
                                            const Layout& at, float* memory, int first) {
  constexpr Element element = element_of<math, Cell::gates, few>;
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  const int states = chain.rows * launch.hidden;
  // What no step writes is multiplied by weights of zero, and must be a number.
  for (int i = at.hidden + thread; i < at.floats; i += threads) memory[i] = 0;
  if constexpr (element == Element::split) {
    constexpr int gates = Cell::gates;
    raise(largest_at(memory, of_weights),
          largest_weight<gates, math>(chain.w_hh, launch.hidden, first, unit_cap));
    raise(largest_at(memory, of_h), largest_state<math>(chain.h_0, states));
    if (stacked && chain.below)
      raise(largest_at(memory, of_input_weights),
            largest_weight<gates, math>(chain.w_ih, launch.hidden, first, unit_cap));
  }
  __syncthreads();
  const float scale = scale_of<element>(memory, of_h);
  for (int i = thread; i < states; i += threads) {
    char* const vector = reinterpret_cast<char*>(memory + at.hidden + at.vectors) +
                         i / launch.hidden * vector_stride(k_lane) * (is_wide<element> ? 4 : 2);
    put<element>(vector, i % launch.hidden, bits<element>(load<math>(chain.h_0, i) * scale));
  }
  for (int i = thread; i < row_length(Cell::gates); i += threads) {
    const int gate = i / unit_cap, unit = first + i % unit_cap;
    if (unit < launch.hidden)
      memory[at.bias + i] =
          sum_bias<Cell, math>(chain, gate, gate * std::int64_t{launch.hidden} + unit);
  }
}

/// Grid: clusters times blocks; launch with a cluster dimension, and cooperatively where clusters
/// wait on each other. few: for few rows, f32 and not stacked.
template <class Cell, int k_lane, Math math, bool stacked, bool few>
__global__ void __launch_bounds__(half_threads*(stacked ? 2 : 1), 1)
    persistent_cluster(const __grid_constant__ Launch launch) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  RNNBENCH_DYNAMIC_SHARED(memory);
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);  // h of an even or odd step is
  const int blocks = cluster_blocks(), rank = cluster_rank(), first = rank * unit_cap;
  const int thread = int(threadIdx.x);
  // In shared memory: in registers it would take those of the weights.
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) {
    chain = launch.chains[blockIdx.x / blocks];
    for (int k = 0; k < 2; ++k) barrier_init(&whole[k], 1);
    barriers_ready();
    for (int k = 0; k < 3; ++k) *largest_at(memory, Largest(k)) = 0;
  }
  __syncthreads();
  constexpr int bytes = is_wide<element_of<math, Cell::gates, few>> ? 4 : 2;
  const Layout at = layout(Cell::gates, k_lane, bytes, chain.rows, stacked);
  // Before the barrier of the cluster, after which a block may end and hand it on.
  const std::uint32_t tag = chain.epoch ? (*chain.epoch + 1) & 1 : 0;
  begin_block<Cell, k_lane, math, stacked, few>(chain, launch, at, memory, first);
  __syncthreads();
  cluster_arrive_and_wait();
  if (!stacked || thread < half_threads)
    step_units<Cell, k_lane, math, stacked, few>(chain, launch, at, memory, whole, thread, rank,
                                                 blocks, tag);
  else if (chain.below)
    make_inputs<Cell, k_lane, math>(chain, launch, at, memory, thread - half_threads, first, blocks,
                                    tag);
#endif
}

}  // namespace rnnbench::persistent
