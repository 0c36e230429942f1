// The persistent grid kernel: a layer's whole sequence in one cooperative launch over all SMs.
//
// A group of blocks (blockIdx.y: a direction or a slice of the batch) runs one sequence. Each block
// owns `units` hidden units with all their gates; its rows of W_hh are mma A fragments in registers
// and, what does not fit, in shared memory, in the same order. Its warps share out K; their partial
// sums meet in shared memory, where one fixed thread for each (unit, row of the batch) adds them in
// a fixed order, updates the cell (h and c in f32 in registers) and publishes h: grid_words.cuh.
//
// What bounds it: the way of h through the L2, then the bytes of h that each block reads, then
// products and weights out of shared memory. Teaches: data that says of itself that it is there.
//
// Why no word is overwritten too early: a block writes h of s only when nobody still reads s - 2. A
// thread publishes s after the barrier that follows its block's products of s - 1, so all warps
// here had seen every word of s - 1, of every block of the group. The owner of each of these had
// published it after its own barrier, that is when all its warps had seen (loaded and checked) all
// of s - 2; a load whose value was used is over. So all reads of s - 2 by all blocks are over.
//   Partial sums are double-buffered: their writer in step t + 2 has passed the barrier of t + 1,
// where the readers of t arrive after their reads. With one buffer a second barrier does it.
//   Launches take turns between two pairs of buffers, and each begins by zeroing its words of the
// pair that the next one will use and the one before has used: that one is over. So every launch
// starts from zeros, whose tag is not that of h_0 (s = 2) nor of the first step's h, and gives the
// same bits.
//   The number of launches is read once, by one thread, before its block publishes anything, and
// advanced by a thread that has passed the barrier of the last step: every block of the group has
// published h_0 by then, so all have read it.
// The exchange memory belongs to one hidden size and tile, and to one launch at a time.
#pragma once

#include "impls/cuda/persistent/grid_job.hpp"
#include "impls/cuda/persistent/grid_products.cuh"
#include "impls/cuda/persistent/grid_tiles.hpp"
#include "impls/cuda/persistent/grid_words.cuh"
#include "impls/cuda/persistent/one_gate.cuh"

namespace rnnbench::persistent {

/// Blocks that registers are shared out for; before CC 9.0, where tiles for two would spill, one.
constexpr int resident_blocks(std::uint64_t tile_code) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
  return 1;
#else
  return GridTile::from_code(tile_code).resident;
#endif
}

/// Of h, for each lane, on its way at once; before CC 9.0, where more than eight spill, four.
RNNBENCH_HOST_DEVICE constexpr int words_under_way(const GridTile& tile) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
  return tile.words_in_flight() > 8 ? 4 : tile.words_in_flight();
#else
  return tile.words_in_flight();
#endif
}

/// Grid: blocks of a group, groups. Launch cooperatively: all blocks wait on each other.
template <class Cell, Math math, std::uint64_t tile_code>
__global__ void __launch_bounds__(GridTile::threads, resident_blocks(tile_code))
    grid_kernel(const __grid_constant__ GridLaunch launch) {
  using T = Stored<math>;
  constexpr GridTile tile = GridTile::from_code(tile_code);
  constexpr int gates = Cell::gates, row_tiles = tile.row_tiles(gates);
  constexpr int word_units = 16 / sizeof(T), slot_units = 4 * word_units;
  constexpr int batch = tile.rows();
  constexpr int chunk = tile.chunk(gates, math);
  constexpr int slots_in_flight = words_under_way(tile) / chunk;
  // Slots that are looked at together: all, or those of two halves by turns.
  constexpr int together = tile.slots() <= slots_in_flight ? tile.slots()
                           : slots_in_flight > 1           ? slots_in_flight / 2
                                                           : 1;
  constexpr int halves = tile.slots() <= slots_in_flight || slots_in_flight == 1 ? 1 : 2;
  constexpr int slot_bytes = tile.batch_tiles * 512;
  constexpr Element element = element_of<math, gates>;
  // Short chains of dependent products: each k-step of a slot has its own sums.
  // In f32 products of low parts have sums of their own, the last set, where registers hold them,
  // and with one gate the others take turns from slot to slot: tensor cores cut each sum off.
  constexpr int sets = math == Math::f32 && gates == 1 ? 5 : row_tiles * chunk <= 4 ? 2 : 1;
  constexpr int items = tile.items(), item_count = tile.item_count();
  static_assert(tile.units % 8 == 0 && batch % chunk == 0 && tile.threads % word_units == 0);
  // Items of a thread are of one row, and so many units apart.
  static_assert(tile.threads / word_units % batch == 0);
  constexpr int item_units = tile.threads / batch;

  RNNBENCH_DYNAMIC_SHARED_WORDS(grid_shared);
  float* const partials = reinterpret_cast<float*>(grid_shared);
  unsigned* const staged =
      reinterpret_cast<unsigned*>(partials + tile.partial_buffers * tile.partial_floats(gates));
  constexpr bool keeps_places = tile.keeps_places(gates);
  constexpr int steps_ahead = 2;  // that input products are fetched to the L2
  auto* const strides = reinterpret_cast<Strides*>(staged + items * tile.threads);
  auto* const places = reinterpret_cast<Places<T>*>(strides + 1);  // of each thread's first item
  float* const bias = reinterpret_cast<float*>(places + (keeps_places ? tile.placed_threads() : 0));
  float* const bias_apart = bias + row_tiles * 16;  // b_ih of a gate whose products stay apart
  auto* const waiting_since = reinterpret_cast<std::uint64_t*>(bias_apart + tile.units);
  unsigned* const launches_shared = reinterpret_cast<unsigned*>(waiting_since + tile.warps);
  volatile unsigned* const kept = launches_shared + 1;  // high_mask
  uint4* const shared_weights = reinterpret_cast<uint4*>(launches_shared + 4);

  const GridJob& job = launch.jobs[blockIdx.y];
  const int hidden = launch.hidden, steps = launch.steps, rows = job.rows;
  const int thread = int(threadIdx.x), lane = thread % 32;
  const int warp = __shfl_sync(~0u, thread / 32, 0);
  const int first_unit = int(blockIdx.x) * tile.units;
  const int slots = grid_slots(hidden, math);
  char* const exchange = static_cast<char*>(job.exchange);
  const std::size_t buffer_bytes = std::size_t(slots) * slot_bytes;

  if (thread == 0) {
    jitter();
    *launches_shared = *static_cast<const volatile unsigned*>(job.exchange);
    *kept = high_mask;
  }
  float scale = 1, weight_scale = 1;
  if constexpr (element == Element::split) {
    unsigned* const largest = launches_shared + 2;
    if (thread == 0) largest[0] = largest[1] = 0;
    __syncthreads();
    raise(&largest[0], largest_state<math>(job.h_0, rows * hidden));
    raise(&largest[1], largest_weight<gates, math>(job.w_hh, hidden, first_unit, tile.units));
    __syncthreads();
    scale = scale_for(__uint_as_float(largest[0]));
    // With room for the biases, which sums begin with, where weights are nothing.
    weight_scale = fminf(scale_for(__uint_as_float(largest[1])), 0x1p64f);
  } else {
    __syncthreads();
  }
  const unsigned launches = *launches_shared;
  char* const buffers = exchange + exchange_header_bytes + (launches & 1) * 2 * buffer_bytes;

  // What a thread updates: item i is unit `unit` of the block in row `row`. Units beyond H are
  // owned but not real: their h stays 0, and their words have readers.
  struct Item {
    int row, unit;
    bool owned, real;
  };
  const auto item = [&](int i, int thread) {
    const int word = thread / word_units;
    Item it;
    it.row = word % batch;
    it.unit = word / batch * word_units + thread % word_units + i * item_units;
    it.owned = thread + i * tile.threads < item_count && it.row < rows;
    it.real = it.owned && first_unit + it.unit < hidden;
    return it;
  };
  float h[items] = {}, c[items] = {};
  float x[items][gates] = {};  // input products
#pragma unroll
  for (int i = 0; i < items; ++i)
    if (const Item it = item(i, thread); it.real) {
      const std::int64_t place = std::int64_t{it.row} * hidden + first_unit + it.unit;
      h[i] = to_f32(static_cast<const T*>(job.h_0)[place]);
      if constexpr (Cell::has_c) c[i] = to_f32(static_cast<const T*>(job.c_0)[place]);
    }

  /// The first byte, in a buffer, of the word that this unit and row are in.
  const auto word_at = [&](int unit, int row) {
    return ((unit / slot_units * tile.batch_tiles + row / 8) * 32 + row % 8 * 4 +
            unit / word_units % 4) *
           16;
  };
  // Where a thread publishes its item i; null where it does not. Of the lanes with the units of one
  // word, which stand side by side in one warp, the first does.
  const auto place_of = [&](int i, unsigned count) -> char* {
    const Item it = item(i, thread);
    const int unit = first_unit + it.unit;
    const bool publishes = lane % word_units == 0 && it.owned && unit / slot_units < slots;
    return publishes ? buffers + (count & 1) * buffer_bytes + word_at(unit, it.row) : nullptr;
  };
  const auto publish = [&](int i, char* place, unsigned count) {
    const unsigned tag = count >> 1 & 1;
    if constexpr (sizeof(T) == 2) {
      unsigned short* const to =
          reinterpret_cast<unsigned short*>(staged + i * tile.threads) + warp * 64;
      to[lane] = static_cast<unsigned short>(lane % word_units ? bits<element>(h[i])
                                                               : tagged_bits<math>(h[i], tag));
    } else if constexpr (element == Element::split) {
      (staged + i * tile.threads)[thread] = bits<element>(h[i] * scale);
    } else {
      (staged + i * tile.threads)[thread] =
          lane % word_units ? bits<element>(h[i]) : tagged_bits<math>(h[i], tag);
    }
    __syncwarp();
    if (place) {
      const char* const from =
          reinterpret_cast<const char*>(staged + i * tile.threads + warp * 32) +
          lane * int(sizeof(T));
      uint4 word = *reinterpret_cast<const uint4*>(from);
      if constexpr (element == Element::split) {
        Quad<element> quad;
        quad.set(word.x, word.y, word.z, word.w);
        word = {quad.word[0], quad.word[1], (quad.word[2] & ~1u) | tag, quad.word[3]};
      }
      store_word(place, word);
    }
  };
#pragma unroll
  for (int i = 0; i < items; ++i) publish(i, place_of(i, 2), 2);
#pragma unroll
  for (int i = 0; i < items; ++i) {
    const Item it = item(i, thread);
    const int unit = first_unit + it.unit;
    if (lane % word_units == 0 && thread + i * tile.threads < item_count &&
        unit / slot_units < slots) {  // whatever this launch's batch
      char* const next = exchange + exchange_header_bytes + (~launches & 1) * 2 * buffer_bytes;
      store_word(next + word_at(unit, it.row), uint4{});
      store_word(next + buffer_bytes + word_at(unit, it.row), uint4{});
    }
  }

  if (thread == 0)
    *strides = {job.reverse ? -job.gates_step : job.gates_step,
                job.reverse ? -job.y_step : job.y_step};
  /// Inputs of `step`, y of the one before.
  const auto places_at = [&](int step) {
    const auto position = [&](int step) {
      return std::int64_t{job.reverse ? steps - 1 - step : step};
    };
    const Item it = item(0, thread_anew());
    const std::int64_t unit = first_unit + it.unit;
    Places<T> own{};
    if (it.real) {
      own.x = job.gates + position(step) * job.gates_step + it.row * job.gates_row + unit;
      if (job.y)
        own.y = static_cast<T*>(job.y) + position(max(step - 1, 0)) * job.y_step +
                it.row * job.y_row + unit;
    }
    return own;
  };
  const auto real = [&](int i) { return i == 0 || item(i, thread_anew()).real; };  // like item 0
  const auto put_y = [&](const Places<T>& own) {
    if (own.y)
#pragma unroll
      for (int i = 0; i < items; ++i)
        if (real(i)) own.y[i * item_units] = from_f32<T>(h[i]);
  };
  // Whatever can wait until h is on its way: y of the step before, and input products of this one,
  // which have been fetched to the L2.
  const auto turn_over = [&](int step) {
    if (thread >= tile.placed_threads()) return;
    Places<T> own = keeps_places ? places[thread] : places_at(step);
    const Strides next = *strides;
    if (step > 0) {
      put_y(own);
      if (own.y) own.y += next.y;
    }
    if (own.x) {
#pragma unroll
      for (int i = 0; i < items; ++i)
        if (real(i))
#pragma unroll
          for (int g = 0; g < gates; ++g) {
            const float* const from = own.x + g * hidden + i * item_units;
            x[i][g] = __ldcs(from);
            // A step may be shorter than the way to device memory and back.
            if (step + steps_ahead < steps) fetch_to_l2(from + steps_ahead * next.x);
          }
      own.x += next.x;
    }
    if (keeps_places) places[thread] = own;
  };

  // Slots of K of this warp. Blocks deal them out from different warps on, so that they do not all
  // ask for the same words first.
  const int share = (warp + int(blockIdx.x)) % tile.warps;
  const int my_slots = slots / tile.warps + (share < slots % tile.warps);
  const int first_slot = share * (slots / tile.warps) + min(share, slots % tile.warps);

  const auto shared_place = [&](int i, int m) {
    return (((i - tile.first_shared()) * tile.warps + warp) * row_tiles + m) * 64 + lane;
  };
  uint4 register_weights[tile.register_slots][row_tiles][2];
  {
    const T* const weights = static_cast<const T*>(job.w_hh);
    const bool wide =
        hidden % word_units == 0 && reinterpret_cast<std::uintptr_t>(weights) % 16 == 0;
    const auto word_of = [&](int i, int row) {
      const int gate = row / tile.units, unit = first_unit + row % tile.units;
      const bool there = gate < gates && unit < hidden && i < my_slots;
      return weight_word<math>(weights, there ? std::int64_t{gate} * hidden + unit : -1,
                               (first_slot + i) * slot_units + lane % 4 * word_units, hidden, wide);
    };
    // Both k-steps of a slot, in the order of the instruction's registers.
    const auto fragments = [&](int i, int m, uint4(&a)[2]) {
      const uint4 low = word_of(i, m * 16 + lane / 4), high = word_of(i, m * 16 + lane / 4 + 8);
      if constexpr (element == Element::split) {
        const Quad<element> l = split_weights(low, weight_scale),
                            h = split_weights(high, weight_scale);
        a[0] = {l.word[0], h.word[0], l.word[1], h.word[1]};
        a[1] = {l.word[2], h.word[2], l.word[3], h.word[3]};
      } else {
        a[0] = {low.x, high.x, low.y, high.y};
        a[1] = {low.z, high.z, low.w, high.w};
      }
    };
#pragma unroll 1
    for (int i = tile.first_shared(); i < my_slots; ++i)
#pragma unroll
      for (int m = 0; m < row_tiles; ++m) {
        uint4 a[2];
        fragments(i, m, a);
        uint4* const to = shared_weights + shared_place(i, m);
        to[0] = a[0], to[32] = a[1];
      }
#pragma unroll
    for (int i = 0; i < tile.register_slots; ++i)
#pragma unroll
      for (int m = 0; m < row_tiles; ++m)
        if (tile.in_registers(gates, i, m)) fragments(i, m, register_weights[i][m]);
  }
  for (int row = thread; row < row_tiles * 16; row += tile.threads) {
    const int gate = row / tile.units, unit = first_unit + row % tile.units;
    const bool there = gate < gates && unit < hidden;
    const int column = gate * hidden + unit;
    const float b_ih = there && job.b_ih ? to_f32(static_cast<const T*>(job.b_ih)[column]) : 0.0f;
    const float b_hh = there && job.b_hh ? to_f32(static_cast<const T*>(job.b_hh)[column]) : 0.0f;
    const bool together = Cell::adds_products(gate);
    bias[row] = b_hh + (together ? b_ih : 0.0f);
    if (gate < gates && !together) bias_apart[row % tile.units] = b_ih;
  }
  __syncthreads();
  if (keeps_places && thread < tile.placed_threads()) places[thread] = places_at(0);

  const float unscale = 1 / scale / weight_scale;
  const int row_limit = rows - lane / 4;  // this lane's words of tile j are real: 8 * j < row_limit
  unsigned mark = clock_now();

#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const unsigned count = 2 + unsigned(step), tag = count >> 1 & 1;
    const unsigned mask = element == Element::f32 ? *kept : high_mask;
    float* const partial =
        partials + (tile.partial_buffers > 1 ? (step & 1) * tile.partial_floats(gates) : 0);
    turn_over(step);
    // A look in vain costs a whole way to the L2 and back, so it pays to look a little later.
    while (clock_now() - mark < unsigned(launch.first_look)) {
    }
    unsigned looks = 0;

#pragma unroll 1
    for (int first_tile = 0; first_tile < tile.batch_tiles; first_tile += chunk) {
      const char* const source = buffers + (count & 1) * buffer_bytes + first_slot * slot_bytes +
                                 first_tile * 512 + lane * 16;
      const auto wanted = [&](int i, int j) {
        return i < my_slots && 8 * (first_tile + j) < row_limit;
      };
      uint4 words[halves][together][chunk];  // zeros where there is none
      const auto word = [&](int i, int j) -> uint4& {
        return words[i / together % halves][i % together][j];
      };
      const auto look = [&](int first) {
#pragma unroll
        for (int i = first; i < first + together; ++i)
#pragma unroll
          for (int j = 0; j < chunk; ++j)
            word(i, j) = load_word_where(source + i * slot_bytes + j * 512, wanted(i, j));
      };
      // 1 in its last bit where the word has not come.
      const auto differs = [&](int i, int j) {
        return wanted(i, j) ? (element == Element::split ? word(i, j).z : word(i, j).x) ^ tag : 0;
      };
      const auto came = [&](int first) {
        unsigned any = 0;
#pragma unroll
        for (int i = first; i < first + together; ++i)
#pragma unroll
          for (int j = 0; j < chunk; ++j) any |= differs(i, j);
        return __all_sync(~0u, (any & 1) == 0);
      };
      const auto again = [&](int first) {
#pragma unroll
        for (int i = first; i < first + together; ++i)
#pragma unroll
          for (int j = 0; j < chunk; ++j)
            if (differs(i, j) & 1) word(i, j) = load_word(source + i * slot_bytes + j * 512);
      };

#pragma unroll
      for (int half = 0; half < halves; ++half) look(half * together);

      float sums[sets][row_tiles][chunk][4];
#pragma unroll
      for (int m = 0; m < row_tiles; ++m) {
        const float low = warp == 0 ? bias[m * 16 + lane / 4] * scale * weight_scale : 0.0f;
        const float high = warp == 0 ? bias[m * 16 + lane / 4 + 8] * scale * weight_scale : 0.0f;
#pragma unroll
        for (int j = 0; j < chunk; ++j) {
          sums[0][m][j][0] = sums[0][m][j][1] = low;
          sums[0][m][j][2] = sums[0][m][j][3] = high;
#pragma unroll
          for (int set = 1; set < sets; ++set)
#pragma unroll
            for (int k = 0; k < 4; ++k) sums[set][m][j][k] = 0;
        }
      }

      // Weights out of shared memory: loaded while words are waited for or, where registers allow
      // that, a slot is multiplied.
      const auto shared_word = [&](int i, int m, int k) {
        return shared_weights[shared_place(i, m) + k * 32];
      };
      constexpr bool ahead = tile.ahead(gates, math);
      constexpr int early_slots = tile.resident == 1 && tile.batch_tiles == 1 ? 2 : 1;
      uint4 early[early_slots][row_tiles][2];
      const auto load_early = [&](int i) {
        if (ahead && i < tile.slots() && i < my_slots)
#pragma unroll
          for (int m = 0; m < row_tiles; ++m)
            early[i % early_slots][m][0] = shared_word(i, m, 0),
                      early[i % early_slots][m][1] = shared_word(i, m, 1);
      };
      if (early_slots > 1) load_early(tile.register_slots);

#pragma unroll
      for (int i = 0; i < tile.slots(); ++i) {
        if (early_slots == 1 && i >= tile.register_slots) load_early(i);
        if (i % together == 0)
          while (!came(i)) {
            look_again(launch, step, looks, waiting_since[warp]);
            again(i);
          }
        // Of register slots two and two: beyond those of this warp there are zeros.
        if (tile.first_shared() > i ? i - i % 2 < my_slots : i < my_slots) {
          const auto weights = [&](int m, int k) {
            return tile.in_registers(gates, i, m) ? register_weights[i][m][k]
                   : ahead                        ? early[i % early_slots][m][k]
                                                  : shared_word(i, m, k);
          };
          if (early_slots > 1 && i >= tile.register_slots) load_early(i + 1);
          if constexpr (element == Element::split) {
#pragma unroll
            for (int m = 0; m < row_tiles; ++m) {
              const uint4 high = weights(m, 0), low = weights(m, 1);
              const unsigned high_a[4] = {high.x, high.y, high.z, high.w};
              const unsigned low_a[4] = {low.x, low.y, low.z, low.w};
              const auto each = [&](float(&sum)[4], const unsigned(&a)[4], unsigned x, unsigned y) {
                multiply_add<MmaFormat::f16>(sum, a, x, y);
              };
#pragma unroll
              for (int j = 0; j < chunk; ++j)
                each(sums[sets - 1][m][j], low_a, word(i, j).x, word(i, j).y);
#pragma unroll
              for (int j = 0; j < chunk; ++j)
                each(sums[0][m][j], high_a, word(i, j).x, word(i, j).y);
#pragma unroll
              for (int j = 0; j < chunk; ++j)
                each(sums[sets - 1][m][j], high_a, word(i, j).z, word(i, j).w);
            }
          } else {
            // Neighbouring products belong to different sums.
#pragma unroll
            for (int k = 0; k < 2; ++k) {
              HiddenPair<math> b[chunk];
#pragma unroll
              for (int j = 0; j < chunk; ++j) {
                const uint4& of = word(i, j);
                b[j] = k ? HiddenPair<math>(of.z, of.w) : HiddenPair<math>(of.x, of.y);
              }
#pragma unroll
              for (int m = 0; m < row_tiles; ++m) {
                const WeightTile<math> a(weights(m, k), mask);
#pragma unroll
                for (int j = 0; j < chunk; ++j)
                  add_product<math>(sums[sets == 5  ? i % 2 * 2 + k
                                         : sets > 1 ? k
                                                    : 0][m][j],
                                    sums[sets - 1][m][j], a, b[j]);
              }
            }
          }
        }
        if (i % together == together - 1 && i + 1 + (halves - 1) * together < tile.slots())
          look(i + 1 + (halves - 1) * together);
      }

      float* const mine = partial + warp * (row_tiles * 16 * batch);
#pragma unroll
      for (int m = 0; m < row_tiles; ++m)
#pragma unroll
        for (int j = 0; j < chunk; ++j)
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            float2 sum{sums[0][m][j][2 * half], sums[0][m][j][2 * half + 1]};
#pragma unroll
            for (int set = 1; set < sets; ++set) {
              sum.x += sums[set][m][j][2 * half];
              sum.y += sums[set][m][j][2 * half + 1];
            }
            if constexpr (element == Element::split) sum.x *= unscale, sum.y *= unscale;
            *reinterpret_cast<float2*>(
                mine + partial_place<batch>(m * 16 + half * 8 + lane / 4,
                                            8 * (first_tile + j) + lane % 4 * 2)) = sum;
          }
    }
    const bool last = step + 1 == steps;
    char* to[items];
    float in[items][gates];
#pragma unroll
    for (int i = 0; i < items; ++i) {
      to[i] = place_of(i, count + 1);
      const bool apart = thread + i * tile.threads < item_count;
#pragma unroll
      for (int g = 0; g < gates; ++g)
        in[i][g] =
            Cell::adds_products(g) || !apart ? x[i][g] : x[i][g] + bias_apart[item(i, thread).unit];
    }
    jitter();
    __syncthreads();
    mark = clock_now();

#pragma unroll
    for (int i = 0; i < items; ++i) {
      // Several items: no branch between them, so that their chains overlap. What a row beyond the
      // batch gives goes nowhere.
      constexpr bool always = items > 1 && item_count % tile.threads == 0;
      if (const Item it = item(i, thread); always || it.owned) {
        const float* const from = partial + partial_place<batch>(it.unit, it.row);
        float a[gates] = {};
#pragma unroll
        for (int w = 0; w < tile.warps; ++w)
#pragma unroll
          for (int g = 0; g < gates; ++g)
            a[g] += from[(w * row_tiles * 16 + g * tile.units) * batch];
        if constexpr (math ==
                      Math::f32)  // whose sums of 1024 terms have the larger part of the error
          update_cell<Cell>(in[i], a, h[i], c[i], launch.activation);
        else
          update_quickly<Cell, math>(in[i], a, h[i], c[i], launch.activation);
        if (!it.real) h[i] = 0;  // not NaN, where h is infinite
      }
    }
#pragma unroll
    for (int i = 0; i < items; ++i)
      if (!last && warp * 32 + i * tile.threads < item_count) publish(i, to[i], count + 1);
    if constexpr (tile.partial_buffers == 1) jitter(), __syncthreads();
  }

  if (thread < tile.placed_threads()) put_y(keeps_places ? places[thread] : places_at(steps));
#pragma unroll
  for (int i = 0; i < items; ++i)
    if (const Item it = item(i, thread_anew()); it.real) {
      const std::int64_t place = std::int64_t{it.row} * hidden + first_unit + it.unit;
      for (void* const to : {job.h_n, job.h_next})
        if (to) store<math>(to, place, h[i]);
      if constexpr (Cell::has_c)
        for (void* const to : {job.c_n, job.c_next})
          if (to) store<math>(to, place, c[i]);
    }
  jitter();
  if (blockIdx.x == 0 && thread == 0) *static_cast<volatile unsigned*>(job.exchange) = launches + 1;
}

}  // namespace rnnbench::persistent
