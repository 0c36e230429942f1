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

/// Threads that come to a group's meetings: groups share out the gate warps.
__device__ __forceinline__ int meeting_threads(const Groups& groups) {
  return half_threads + 32 * gate_warps / groups.count;
}

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
                                                float* memory, int thread) {
  // h is whole: of each group, in an even or odd step.
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);
  constexpr Element element = element_of<math, Cell::gates>;
  constexpr int bytes = is_wide<element> ? 4 : 2;
  const int warp = thread / 32, lane = thread % 32;
  // Locals, because what lies in shared memory is read again after every barrier.
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap, all = chain.rows;
  const Groups groups = groups_of(all);
  const Layout at = wavefront_layout(Cell::gates, k_lane, is_wide<element> ? 4 : 2, all);
  const int meeting = meeting_threads(groups);
  Products<Cell::gates, k_lane, math, false> products;
  products.read(chain.w_hh, warp, lane, first, launch, scale_of<element>(memory, of_weights),
                scale_of<element>(memory, of_h), memory + at.parked);
  for (int step = 0; step < launch.steps; ++step) {
    const int odd = step & 1;
    const auto make_group = [&](int group, int rows) {
      if (thread == 0 && step < launch.steps - 1)
        barrier_expect(&whole[group * 2 + odd], rows * unit_cap * blocks * bytes);
      if (step > 0)
        wait(&whole[group * 2 + 1 - odd], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
      products.multiply(reinterpret_cast<const char*>(memory + at.hidden + (1 - odd) * at.vectors +
                                                      group * at.group),
                        rows,
                        memory + at.hidden_parts + groups.begin(group) * parts_stride(Cell::gates),
                        warp, lane);
      arrive(hidden_ready + group, meeting);
    };
    make_group(0, groups.first);
    if (groups.count > 1) make_group(1, all - groups.first);
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
                                                float* memory, int thread) {
  constexpr Element element = element_of<math, Cell::gates>;
  const int warp = thread / 32, lane = thread % 32;
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap, all = chain.rows;
  const std::uint32_t tag = *tag_at(memory);
  const Groups groups = groups_of(all);
  const Layout at = wavefront_layout(Cell::gates, k_lane, is_wide<element> ? 4 : 2, all);
  const int meeting = meeting_threads(groups);
  int log_words = 0;
  while (1 << log_words < unit_cap / tagged_units * blocks) ++log_words;
  Products<Cell::gates, k_lane, math, false> products;
  products.read(chain.w_ih, warp, lane, first, launch, scale_of<element>(memory, of_input_weights),
                element == Element::split ? scale_below(chain, launch, tag) : 1.0f,
                memory + at.parked + half_warps * products.parked_bytes / 4);
  constexpr int at_once = parks_weights(Cell::gates, k_lane, is_wide<element> ? 4 : 2) ? 1 : 2;
  constexpr bool ahead = at_once > 1;  // where weights leave registers for it
  Below<at_once> below;
  const std::int64_t step_bytes = std::int64_t{all << log_words} * tagged_bytes;
  const int words_0 = groups.first << log_words, words_1 = (all - groups.first) << log_words;
  const char* from = static_cast<const char*>(chain.below) + tagged_bytes +
                     (chain.reverse ? launch.steps - 1 : 0) * step_bytes;
  const std::int64_t onward = chain.reverse ? -step_bytes : step_bytes;
  if constexpr (ahead) below.ask(from, words_0, thread);
  int turn = 0;
  for (int step = 0; step < launch.steps; ++step) {
    const int odd = step & 1;
    const auto make_group = [&](int group, int rows, int words) {
      char* const vectors = reinterpret_cast<char*>(memory + at.below + turn * at.group);
      const char* const own = from + (group == 0 ? 0 : words_0 * tagged_bytes);
#pragma unroll 1
      for (int begin = thread; begin < words; begin += at_once * half_threads) {
        if (!ahead || begin != thread) below.ask(own, words, begin);
        below.template bring<element, k_lane>(own, words, begin, launch, log_words, step, tag,
                                              vectors);
      }
      meet(input_warps, half_threads);
      if (group == groups.count - 1) from += onward;
      if constexpr (ahead) {
        if (group < groups.count - 1)
          below.ask(from + words_0 * tagged_bytes, words_1, thread);
        else if (step + 1 < launch.steps)
          below.ask(from, words_0, thread);
      }
      if (step >= 2) meet(inputs_read + group * 2 + odd, meeting);
      products.multiply(
          vectors, rows,
          memory + at.below_parts + (odd * all + groups.begin(group)) * parts_stride(Cell::gates),
          warp, lane);
      arrive(inputs_ready + group * 2 + odd, meeting);
      turn ^= 1;
    };
    make_group(0, groups.first, words_0);
    if (groups.count > 1) make_group(1, all - groups.first, words_1);
  }
}

/// The warps that make the gates, of a group each: of up to twice two rows, a unit a lane.
template <class Cell, int k_lane, Math math>
__device__ __forceinline__ void make_gates(const Chain& chain, const Launch& launch, float* memory,
                                           int warp, int lane) {
  constexpr Element element = element_of<math, Cell::gates>;
  constexpr int gates = Cell::gates, bytes = is_wide<element> ? 4 : 2, most = 2;
  constexpr int stride = parts_stride(gates);
  const std::uint32_t tag = *tag_at(memory);
  const int blocks = cluster_blocks(), rank = cluster_rank(), all = chain.rows;
  const int first = rank * unit_cap, unit = first + lane % unit_cap;
  const Groups groups = groups_of(all);
  const Layout at = wavefront_layout(Cell::gates, k_lane, is_wide<element> ? 4 : 2, all);
  const int warps = gate_warps / groups.count;  // of a group
  const int group = warp / warps, meeting = meeting_threads(groups);
  const float scale = scale_of<element>(memory, of_h);
  if (chain.above && rank == 0 && warp == 0 && lane == 0)
    store_word(chain.above, {__float_as_uint(scale), 0, tag, 0});
  const auto onward = [&](std::int64_t step) { return chain.reverse ? -step : step; };
  const std::int64_t gates_step = onward(chain.gates_step), y_step = onward(chain.y_step);
  const std::int64_t above_row = blocks * (unit_cap / tagged_units);
  const std::int64_t above_step = onward(all * above_row);
  const bool below = chain.below;
  const Receivers<element, math> receivers(memory, lane, blocks);
  float bias[gates] = {};
  if (unit < launch.hidden)
#pragma unroll
    for (int g = 0; g < gates; ++g)
      bias[g] = sum_bias<Cell, math>(chain, g, g * std::int64_t{launch.hidden} + unit);

  Unit<Cell, math> units[most];
  const float* given[most] = {};  // of the step to come; null: none
  float next[most][gates] = {};
  uint4* above[most] = {};  // the row's word for this block's first unit, or null
  bool has[most] = {};      // whether the warp has such rows
  int place[most] = {};
  const auto ask = [&](int n) {
    if (!given[n]) return;
#pragma unroll
    for (int g = 0; g < gates; ++g) next[n][g] = given[n][g * launch.hidden];
    given[n] += gates_step;
  };
#pragma unroll
  for (int n = 0; n < most; ++n) {
    const int row = 2 * (warp % warps + n * warps);  // of the group
    has[n] = row < groups.rows(group, all);
    if (!has[n]) continue;
    Unit<Cell, math>& own = units[n];
    own.begin(chain, launch, (groups.begin(group) + row) * unit_cap + lane, first);
    place[n] = int(sizeof(float)) * (at.hidden + group * at.group) +
               ((row + lane / unit_cap) * vector_stride(k_lane) + first) * bytes;
    const std::int64_t now = chain.reverse ? launch.steps - 1 : 0;
    if (chain.gates && own.real)
      given[n] = chain.gates + now * chain.gates_step + own.row * chain.gates_row + unit;
    if (chain.above)
      above[n] = static_cast<uint4*>(chain.above) + 1 + (now * all + own.row) * above_row +
                 rank * (unit_cap / tagged_units);
    ask(n);
  }
  const auto sum = [&](int parts, int n, int g) {
    return sum_of_warps(memory + parts + units[n].row * stride +
                        (g * unit_cap + units[n].unit) * group_stride);
  };

  for (int step = 0; step < launch.steps; ++step) {
    const int odd = step & 1;
    float x[most][gates];
#pragma unroll
    for (int n = 0; n < most; ++n)
#pragma unroll
      for (int g = 0; g < gates; ++g) x[n][g] = next[n][g] + bias[g];
    if (below) {
      meet(inputs_ready + group * 2 + odd, meeting);
#pragma unroll
      for (int n = 0; n < most; ++n)
        if (units[n].there)
#pragma unroll
          for (int g = 0; g < gates; ++g) x[n][g] += sum(at.below_parts + odd * all * stride, n, g);
      // Nobody waits for the last two.
      if (step + 2 < launch.steps) arrive(inputs_read + group * 2 + odd, meeting);
    }
    meet(hidden_ready + group, meeting);
#pragma unroll
    for (int n = 0; n < most; ++n) {
      Unit<Cell, math>& own = units[n];
      if (!own.there) continue;
      float a[gates];
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        a[g] = sum(at.hidden_parts, n, g);
        if (!Cell::adds_products(g)) a[g] += own.apart;
      }
      update_quickly<Cell, math>(x[n], a, own.h, own.c, launch.activation);
      if (!own.real) own.h = 0;  // not NaN, where an input is infinite
    }
    if (step < launch.steps - 1)
#pragma unroll
      for (int n = 0; n < most; ++n)
        if (has[n])
          receivers.send(units[n].h, scale, units[n].there,
                         place[n] + odd * int(sizeof(float)) * at.vectors,
                         (group * 2 + odd) * int(sizeof(std::uint64_t)), lane);
#pragma unroll
    for (int n = 0; n < most; ++n) {
      if (!has[n]) continue;
      Unit<Cell, math>& own = units[n];
      if (above[n]) {
        receivers.send_above(own.h, scale, own.there, above[n], tag, lane);
        above[n] += above_step;
      }
      if (own.y) *own.y = from_f32<Stored<math>>(own.h), own.y += y_step;
      if (step + 1 < launch.steps) ask(n);
    }
  }
#pragma unroll
  for (int n = 0; n < most; ++n) units[n].end(chain, launch, first);
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
  const int blocks = cluster_blocks(), first = cluster_rank() * unit_cap;
  const int thread = int(threadIdx.x);
  // In shared memory: in registers it would take those of the weights.
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) {
    chain = launch.chains[blockIdx.x / blocks];
    for (int k = 0; k < barriers; ++k)
      barrier_init(reinterpret_cast<std::uint64_t*>(memory) + k, 1);
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
    multiply_hidden<Cell, k_lane, math>(chain, launch, memory, thread);
  else if (thread >= 2 * half_threads)
    make_gates<Cell, k_lane, math>(chain, launch, memory, thread / 32 - 2 * half_warps,
                                   thread % 32);
  else if (chain.below)
    multiply_inputs<Cell, k_lane, math>(chain, launch, memory, thread - half_threads);
#endif
}

}  // namespace rnnbench::persistent
