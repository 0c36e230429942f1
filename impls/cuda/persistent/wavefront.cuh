// The persistent wavefront kernel: a stack of layers at once, one launch for a whole sequence.
//
// Each layer is a cluster, as in cluster.cuh, and hands h on through the L2 in words that carry
// their own validity: the reader looks at the data itself until it is there. A block's warps each
// do one thing. Eight multiply h of the step before by W_hh, eight more h of the layer below by
// W_ih, and five add up what these made, compute the gates and hand h on, to the cluster and to the
// layer above. With more than eight rows the block has two groups of them, one after the other in
// each step: while the h of one is on its way and its gates are made, the other's is multiplied.
//
// What bounds it: tensor cores and the way between SMs share the load, and neither is full; a step
// is as long as the chain of one group, unless both groups' products or stores take longer.
// Teaches: warps that do one thing each, and pipelines between them by named barriers.
//
// Why no buffer is overwritten too early: of each group, for the reasons in cluster.cuh. Sums of
// input products have two buffers for each group, and who read one says so (`inputs_read`). Vectors
// of the layer below have two buffers in turns: one is written when all input warps have met after
// the one before, and they had read it then.
#pragma once

#include "impls/cuda/persistent/cluster_block.cuh"

namespace rnnbench::persistent {

/// Barriers of the block. A group's gates wait for its products; of inputs in an even or odd step.
enum Meeting { input_warps = 1, hidden_ready = 2, inputs_ready = 4, inputs_read = 8 };

/// Warps that make the gates of so many rows.
__device__ __forceinline__ int warps_for(int rows) { return (rows + 1) / 2; }
/// Threads that come to a group's meetings: all gate warps, those without a row of it too.
inline constexpr int meeting_threads = half_threads + 32 * gate_warps;

/// The tag of this call's words. In shared memory, because registers are full of weights.
__device__ __forceinline__ std::uint32_t* tag_at(float* memory) {
  return reinterpret_cast<std::uint32_t*>(memory) + tag_place;
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

/// The warps that multiply h.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void multiply_hidden(const Chain& chain, const Launch& launch,
                                                const Layout& at, float* memory,
                                                std::uint64_t* whole, int thread) {
  constexpr Element element = element_of<math, Cell::gates>;
  constexpr int bytes = is_wide<element> ? 4 : 2;
  const int warp = thread / 32, lane = thread % 32;
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap;
  const Groups groups = groups_of(chain.rows);
  Products<Cell::gates, k_lane, math, false> products;
  products.read(chain.w_hh, warp, lane, first, launch, scale_of<element>(memory, of_weights),
                scale_of<element>(memory, of_h), memory + at.parked);
  for (int step = 0; step < launch.steps; ++step) {
    const int odd = step & 1;
    for (int group = 0; group < groups.count; ++group) {
      const int rows = groups.rows(group, chain.rows);
      if (thread == 0 && step < launch.steps - 1)
        barrier_expect(&whole[group * 2 + odd], rows * unit_cap * blocks * bytes);
      if (step > 0)
        wait(&whole[group * 2 + 1 - odd], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
      products.multiply(reinterpret_cast<const char*>(memory + at.hidden + (1 - odd) * at.vectors +
                                                      group * at.group),
                        rows,
                        memory + at.hidden_parts + groups.begin(group) * parts_stride(Cell::gates),
                        warp, lane);
      arrive(hidden_ready + group, meeting_threads);
    }
  }
}

/// Words of the layer below for a group of rows, on their way to a thread: `most` at once.
template <int most>
struct Below {
  uint4 word[most] = {};

  /// from: of the group's `count` words. begin: the first of the thread's.
  __device__ __forceinline__ void ask(const char* from, int count, int begin) {
#pragma unroll
    for (int n = 0; n < most; ++n) {
      const int i = begin + n * half_threads;
      load_word(word[n], from + i * tagged_bytes, i < count);
    }
  }
  /// What was asked for to `vectors`, each as soon as it is there. log_words: of a row's words.
  template <Element element, int k_lane>
  __device__ __forceinline__ void bring(const char* from, int count, int begin,
                                        const Launch& launch, int log_words, int step,
                                        std::uint32_t tag, char* vectors) {
    constexpr int bytes = is_wide<element> ? 4 : 2;
#pragma unroll
    for (int n = 0; n < most; ++n) {
      const int i = begin + n * half_threads, row = i >> log_words;
      if (i >= count) continue;
      for (Watchdog watchdog; (word[n].z & 1) != tag;
           load_word(word[n], from + i * tagged_bytes, true))
        watchdog.look(launch, Waits::below, step);
      word[n].z &= ~1u;  // the same bits in every call
      char* const to =
          vectors + (row * vector_stride(k_lane) + (i - (row << log_words)) * tagged_units) * bytes;
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
    }
  }
};

/// The warps that multiply h of the layer below, up to two steps ahead of the gates. Words of the
/// next group are asked for before this one's products.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void multiply_inputs(const Chain& chain, const Launch& launch,
                                                const Layout& at, float* memory, int thread) {
  constexpr Element element = element_of<math, Cell::gates>;
  const int warp = thread / 32, lane = thread % 32;
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap;
  const std::uint32_t tag = *tag_at(memory);
  const Groups groups = groups_of(chain.rows);
  int log_words = 0;
  while (1 << log_words < unit_cap / tagged_units * blocks) ++log_words;
  Products<Cell::gates, k_lane, math, false> products;
  products.read(chain.w_ih, warp, lane, first, launch, scale_of<element>(memory, of_input_weights),
                element == Element::split ? scale_below(chain, launch, tag) : 1.0f,
                memory + at.parked + half_warps * products.parked_bytes / 4);
  constexpr int at_once = parks_weights(Cell::gates, k_lane, is_wide<element> ? 4 : 2) ? 1 : 2;
  constexpr bool ahead = at_once > 1;  // where weights leave registers for it
  Below<at_once> below;
  const auto words = [&](int step, int group) {
    const std::int64_t now = chain.reverse ? launch.steps - 1 - step : step;
    const std::int64_t before = (now * chain.rows + groups.begin(group)) << log_words;
    return static_cast<const char*>(chain.below) + (before + 1) * tagged_bytes;
  };
  const auto count = [&](int group) { return groups.rows(group, chain.rows) << log_words; };
  if constexpr (ahead) below.ask(words(0, 0), count(0), thread);
  int turn = 0;
  for (int step = 0; step < launch.steps; ++step) {
    const int odd = step & 1;
    for (int group = 0; group < groups.count; ++group, turn ^= 1) {
      char* const vectors = reinterpret_cast<char*>(memory + at.below + turn * at.group);
#pragma unroll 1
      for (int begin = thread; begin < count(group); begin += at_once * half_threads) {
        const char* const from = words(step, group);
        if (!ahead || begin != thread) below.ask(from, count(group), begin);
        below.template bring<element, k_lane>(from, count(group), begin, launch, log_words, step,
                                              tag, vectors);
      }
      meet(input_warps, half_threads);
      if (!ahead) {
      } else if (group + 1 < groups.count)
        below.ask(words(step, group + 1), count(group + 1), thread);
      else if (step + 1 < launch.steps)
        below.ask(words(step + 1, 0), count(0), thread);
      const int rows = groups.rows(group, chain.rows), meeting = group * 2 + odd;
      if (step >= 2) meet(inputs_read + meeting, meeting_threads);
      products.multiply(vectors, rows,
                        memory + at.below_parts +
                            (odd * chain.rows + groups.begin(group)) * parts_stride(Cell::gates),
                        warp, lane);
      arrive(inputs_ready + meeting, meeting_threads);
    }
  }
}

/// The warps that make the gates: each of up to two rows of a group, a unit a lane.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void make_gates(const Chain& chain, const Launch& launch,
                                           const Layout& at, float* memory, int warp, int lane) {
  constexpr Element element = element_of<math, Cell::gates>;
  constexpr int gates = Cell::gates, bytes = is_wide<element> ? 4 : 2, most = 2;
  constexpr int stride = parts_stride(gates);
  const std::uint32_t tag = *tag_at(memory);
  const int blocks = cluster_blocks(), rank = cluster_rank();
  const int first = rank * unit_cap, unit = first + lane % unit_cap;
  const Groups groups = groups_of(chain.rows);
  const float scale = scale_of<element>(memory, of_h);
  if (chain.above && rank == 0 && warp == 0 && lane == 0)
    store_word(chain.above, {__float_as_uint(scale), 0, tag, 0});
  const auto onward = [&](std::int64_t step) { return chain.reverse ? -step : step; };
  const std::int64_t gates_step = onward(chain.gates_step), y_step = onward(chain.y_step);
  const Receivers<element, math> receivers(memory, lane, blocks);
  float bias[gates] = {};
  if (unit < launch.hidden)
#pragma unroll
    for (int g = 0; g < gates; ++g)
      bias[g] = sum_bias<Cell, math>(chain, g, g * std::int64_t{launch.hidden} + unit);

  Unit<Cell, math> units[most];
  const float* given[most] = {};  // of the step to come; null: none
  float next[most][gates] = {};
  int place[most] = {}, own_parts[most] = {};
  bool has[most] = {};  // whether the warp has rows of the group
  const auto ask = [&](int group) {
    if (!given[group]) return;
#pragma unroll
    for (int g = 0; g < gates; ++g) next[group][g] = given[group][g * launch.hidden];
    given[group] += gates_step;
  };
#pragma unroll
  for (int group = 0; group < most; ++group) {
    if (group >= groups.count) continue;
    const int rows = groups.rows(group, chain.rows);
    // Warps that the first group leaves over take the second's first rows.
    const int pair = group == 0 ? warp : (warp + gate_warps - warps_for(groups.first)) % gate_warps;
    if (pair >= warps_for(rows)) continue;
    has[group] = true;
    Unit<Cell, math>& own = units[group];
    own.begin(chain, launch, (groups.begin(group) + 2 * pair) * unit_cap + lane, first);
    place[group] = int(sizeof(float)) * (at.hidden + group * at.group) +
                   ((own.row - groups.begin(group)) * vector_stride(k_lane) + first) * bytes;
    own_parts[group] = own.row * stride + own.unit * group_stride;
    if (chain.gates && own.real)
      given[group] = chain.gates + (chain.reverse ? launch.steps - 1 : 0) * chain.gates_step +
                     own.row * chain.gates_row + unit;
    ask(group);
  }

  const auto make_group = [&](int group, int odd, int step) {
    Unit<Cell, math>& own = units[group];
    const int meeting = group * 2 + odd;
    float x[gates], a[gates];
#pragma unroll
    for (int g = 0; g < gates; ++g) x[g] = next[group][g] + bias[g];
    if (chain.below) {
      meet(inputs_ready + meeting, meeting_threads);
      if (own.there)
#pragma unroll
        for (int g = 0; g < gates; ++g)
          x[g] = bias[g] + sum_of_warps(memory + at.below_parts + odd * chain.rows * stride +
                                        own_parts[group] + g * unit_cap * group_stride);
      // Nobody waits for the last two.
      if (step + 2 < launch.steps) arrive(inputs_read + meeting, meeting_threads);
    }
    meet(hidden_ready + group, meeting_threads);
    if (!has[group]) return;
    if (own.there) {
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        a[g] =
            sum_of_warps(memory + at.hidden_parts + own_parts[group] + g * unit_cap * group_stride);
        if (!Cell::adds_products(g)) a[g] += own.apart;
      }
      update_quickly<Cell, math>(x, a, own.h, own.c, launch.activation);
      if (!own.real) own.h = 0;  // not NaN, where an input is infinite
    }
    if (step < launch.steps - 1)
      receivers.send(own.h, scale, own.there, place[group] + odd * int(sizeof(float)) * at.vectors,
                     meeting * int(sizeof(std::uint64_t)), lane);
    if (chain.above) {
      const int now = chain.reverse ? launch.steps - 1 - step : step;
      receivers.send_above(own.h, scale, own.there,
                           static_cast<uint4*>(chain.above) + 1 +
                               ((std::int64_t{now} * chain.rows + own.row) * blocks + rank) *
                                   (unit_cap / tagged_units),
                           tag, lane);
    }
    if (own.y) *own.y = from_f32<Stored<math>>(own.h), own.y += y_step;
    if (step + 1 < launch.steps) ask(group);
  };
  for (int step = 0; step < launch.steps; ++step)
#pragma unroll
    for (int group = 0; group < most; ++group)
      if (group < groups.count) make_group(group, step & 1, step);
#pragma unroll
  for (int group = 0; group < most; ++group) units[group].end(chain, launch, first);
  // Every block has read it: those of this cluster before its barrier, and those of the layers
  // below before they wrote the words that the last step needed.
  jitter();
  if (chain.ends_epoch && rank == 0 && warp == 0 && lane == 0) *chain.epoch += 1;
}

/// Grid: clusters times blocks; launch with a cluster dimension, and cooperatively, because
/// clusters wait on each other.
template <class Cell, int k_lane, Math math>
__global__ void __launch_bounds__(wavefront_threads, 1)
    persistent_wavefront(const __grid_constant__ Launch launch) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  constexpr Element element = element_of<math, Cell::gates>;
  RNNBENCH_DYNAMIC_SHARED(memory);
  // h is whole: of each group, in an even or odd step.
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap;
  const int thread = int(threadIdx.x);
  // In shared memory: in registers it would take those of the weights.
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) {
    chain = launch.chains[blockIdx.x / blocks];
    for (int k = 0; k < barriers; ++k) barrier_init(&whole[k], 1);
    barriers_ready();
    for (int k = 0; k < largests; ++k) *largest_at(memory, Largest(k)) = 0;
    // Before the barrier of the cluster, after which a block may end and hand it on.
    jitter();
    *tag_at(memory) = (*chain.epoch + 1) & 1;
  }
  __syncthreads();
  const Layout at = wavefront_layout(Cell::gates, k_lane, is_wide<element> ? 4 : 2, chain.rows);
  const Groups groups = groups_of(chain.rows);
  begin_block<Cell, k_lane, math, element>(chain, launch, at, memory, first, [&](int row) {
    return row < groups.first ? row : group_rows + row - groups.first;
  });
  __syncthreads();
  cluster_arrive_and_wait();
  if (thread < half_threads)
    multiply_hidden<Cell, k_lane, math>(chain, launch, at, memory, whole, thread);
  else if (thread >= 2 * half_threads)
    make_gates<Cell, k_lane, math>(chain, launch, at, memory, thread / 32 - 2 * half_warps,
                                   thread % 32);
  else if (chain.below)
    multiply_inputs<Cell, k_lane, math>(chain, launch, at, memory, thread - half_threads);
#endif
}

}  // namespace rnnbench::persistent
