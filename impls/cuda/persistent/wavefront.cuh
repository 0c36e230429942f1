// The persistent wavefront kernel: a stack of layers at once, one launch for a whole sequence.
//
// Each layer is a cluster, as in cluster.cuh, and hands h on through the L2 in words that carry
// their own validity: the reader looks at the data itself until it is there. Eight more warps of
// each block make its input products from them, of two steps at once, in the time that the hidden
// warps wait for h. With 32 units in a block those warps find their weights in shared memory and
// leave most of their registers to the hidden warps, which hold theirs there.
//
// What bounds it: h on its way to all blocks, 10 to 16 bytes a clock out of an SM; tensor cores
// that both halves of the warps share; and gates that only as many threads as units and rows make.
// Teaches: how layers depend on each other only by their data, and that the work beside a chain has
// a chain of its own, which must not become the longer one.
//
// Why no buffer is overwritten too early: as in cluster.cuh. Sums of inputs have places for two
// pairs of steps, and who has read them says so (inputs_read). h of the layer below is brought when
// all input warps have met after the products before it.
#pragma once

#include "impls/cuda/persistent/cluster_block.cuh"

namespace rnnbench::persistent {

/// Barriers of the block that `threads` threads come to: of the hidden warps, of the input warps,
/// and of both, where input sums of an even or odd pair of steps (or step) are there, and have been
/// read.
enum Meeting { hidden_warps = 1, input_warps = 2, inputs_ready = 3, inputs_read = 5 };

/// Whether registers hold little beside the weights.
template <class Cell, int units, Math math>
inline constexpr bool tight = Cell::gates > 1 && math == Math::f32&& units == 16;

/// What h of the layer below is multiplied by: the first of its words.
__device__ __forceinline__ float scale_below(const Chain& chain, const Launch& launch,
                                             std::uint32_t tag) {
  uint4 word = load_word(chain.below);
  for (Watchdog watchdog; (word.z & 1) != tag; word = load_word(chain.below))
    watchdog.look(launch, Waits::below, 0);
  return __uint_as_float(word.x);
}

/// h of the layer below in `count` steps, each word as soon as it is there: [count * rows] vectors.
/// log_words: of a row's words. group: words that a thread waits for at once.
template <Element element, int k_lane, int group>
__device__ __forceinline__ void bring_below(const Chain& chain, const Launch& launch, int thread,
                                            int log_words, int step, int count, std::uint32_t tag,
                                            char* vectors) {
  constexpr int bytes = is_wide<element> ? 4 : 2;
  const int of_a_step = chain.rows << log_words, words = count * of_a_step;
  const char* const from =
      static_cast<const char*>(chain.below) + (std::int64_t{step} * of_a_step + 1) * tagged_bytes;
  for (int begin = thread; begin < words; begin += group * half_threads) {
    uint4 word[group] = {};
    unsigned missing = 0;
#pragma unroll
    for (int n = 0; n < group; ++n) {
      const int i = begin + n * half_threads;
      missing |= unsigned(i < words) << n;
      load_word_in_turn(word[n], from + i * tagged_bytes, i < words);
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
          load_word_in_turn(word[n], from + i * tagged_bytes, true);
        }
      }
      if (!missing) break;
      watchdog.look(launch, Waits::below, step);
    }
  }
}

/// The warps that make the input products of a stacked layer, up to two pairs of steps ahead of
/// the others: two steps' rows are fewer tiles of eight, one wait, and weights read once.
template <class Cell, int units, int k_lane, Math math, int input_steps>
__device__ __forceinline__ void make_inputs(const Chain& chain, const Launch& launch,
                                            const Layout& at, float* memory, int thread, int first,
                                            int blocks, std::uint32_t tag) {
  constexpr Element element = element_of<math, Cell::gates, Kind::stacked>;
  constexpr int length = row_length(Cell::gates, units);
  const int warp = thread / 32, lane = thread % 32;
  int log_words = 0;
  while (1 << log_words < units / tagged_units * blocks) ++log_words;
  constexpr bool shared = shares_weights(Cell::gates, units, is_wide<element> ? 4 : 2);
  constexpr bool roomy = !tight<Cell, units, math>;
  Products<Cell::gates, units, k_lane, math, Kind::stacked, roomy || shared, roomy && !shared,
           shared>
      products;
  if constexpr (has_scale<element>) products.take_scale(scale_below(chain, launch, tag));
  products.read(chain.w_ih, warp, lane, first, launch, scale_of<element>(memory, of_input_weights),
                memory + at.weights);
  char* const vectors = reinterpret_cast<char*>(memory + at.below);
  for (int step = 0; step < launch.steps; step += input_steps) {
    const int count = min(input_steps, launch.steps - step), pair = step / input_steps & 1;
    bring_below<element, k_lane, shared || !roomy ? 3 : 5>(chain, launch, thread, log_words, step,
                                                           count, tag, vectors);
    meet(input_warps, half_threads);
    products.multiply(vectors, count * chain.rows, memory + at.below_parts, warp, lane);
    meet(input_warps, half_threads);
    if (step >= 2 * input_steps) meet(inputs_read + pair, 2 * half_threads);
    float* const sums = memory + at.inputs + pair * input_steps * at.sums;
    for (int i = thread; i < count * chain.rows * length; i += half_threads)
      sums[i] =
          memory[at.bias + i % length] + sum_of_warps(memory + at.below_parts + i * group_stride);
    arrive(inputs_ready + pair, 2 * half_threads);
  }
}

/// The warps that make the hidden products and the gates.
template <class Cell, int units, int k_lane, Math math, int input_steps>
__device__ __forceinline__ void step_units(const Chain& chain, const Launch& launch,
                                           const Layout& at, float* memory, std::uint64_t* whole,
                                           int thread, int rank, int blocks, std::uint32_t tag) {
  constexpr Element element = element_of<math, Cell::gates, Kind::stacked>;
  constexpr int gates = Cell::gates, length = row_length(gates, units);
  constexpr int bytes = is_wide<element> ? 4 : 2;
  const int warp = thread / 32, lane = thread % 32, first = rank * units;
  constexpr bool roomy = !tight<Cell, units, math>;
  const bool given = !chain.below;
  const float scale = scale_of<element>(memory, of_h);
  constexpr bool pairs = units == 16 && roomy;
  Products<gates, units, k_lane, math, Kind::stacked, pairs, pairs> products;
  products.take_scale(scale);
  products.read(chain.w_hh, warp, lane, first, launch, scale_of<element>(memory, of_weights));
  if (chain.above && rank == 0 && thread == 0)
    store_word(chain.above, {__float_as_uint(scale), 0, tag, 0});
  Unit<Cell, math, units> own;
  Given<gates, units> other;
  const auto onward = [&](std::int64_t step) { return chain.reverse ? -step : step; };
  const std::int64_t gates_step = roomy ? onward(chain.gates_step) : 0;
  const std::int64_t y_step = roomy ? onward(chain.y_step) : 0;
  // Registers that are full of weights have no room for these two.
  const auto kept = [&](std::int64_t step, std::int64_t in_shared_memory) {
    return roomy ? step : onward(in_shared_memory);
  };
  own.begin(chain, launch, thread, first);
  other.begin(chain, launch, at, memory, half_threads - 1 - thread, first);
  const auto fetch = [&](int step) {
    if (!given) return;
    other.fetch(launch, at, step, kept(gates_step, chain.gates_step));
    copies_commit();
  };
  for (int step = 0; step < steps_ahead; ++step) fetch(step);
  const Receivers<element, math, units, roomy> receivers(memory, lane, blocks);
  const int owned = chain.rows * units, whole_bytes = owned * blocks * bytes;

  // odd: the step's last bit, a constant where registers hold the addresses that follow from it.
  constexpr bool paired = input_steps == 2;
  const auto make_step = [&](int odd, int step) {
    const int pair = paired ? step / 2 & 1 : odd;
    const bool last = step == launch.steps - 1;
    if (thread == 0 && !last) barrier_expect(&whole[odd], whole_bytes);
    if (step > 0) wait(&whole[1 - odd], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
    float* const parts = memory + at.hidden_parts;
    products.multiply(reinterpret_cast<const char*>(memory + at.hidden + (1 - odd) * at.vectors),
                      chain.rows, parts, warp, lane);
    if (given) copies_wait<steps_ahead - 1>();
    if (given || (paired && odd))
      meet(hidden_warps, half_threads);
    else
      meet(inputs_ready + pair, 2 * half_threads);
    if (warp * 32 < owned) {  // all lanes of the warp
      if (own.there) {
        float x[gates] = {}, a[gates];
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          if (given)
            x[g] = memory[at.given + ((step % input_buffers) * gates + g) * at.given_row + thread] +
                   memory[at.bias + g * units + own.unit];
          else
            x[g] = memory[at.inputs + (paired ? pair * 2 + odd : pair) * at.sums +
                          own.row * length + g * units + own.unit];
          a[g] = sum_of_warps(parts + own.row * parts_stride(gates, units) +
                              (g * units + own.unit) * group_stride);
          if (!Cell::adds_products(g)) a[g] += own.apart;
        }
        update_quickly<Cell, math>(x, a, own.h, own.c, launch.activation);
        if (!own.real) own.h = 0;  // not NaN, where an input is infinite
      }
      const auto above = [&]() -> uint4* {
        if (!chain.above) return nullptr;
        return static_cast<uint4*>(chain.above) + 1 +
               ((std::int64_t{step} * chain.rows + own.row) * blocks + rank) *
                   (units / tagged_units);
      };
      const int place = int(sizeof(float)) * (at.hidden + odd * at.vectors) +
                        (own.row * vector_stride(k_lane) + first) * bytes;
      receivers.hand_on(own.h, scale, own.there, last ? -1 : place, odd * int(sizeof *whole), above,
                        tag, lane);
      if (own.y) *own.y = from_f32<Stored<math>>(own.h), own.y += kept(y_step, chain.y_step);
    }
    fetch(step + steps_ahead);
    // Nobody waits for the last two.
    if (!given && (odd || !paired) && step + input_steps + 1 < launch.steps)
      arrive(inputs_read + pair, 2 * half_threads);
  };
  if constexpr (roomy) {
    for (int step = 0; step < launch.steps; step += 2) {
      make_step(0, step);
      if (step + 1 < launch.steps) make_step(1, step + 1);
    }
  } else {
    for (int step = 0; step < launch.steps; ++step) make_step(step & 1, step);
  }
  own.end(chain, launch, first);
  // Every block has read it: those of this cluster before its barrier, and those of the layers
  // below before they wrote the words that the last step needed.
  jitter();
  if (chain.ends_epoch && rank == 0 && thread == 0) *chain.epoch += 1;
}

/// Grid: clusters times blocks; launch with a cluster dimension, and cooperatively, because
/// clusters wait on each other. input_steps: whose input products are made at once, 1 or 2.
template <class Cell, int units, int k_lane, Math math, int input_steps>
__global__ void __launch_bounds__(2 * half_threads, 1)
    persistent_wavefront(const __grid_constant__ Launch launch) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  constexpr Element element = element_of<math, Cell::gates, Kind::stacked>;
  RNNBENCH_DYNAMIC_SHARED(memory);
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);  // h of an even or odd step is
  const int blocks = cluster_blocks(), rank = cluster_rank(), first = rank * units;
  const int thread = int(threadIdx.x);
  // In shared memory: in registers it would take those of the weights.
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) {
    chain = launch.chains[blockIdx.x / blocks];
    for (int k = 0; k < 2; ++k) barrier_init(&whole[k], 1);
    barriers_ready();
    for (int k = 0; k < largests; ++k) *largest_at(memory, Largest(k)) = 0;
  }
  __syncthreads();
  const Layout at =
      layout(Cell::gates, units, k_lane, is_wide<element> ? 4 : 2, chain.rows, input_steps);
  // Before the barrier of the cluster, after which a block may end and hand it on.
  jitter();
  const std::uint32_t tag = (*chain.epoch + 1) & 1;
  begin_weights<Cell, units, math, element>(chain, launch, at, memory, first);
  begin_state<k_lane, math, element>(chain, launch, at, memory);
  __syncthreads();
  cluster_arrive_and_wait();
  constexpr bool shared = shares_weights(Cell::gates, units, is_wide<element> ? 4 : 2);
  if constexpr (shared) {
    if (thread < half_threads)
      have_more_registers<184>();
    else
      have_fewer_registers<256 - 184>();
  }
  if (thread < half_threads)
    step_units<Cell, units, k_lane, math, input_steps>(chain, launch, at, memory, whole, thread,
                                                       rank, blocks, tag);
  else if (chain.below)
    make_inputs<Cell, units, k_lane, math, input_steps>(chain, launch, at, memory,
                                                        thread - half_threads, first, blocks, tag);
#endif
}

}  // namespace rnnbench::persistent
