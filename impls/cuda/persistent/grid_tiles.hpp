// Tiles of the grid kernel: what a block holds of a layer. Plain data, shared by the planner (host
// only) and by the kernels, which are instantiated from these tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impls/cells/cells.hpp"  // RNNBENCH_HOST_DEVICE
#include "impls/cuda/persistent/places.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

RNNBENCH_HOST_DEVICE constexpr int element_bytes(Math math) {
  return math == Math::f16 || math == Math::bf16 ? 2 : 4;
}

/// K goes by slots: 64 bytes of a row. A block's warps share them out.
inline constexpr int slot_row_bytes = 64;

struct GridTile {
  int units;                // of a block: 8, 16 or 32
  int batch_tiles;          // of 8 rows each: 1, 2, 4 or 8
  int register_slots;       // of K, in each warp
  int shared_slots = 0;     // of K, in each warp, whose weights lie in shared memory
  int partial_buffers = 2;  // 1 takes less shared memory and one more barrier in each step
  int resident = 1;         // blocks that share an SM: one's waits are the other's time
  int at_once = 4;          // most batch tiles that are summed at once
  int spared = 0;           // blocks of 16 rows whose last register slot lies in shared memory too

  static constexpr int warps = 8;
  static constexpr int threads = 32 * warps;
  /// Of h, for each lane: as many as registers have room for.
  RNNBENCH_HOST_DEVICE constexpr int words_in_flight() const {
    if (at_once < 4 && resident == 1) return at_once == 1 ? 10 : 4;
    return resident == 1 ? 8 : register_slots > 4 ? register_slots : 4;
  }

  constexpr bool operator==(const GridTile&) const = default;

  /// In one number, because nvcc takes no class types as template arguments of kernels.
  constexpr std::uint64_t code() const {
    std::uint64_t bits = 0;
    for (const int field : {units, batch_tiles, register_slots, shared_slots, partial_buffers,
                            resident, at_once, spared})
      bits = bits << 8 | std::uint64_t(field);
    return bits;
  }
  RNNBENCH_HOST_DEVICE static constexpr GridTile from_code(std::uint64_t bits) {
    const auto field = [&](int place) { return int(bits >> 8 * (7 - place) & 255); };
    return {field(0), field(1), field(2), field(3), field(4), field(5), field(6), field(7)};
  }

  RNNBENCH_HOST_DEVICE constexpr int rows() const { return 8 * batch_tiles; }
  /// Batch tiles summed at once: fewer where f32's sums would be one chain.
  RNNBENCH_HOST_DEVICE constexpr int chunk(int gates, Math math) const {
    const int most = math == Math::f32 && gates == 4 ? 1 : at_once;
    return batch_tiles < most ? batch_tiles : most;
  }
  /// Whether a slot's weights are loaded out of shared memory while its words are waited for:
  /// where registers allow.
  RNNBENCH_HOST_DEVICE constexpr bool ahead(int gates, Math math) const {
    return row_tiles(gates) <= 3 && chunk(gates, math) <= 2 && spared == 0;
  }
  RNNBENCH_HOST_DEVICE constexpr int slots() const { return register_slots + shared_slots; }
  /// The first slot of which shared memory has any.
  RNNBENCH_HOST_DEVICE constexpr int first_shared() const {
    return register_slots - (spared > 0 ? 1 : 0);
  }
  /// Whether registers hold slot i's weights of block `m` of 16 rows.
  RNNBENCH_HOST_DEVICE constexpr bool in_registers(int gates, int i, int m) const {
    return i < first_shared() || (i < register_slots && m < row_tiles(gates) - spared);
  }
  /// Blocks of 16 rows of weights: a warp multiplies all of them.
  RNNBENCH_HOST_DEVICE constexpr int row_tiles(int gates) const {
    return (gates * units + 15) / 16;
  }
  /// Units times rows that a thread updates.
  RNNBENCH_HOST_DEVICE constexpr int items() const {
    return (item_count() + threads - 1) / threads;
  }

  RNNBENCH_HOST_DEVICE constexpr int item_count() const { return units * rows(); }
  /// Threads that have an item.
  RNNBENCH_HOST_DEVICE constexpr int placed_threads() const {
    return item_count() < threads ? item_count() : threads;
  }

  RNNBENCH_HOST_DEVICE constexpr std::size_t partial_floats(int gates) const {
    return std::size_t(warps) * row_tiles(gates) * 128 * batch_tiles;
  }
  /// Partial sums, staged words of h, strides, biases, what the warps' waits keep, four words, and
  /// the weights of a layer with `slots` of K that registers do not hold; where inputs and outputs
  /// lie.
  RNNBENCH_HOST_DEVICE constexpr std::size_t shared_bytes(int gates, int slots) const {
    return bytes_without_places(gates, slots) + (keeps_places(gates) ? all_places() : 0);
  }
  /// Whether shared memory has room for where each thread's inputs and outputs lie.
  RNNBENCH_HOST_DEVICE constexpr bool keeps_places(int gates) const {
    return bytes_without_places(gates, warps * slots()) + all_places() <=
           std::size_t(228 * 1024 / resident - 1024);
  }

 private:
  RNNBENCH_HOST_DEVICE constexpr std::size_t all_places() const {
    return std::size_t(place_bytes) * placed_threads();
  }
  RNNBENCH_HOST_DEVICE constexpr std::size_t bytes_without_places(int gates, int slots) const {
    const int of_a_warp = (slots + warps - 1) / warps - first_shared();
    return 4 * partial_buffers * partial_floats(gates) + std::size_t(4) * items() * threads +
           place_bytes + std::size_t(4) * (row_tiles(gates) * 16 + units) + 8 * warps + 16 +
           std::size_t(16) * 64 * warps * (of_a_warp > 0 ? of_a_warp : 0) * row_tiles(gates);
  }
};

RNNBENCH_HOST_DEVICE constexpr int grid_slots(int hidden, Math math) {
  return (hidden * element_bytes(math) + slot_row_bytes - 1) / slot_row_bytes;
}
/// Blocks of one group. They cover whole slots, so that every word of h has a writer.
constexpr int grid_blocks(int hidden, Math math, const GridTile& tile) {
  return (grid_slots(hidden, math) * (slot_row_bytes / element_bytes(math)) + tile.units - 1) /
         tile.units;
}
constexpr bool grid_holds(int hidden, Math math, const GridTile& tile) {
  return grid_slots(hidden, math) <= GridTile::warps * tile.slots();
}

/// Of one group: a counter of launches, then two pairs of buffers of h.
inline constexpr std::size_t exchange_header_bytes = 128;
constexpr std::size_t exchange_bytes(int hidden, Math math, const GridTile& tile) {
  return exchange_header_bytes + std::size_t{4} * grid_slots(hidden, math) * tile.batch_tiles * 512;
}

// Which tile for what: of 8 units where one row of the batch needs all SMs, of few rows where the
// batch's slices fill the chip, of many where it takes all SMs to hold the weights, of 32 units
// where 16 would not hold them; with two blocks an SM for many rows of up to 512 units (2048 with
// one gate). Weights that registers do not hold lie in shared memory. Each one fits compute
// capability 9.0 without spills. Of two with the same units and rows the second is for layers that
// the first does not hold.
// clang-format off
inline constexpr std::array halves_tiles_1{
    GridTile{16, 1, 8},
    GridTile{16, 4, 8},
    GridTile{32, 2, 5, 5},
    GridTile{32, 4, 5, 5},
    GridTile{16, 1, 8, 0, 2, 2},
};
inline constexpr std::array halves_tiles_3{
    GridTile{ 8, 1, 4},
    GridTile{16, 1, 4, 4},
    GridTile{16, 2, 4, 4},
    GridTile{16, 4, 3, 5},
    GridTile{16, 1, 2, 0, 2, 2},
    GridTile{16, 2, 2, 0, 2, 2, 1},
};
inline constexpr std::array halves_tiles_4{
    GridTile{ 8, 1, 4},
    GridTile{16, 1, 4, 4},
    GridTile{16, 2, 3, 5},
    GridTile{16, 4, 1, 5, 1},
    GridTile{16, 4, 3, 5, 1, 1, 2},
    GridTile{16, 1, 2, 0, 2, 2, 1, 1},
    GridTile{16, 2, 1, 1, 2, 2, 1},
};
inline constexpr std::array tf32_tiles_1{
    GridTile{16, 1, 8, 8},
    GridTile{16, 4, 7, 9},
    GridTile{32, 2, 7, 13, 1, 1, 1},
};
inline constexpr std::array tf32_tiles_3{
    GridTile{16, 1, 4, 8},
    GridTile{16, 4, 2, 7, 1},
    GridTile{16, 1, 1, 3, 2, 2},
};
inline constexpr std::array tf32_tiles_4{
    GridTile{16, 1, 3, 6},
    GridTile{16, 2, 2, 6, 1},
};
inline constexpr std::array f32_tiles_1{
    GridTile{16, 1, 8, 8},
    GridTile{16, 4, 5, 11},
    GridTile{32, 2, 7, 13, 1, 1, 1},
};
inline constexpr auto f32_tiles_3 = tf32_tiles_3;
inline constexpr auto f32_tiles_4 = tf32_tiles_4;
// clang-format on

inline std::span<const GridTile> grid_tiles(Math math, int gates) {
  if (element_bytes(math) == 2) {
    if (gates == 1) return halves_tiles_1;
    if (gates == 3) return halves_tiles_3;
    return halves_tiles_4;
  }
  const bool f32 = math == Math::f32;
  if (gates == 1) return f32 ? f32_tiles_1 : tf32_tiles_1;
  if (gates == 3) return f32 ? f32_tiles_3 : tf32_tiles_3;
  return f32 ? f32_tiles_4 : tf32_tiles_4;
}

}  // namespace rnnbench::persistent
