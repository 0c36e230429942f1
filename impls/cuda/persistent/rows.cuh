// The persistent rows kernel: as grid.cuh, a layer's whole sequence in one cooperative launch over
// all SMs, for slices of one to four rows, of which tensor cores would multiply eight.
//
// Each block owns `units` hidden units with all their gates; its rows of W_hh lie in registers and,
// what does not fit, in shared memory: as f32, or, of wide layers in 16 bits, as they are stored,
// which each step then makes f32 of. What does not fit there either each thread copies to where the
// L2 keeps it, and reads it anew in each step, beginning while h is on its way. Its warps share out
// k. A warp waits for the words of h of its own k and for nothing else: it puts them into its own
// shared memory, multiplies (FFMA, in f32), and adds its lanes' sums up by shuffles, in which lanes
// give half of their sums away and keep the other half. The warps' sums meet in shared memory,
// behind the only barrier of a step; one thread for each (unit, row of the batch) adds them in a
// fixed order, updates the cell (h and c in f32 in registers) and publishes h. Whatever can wait
// until h is on its way comes after that.
//
// A word is a value of h as f32, to the nearest one whose last bit is 0, and in the last bit a tag.
// Whoever sees the tag has the value: no flag, fence or barrier. There are two buffers of words.
// Publication n, from 1 on since the exchange memory was zeroed, is in buffer n % 2 and has the tag
// (n + 1) / 2 % 2. What lies there before is publication n - 2, whose tag differs: every word has a
// part in every publication, also those of rows that this launch does not have. (Nor can it be n -
// 4: a lane has seen n - 2 at the same place before, or it is of an earlier launch.)
//
// What bounds it: weights out of the L2, where some are there; the way of h through the L2 to
// everybody, more than half of a step of a GRU of 1024 units as it is predicted; then FFMA, or
// weights out of shared memory where that has half of them; then the chain from the last word's
// coming to the next one's leaving. Teaches: how few instructions that chain can be.
//
// Why no word is overwritten too early: a thread publishes h of step s after the barrier that
// follows its block's products of s - 1, to which every warp comes when it has seen all of its
// words of s - 1: together all words of every block of the group. The owner of each of these
// published it behind its own block's barrier, when all warps there had seen all of s - 2, which is
// what the new word overwrites; a load whose value was looked at is over.
//   Sums are double-buffered: their writer in step t + 2 has passed the barrier of t + 1, where the
// readers of t arrive after their reads.
//   Where a warp puts its words only its own lanes read, before they come to the barrier of that
// step, behind which the next words are put there.
//   The number of publications is read once, by one thread, before its block publishes anything,
// and advanced by a thread that has passed the barrier of the last step: every block of the group
// has published h_0 by then, so all have read it. h_0 goes the same way as the others, because h_n
// may be written to where it lies.
// The exchange memory belongs to one shape and hidden size, and to one launch at a time.
#pragma once

#include "impls/common/jitter.cuh"
#include "impls/cuda/persistent/grid_job.hpp"
#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/rows_shapes.hpp"
#include "impls/cuda/persistent/waiting.cuh"

namespace rnnbench::persistent {

RNNBENCH_HOST_DEVICE constexpr int kept_of(int count, int lanes) {
  for (; lanes > 1; lanes /= 2) count = (count + 1) / 2;
  return count;
}

/// Of `count` values each of `lanes` lanes that are `stride` apart keeps kept_of(count, lanes), and
/// adds to them those of the others by `add(value, distance)`. One that is left over by twos is
/// kept by both.
template <int count, int lanes, class Value, int size, class Add>
__device__ __forceinline__ void keep_some(Value (&values)[size], int lane, int stride,
                                          const Add& add) {
  if constexpr (lanes > 1) {
    constexpr int half = count / 2;
    const bool upper = lane & stride;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const Value low = values[i], high = values[i + half];
      values[i] = add(upper ? high : low, upper ? low : high, stride);
    }
    if constexpr (count % 2 == 1) values[half] = add(values[count - 1], values[count - 1], stride);
    keep_some<(count + 1) / 2, lanes / 2>(values, lane, 2 * stride, add);
  }
}

/// Loads of streamed weights that each thread has under way: enough, with all threads, for the way
/// to the L2 and back.
inline constexpr int most_in_flight = 8;

/// Grid: blocks of a group, groups. Launch cooperatively: all blocks wait on each other.
template <class Cell, Math math, std::uint64_t shape_code>
__global__ void __launch_bounds__(RowsShape::threads, 1)
    persistent_rows(const __grid_constant__ GridLaunch launch) {
  using T = Stored<math>;
  constexpr RowsShape shape = RowsShape::from_code(shape_code);
  constexpr int gates = Cell::gates, batch = shape.rows, items = shape.items();
  constexpr int groups = shape.groups(), lanes = shape.lanes(), chunks = shape.chunks(),
                per = shape.piece;
  constexpr int weight_rows = shape.weight_rows(), slice = shape.slice(), each = shape.each(),
                looks_of_lane = shape.looks();
  constexpr int threads = RowsShape::threads;
  constexpr int count = batch * weight_rows, kept = kept_of(count, lanes);
  // Chains of dependent FFMA enough that one warp alone keeps its scheduler busy.
  constexpr int sets = count >= 4 ? 1 : count >= 2 ? 2 : 4;
  constexpr bool rounds = math == Math::f16 || math == Math::bf16;  // h, before it is multiplied
  static_assert(gates == shape.gates && shape.pieces <= shape.all_pieces());
  constexpr int streamed = shape.streamed_pieces();
  constexpr int in_flight = streamed == 0               ? 1
                            : streamed < most_in_flight ? streamed
                                                        : most_in_flight;

  RNNBENCH_DYNAMIC_SHARED(memory);
  const GridJob& job = launch.jobs[blockIdx.y];
  const int hidden = launch.hidden, steps = launch.steps, rows = job.rows;
  const int thread = int(threadIdx.x), lane = thread % 32;
  const int warp = __shfl_sync(~0u, thread / 32, 0);
  const int group = lane % groups, share = lane / groups;
  const int first_unit = int(blockIdx.x) * shape.units;
  uint4* const shared_weights = reinterpret_cast<uint4*>(memory) + thread;
  // Each thread writes and reads its own.
  uint4* const streamed_weights =
      reinterpret_cast<uint4*>(static_cast<char*>(job.exchange) + shape.words_bytes()) +
      std::int64_t{blockIdx.x} * streamed * threads + thread;
  float* const hidden_of_warp = memory + shape.at_hidden() + warp * batch * slice;
  float* const partials = memory + shape.at_partials();
  float* const biases = memory + shape.at_biases();
  constexpr bool keeps_places = shape.keeps_places();
  constexpr int steps_ahead = 4;  // that input products are fetched to the L2
  auto* const strides = reinterpret_cast<Strides*>(memory + shape.at_places());
  auto* const places = reinterpret_cast<Places<T>*>(strides + 1);
  auto* const waiting_since = reinterpret_cast<std::uint64_t*>(memory + shape.at_waits());
  unsigned* const count_before = reinterpret_cast<unsigned*>(memory + shape.at_count());

  jitter();
  if (thread == 0) {
    *count_before = *static_cast<const volatile unsigned*>(job.exchange);
    *strides = {job.reverse ? -job.gates_step : job.gates_step,
                job.reverse ? -job.y_step : job.y_step};
  }
  for (int unit = thread; unit < shape.units; unit += threads) {
    biases[gates * shape.units + unit] = 0;
#pragma unroll
    for (int g = 0; g < gates; ++g) {
      const bool there = first_unit + unit < hidden;
      const int column = g * hidden + first_unit + unit;
      const float b_ih = there && job.b_ih ? load<math>(job.b_ih, column) : 0.0f;
      const float b_hh = there && job.b_hh ? load<math>(job.b_hh, column) : 0.0f;
      biases[g * shape.units + unit] = b_ih + (Cell::adds_products(g) ? b_hh : 0.0f);
      if (!Cell::adds_products(g)) biases[gates * shape.units + unit] = b_hh;
    }
  }
  __syncthreads();
  const unsigned published = *count_before;

  // What a thread updates, worked out anew each time. Units beyond H are owned but not real: their
  // h stays 0, and the first of them have readers where H is no multiple of 4.
  struct Item {
    int row, unit;
    bool owned, real;
  };
  const auto item = [&](int thread) {
    Item it;
    it.row = thread / shape.units, it.unit = first_unit + thread % shape.units;
    it.owned = thread < items && it.row < rows;
    it.real = it.owned && it.unit < hidden;
    return it;
  };
  const int padded = (hidden + 3) / 4 * 4;  // words that are read
  char* const words = static_cast<char*>(job.exchange) + RowsShape::header_bytes;
  const auto tag_of = [](unsigned count) { return (count + 1) >> 1 & 1; };
  const auto word_of = [&](const Item& it, unsigned count) {
    return words + (count & 1) * shape.buffer_bytes() +
           (it.row * shape.width + it.unit) * RowsShape::word_bytes;
  };
  const auto publish = [&](float h, char* to, unsigned count) {
    const float value = rounds ? to_f32(from_f32<T>(h)) : h;
    unsigned word = __float_as_uint(value);
    if (fabsf(value) < __uint_as_float(0x7f800000)) word += word >> 1 & 1;  // to even
    store_short_word(to, (word & ~1u) | tag_of(count));
  };
  float h = 0, c = 0;
  float x[gates] = {};  // input products
  /// Inputs of `step`, y of the one before.
  const auto places_at = [&](int step) {
    const auto position = [&](int step) {
      return std::int64_t{job.reverse ? steps - 1 - step : step};
    };
    const Item it = item(thread_anew());
    Places<T> own{};
    if (it.real) {
      own.x = job.gates + position(step) * job.gates_step + it.row * job.gates_row + it.unit;
      if (job.y)
        own.y = static_cast<T*>(job.y) + position(max(step - 1, 0)) * job.y_step +
                it.row * job.y_row + it.unit;
    }
    return own;
  };
  // Whatever can wait until h is on its way: y of the step before, and input products of this one,
  // which have been fetched to the L2.
  const auto turn_over = [&](int step) {
    const int anew = thread_anew();
    if (anew >= items) return;
    Places<T> own = keeps_places ? places[anew] : places_at(step);
    const Strides next = *strides;
    if (step > 0 && own.y) {
      *own.y = from_f32<T>(h);
      own.y += next.y;
    }
    if (own.x) {
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        x[g] = __ldcs(own.x + g * hidden);
        // A step may be shorter than the way to device memory and back.
        if (step + steps_ahead < steps) fetch_to_l2(own.x + g * hidden + steps_ahead * next.x);
      }
      own.x += next.x;
    }
    if (keeps_places) places[anew] = own;
  };
  {
    const Item it = item(thread);
    if (it.real) {
      const std::int64_t place = std::int64_t{it.row} * hidden + it.unit;
      h = load<math>(job.h_0, place);
      if constexpr (Cell::has_c) c = load<math>(job.c_0, place);
    }
    if (thread < items && it.unit < padded) publish(h, word_of(it, published + 1), published + 1);
  }
  if (keeps_places && thread < items) places[thread] = places_at(0);

  // Blocks deal slices of k out from different warps on, so that they do not all ask for the same
  // words first.
  const int first_k = (warp + int(blockIdx.x)) % RowsShape::warps * slice;
  uint4 weights[chunks][weight_rows];  // those in shared memory take no registers
  {
    const bool wide =
        hidden % per == 0 && reinterpret_cast<std::uintptr_t>(job.w_hh) % (per * sizeof(T)) == 0;
    const auto piece = [&](int j, int r) {
      const int of = first_unit + r / gates * groups + group;
      return piece_of_weights<math, per>(job.w_hh, std::int64_t{r % gates} * hidden + of,
                                         of < hidden, first_k + per * (lanes * j + share), hidden,
                                         wide);
    };
#pragma unroll 1
    for (int j = 0; j < chunks; ++j) {
      const int first = shape.registers_of(j), before = shape.shared_before(j);
#pragma unroll 4  // loads at once
      for (int r = first; r < shape.resident_of(j); ++r)
        shared_weights[(before + r - first) * threads] = piece(j, r);
#pragma unroll 4
      for (int r = shape.resident_of(j); r < weight_rows; ++r)
        streamed_weights[(shape.streamed_before(j) + r - shape.resident_of(j)) * threads] =
            piece(j, r);
    }
#pragma unroll
    for (int j = 0; j < chunks; ++j)
#pragma unroll
      for (int r = 0; r < weight_rows; ++r) {
        if (r >= shape.registers_of(j)) continue;
        weights[j][r] = piece(j, r);
      }
    if (streamed > 0) __syncwarp();
  }

  // Which sums this lane is left with: of row r of the batch, unit i and gate g of the lane,
  // r * weight_rows + i * gates + g. Where they go, in floats: four warps' side by side, in an
  // order that depends on the gate, so that lanes write to banks of their own.
  int place[count];
#pragma unroll
  for (int i = 0; i < count; ++i) {
    const int g = i % gates, of = i % weight_rows / gates * groups + group;
    const int own = i / weight_rows * shape.units + of;
    place[i] = ((warp / 4 * gates + g) * items + own) * 4 + (warp % 4 ^ g);
  }
  keep_some<count, lanes>(place, lane, groups, [](int mine, int, int) { return mine; });

  unsigned mark = clock_now();

#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const unsigned count_now = published + 1 + unsigned(step), tag = tag_of(count_now);
    // Words of h that this lane looks at: `each` side by side, 32 times as far apart.
    const int own = each * (thread_anew() % 32), left = padded - first_k - own;
    const char* const from =
        words + (count_now & 1) * shape.buffer_bytes() + (first_k + own) * RowsShape::word_bytes;
    const auto wanted = [&](int b, int i) { return b < rows && 32 * each * i < left; };
    const auto place_of_words = [&](int b, int i) {
      return from + (b * shape.width + 32 * each * i) * RowsShape::word_bytes;
    };
    const auto stream = [&](int n) { return load_weights(streamed_weights + n * threads); };
    uint4 stream_of[in_flight];
#pragma unroll
    for (int n = 0; n < in_flight && streamed > 0; ++n) stream_of[n] = stream(n);
    turn_over(step);
    // A look in vain costs a whole way to the L2 and back, so it pays to look a little later.
    while (clock_now() - mark < unsigned(launch.first_look)) {
    }
    Words<each> seen[batch][looks_of_lane];  // zeros where there are none
#pragma unroll
    for (int b = 0; b < batch; ++b)
#pragma unroll
      for (int i = 0; i < looks_of_lane; ++i)
        load_words_where(seen[b][i], place_of_words(b, i), wanted(b, i));
    // 1 in its last bit where a word has not come.
    const auto differs = [&](int b, int i) {
      unsigned any = 0;
#pragma unroll
      for (const unsigned word : seen[b][i].word) any |= word ^ tag;
      return wanted(b, i) ? any : 0;
    };
    unsigned looks = 0;
    while (true) {
      unsigned any = 0;
#pragma unroll
      for (int b = 0; b < batch; ++b)
#pragma unroll
        for (int i = 0; i < looks_of_lane; ++i) any |= differs(b, i);
      if (__all_sync(~0u, (any & 1) == 0)) break;
      look_again(launch, step, looks, waiting_since[warp]);
#pragma unroll
      for (int b = 0; b < batch; ++b)
#pragma unroll
        for (int i = 0; i < looks_of_lane; ++i)
          if (differs(b, i) & 1) load_words_where(seen[b][i], place_of_words(b, i), true);
    }
#pragma unroll
    for (int b = 0; b < batch; ++b)
#pragma unroll
      for (int i = 0; i < looks_of_lane; ++i) {
        Words<each> values = seen[b][i];
#pragma unroll
        for (unsigned& word : values.word) word &= ~1u;
        *reinterpret_cast<Words<each>*>(hidden_of_warp + b * slice + 32 * each * i + own) = values;
      }
    __syncwarp();

    float sums[sets][count] = {};
#pragma unroll
    for (int j = 0; j < chunks; ++j) {
      float values[batch][per];
#pragma unroll
      for (int b = 0; b < batch; ++b)
#pragma unroll
        for (int i = 0; i < per; i += 4) {
          const float4 four = *reinterpret_cast<const float4*>(hidden_of_warp + b * slice +
                                                               per * (lanes * j + share) + i);
          values[b][i] = four.x, values[b][i + 1] = four.y;
          values[b][i + 2] = four.z, values[b][i + 3] = four.w;
        }
      if constexpr (per == 4) {
        float of[weight_rows][4];
#pragma unroll
        for (int r = 0; r < weight_rows; ++r)
          if (r < shape.registers_of(j)) unpack_weights<math>(weights[j][r], of[r]);
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int r = 0; r < weight_rows; ++r)
#pragma unroll
            for (int b = 0; b < batch; ++b)
              if (r < shape.registers_of(j))
                sums[i % sets][b * weight_rows + r] += of[r][i] * values[b][i];
      }
#pragma unroll
      for (int r = 0; r < weight_rows; ++r) {
        if (per == 4 && r < shape.registers_of(j)) continue;
        uint4 w;
        if (r < shape.registers_of(j)) {
          w = anew(weights[j][r]);
        } else if (r < shape.resident_of(j)) {
          w = shared_weights[(shape.shared_before(j) + r - shape.registers_of(j)) * threads];
        } else {
          const int n = shape.streamed_before(j) + r - shape.resident_of(j);
          w = stream_of[n % in_flight];
          if (n + in_flight < streamed) stream_of[n % in_flight] = stream(n + in_flight);
        }
        float of[per];
        unpack_weights<math>(w, of);
#pragma unroll
        for (int i = 0; i < per; ++i)
#pragma unroll
          for (int b = 0; b < batch; ++b)
            sums[i % sets][b * weight_rows + r] += of[i] * values[b][i];
      }
      if (streamed > 0) __syncwarp();  // or later chunks' loads are done early, and registers spill
    }
#pragma unroll
    for (int n = sets / 2; n > 0; n /= 2)
#pragma unroll
      for (int set = 0; set < n; ++set)
#pragma unroll
        for (int i = 0; i < count; ++i) sums[set][i] += sums[set + n][i];
    keep_some<count, lanes>(sums[0], lane, groups, [](float mine, float other, int distance) {
      return mine + __shfl_xor_sync(~0u, other, distance);
    });
    float* const partial = partials + (step & 1) * shape.partial_floats();
#pragma unroll
    for (int i = 0; i < kept; ++i) partial[place[i]] = sums[0][i];

    const bool last = step + 1 == steps;
    const int anew = thread_anew();
    const Item it = item(anew);
    char* const to = word_of(it, count_now + 1);
    const bool publishes = anew < items && it.unit < padded && !last;
    float in[gates], a[gates];
#pragma unroll
    for (int g = 0; g < gates; ++g) in[g] = x[g] + biases[g * shape.units + anew % shape.units];
    const float apart = biases[gates * shape.units + anew % shape.units];
    jitter();
    __syncthreads();
    mark = clock_now();

    if (anew < items) {
      const float4* const of_warps = reinterpret_cast<const float4*>(partial) + anew;
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        const float4 low = of_warps[g * items], high = of_warps[(gates + g) * items];
        a[g] = ((low.x + low.y) + (low.z + low.w)) + ((high.x + high.y) + (high.z + high.w));
        if (!Cell::adds_products(g)) a[g] += apart;
      }
      update_quickly<Cell, math>(in, a, h, c, launch.activation);
      if (!it.real) h = 0;  // not NaN, where h is infinite
      if (publishes) publish(h, to, count_now + 1);
    }
  }
  if (const Item it = item(thread_anew()); it.real) {
    const std::int64_t at = std::int64_t{it.row} * hidden + it.unit;
    const Places<T> own = keeps_places ? places[thread_anew()] : places_at(steps);
    if (own.y) *own.y = from_f32<T>(h);
    for (void* const to : {job.h_n, job.h_next})
      if (to) store<math>(to, at, h);
    if constexpr (Cell::has_c)
      for (void* const to : {job.c_n, job.c_next})
        if (to) store<math>(to, at, c);
  }
  jitter();
  if (blockIdx.x == 0 && thread == 0)
    *static_cast<volatile unsigned*>(job.exchange) = published + unsigned(steps);
}

}  // namespace rnnbench::persistent
