// Tiles of the fused step kernel: how the products of one step are cut up. Plain data, shared by
// the planner (host only) and by the kernels, which are instantiated from these tables.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "impls/cells/cells.hpp"

namespace rnnbench::fused {

/// What multiplies: f32 units, or tensor cores in one of their formats. tf32x3 makes f32 products
/// out of three tf32 ones.
enum class Product { ffma, tf32, tf32x3, f16, bf16 };

RNNBENCH_HOST_DEVICE constexpr int element_bytes(Product product) {
  return product == Product::f16 || product == Product::bf16 ? 2 : 4;
}

/// One block computes `block_m` batch rows times `block_n` hidden units (all gates of each) and
/// goes through k in chunks of chunk_bytes a row, `stages` of which are in shared memory at a time.
/// Its warps share out rows, units and, inside a chunk, k.
struct Tile {
  // A warp's part. ffma: lanes_m x lanes_n lanes have thread_m x thread_n results of each gate, and
  // the 32 / (lanes_m * lanes_n) lanes that have the same results share out k. mma: thread_m blocks
  // of 16 rows times thread_n blocks of 8 units; lanes_m and lanes_n are 0.
  int thread_m, thread_n, lanes_m, lanes_n;
  int warps_m, warps_n, warps_k;
  int chunk_bytes, stages;
  int blocks;  // an SM has registers for: more than one lets the next launch's come in beside this
               // one's

  RNNBENCH_HOST_DEVICE constexpr int warp_m() const {
    return lanes_m ? thread_m * lanes_m : 16 * thread_m;
  }
  RNNBENCH_HOST_DEVICE constexpr int warp_n() const {
    return lanes_n ? thread_n * lanes_n : 8 * thread_n;
  }
  RNNBENCH_HOST_DEVICE constexpr int block_m() const { return warp_m() * warps_m; }
  RNNBENCH_HOST_DEVICE constexpr int block_n() const { return warp_n() * warps_n; }
  RNNBENCH_HOST_DEVICE constexpr int warps() const { return warps_m * warps_n * warps_k; }
  RNNBENCH_HOST_DEVICE constexpr int threads() const { return 32 * warps(); }
  RNNBENCH_HOST_DEVICE constexpr int lanes_k() const {
    return lanes_m ? 32 / (lanes_m * lanes_n) : 1;
  }
  /// Rows are shifted so that the eight lanes that read 16 bytes together meet all banks: lanes_k
  /// pieces of one row, and the same of the rows of the next lanes.
  RNNBENCH_HOST_DEVICE constexpr int row_bytes() const { return chunk_bytes + 16 * lanes_k(); }
  RNNBENCH_HOST_DEVICE constexpr int stage_bytes(int gates) const {
    return row_bytes() * (block_m() + gates * block_n());
  }
  /// Sums of one gate and one k-share, laid out for the gates' maths.
  RNNBENCH_HOST_DEVICE constexpr int sums_row() const { return block_n() + 4; }
  /// `slots`: sums a unit needs, one a gate and for gru one more.
  RNNBENCH_HOST_DEVICE constexpr int shared_bytes(int gates, int slots) const {
    const int pipeline = stages * stage_bytes(gates);
    const int sums = 4 * warps_k * slots * block_m() * sums_row();
    return pipeline > sums ? pipeline : sums;
  }
  constexpr bool operator==(const Tile&) const = default;

  /// In one number, because nvcc takes no class types as template arguments of kernels.
  constexpr std::uint64_t code() const {
    std::uint64_t bits = 0;
    for (const int field : {thread_m, thread_n, lanes_m, lanes_n, warps_m, warps_n, warps_k,
                            chunk_bytes / 64, stages, blocks})
      bits = bits << 6 | std::uint64_t(field);
    return bits;
  }
  RNNBENCH_HOST_DEVICE static constexpr Tile from_code(std::uint64_t bits) {
    const auto field = [&](int place) { return int(bits >> 6 * (9 - place) & 63); };
    return {field(0), field(1), field(2),      field(3), field(4),
            field(5), field(6), 64 * field(7), field(8), field(9)};
  }
};

RNNBENCH_HOST_DEVICE constexpr int slots_of(int gates) { return gates == 3 ? 4 : gates; }

// The first tile of a table is the conservative one: 4 warps, 2 stages.
// clang-format off
inline constexpr std::array ffma_tiles_1{
    Tile{ 4, 2, 4, 8, 1, 1, 4, 256, 2, 4},  //  16 x 16
    Tile{ 4, 2, 2, 4, 1, 1, 8, 512, 5, 2},  //   8 x 8
    Tile{ 4, 1, 1, 8, 1, 1, 8, 512, 8, 2},  //   4 x 8
    Tile{ 4, 1, 2, 4, 1, 1, 8,1024, 6, 2},  //   8 x 4, for long rows
    Tile{ 4, 2, 2, 4, 1, 1, 8,1024, 6, 2},  //   8 x 8, for long rows
    Tile{ 8, 2, 2, 4, 1, 1, 8, 512, 5, 2},  //  16 x 8
    Tile{ 8, 4, 2, 4, 1, 1, 8, 512, 3, 2},  //  16 x 16
    Tile{ 8, 4, 4, 4, 1, 1, 8, 256, 3, 2},  //  32 x 16
    Tile{ 8, 8, 4, 4, 2, 1, 4, 128, 3, 1},  //  64 x 32
    Tile{ 8, 8, 8, 4, 1, 2, 2,  64, 3, 2},  //  64 x 64
    Tile{ 8, 8, 4, 8, 4, 2, 1,  64, 3, 1},  // 128 x 128
    Tile{16, 8, 4, 8, 2, 4, 1,  64, 3, 1},  // 128 x 256
};
inline constexpr std::array ffma_tiles_3{
    Tile{ 4, 1, 4, 8, 1, 1, 4, 256, 2, 4},  //  16 x 8
    Tile{ 1, 1, 1, 8, 1, 1, 8, 512, 7, 2},  //   1 x 8
    Tile{ 4, 1, 1, 8, 1, 1, 8, 512, 6, 2},  //   4 x 8
    Tile{ 4, 1, 2, 4, 1, 1, 8, 512, 5, 2},  //   8 x 4
    Tile{ 4, 2, 2, 4, 1, 1, 8, 512, 5, 2},  //   8 x 8
    Tile{ 5, 1, 2, 8, 1, 1, 8, 512, 4, 2},  //  10 x 8
    Tile{ 8, 1, 2, 8, 1, 1, 8, 512, 4, 2},  //  16 x 8
    Tile{ 8, 1, 4, 8, 1, 1, 8, 256, 3, 2},  //  32 x 8
    Tile{ 8, 2, 4, 4, 2, 1, 4, 256, 3, 1},  //  64 x 8
    Tile{ 8, 2, 8, 4, 1, 2, 4,  64, 3, 1},  //  64 x 16
    Tile{ 8, 2, 4, 8, 4, 2, 1,  64, 3, 1},  // 128 x 32
};
inline constexpr std::array ffma_tiles_4{
    Tile{ 4, 1, 4, 8, 1, 1, 4, 256, 2, 4},  //  16 x 8
    Tile{ 1, 1, 1, 8, 1, 1, 8, 512, 5, 2},  //   1 x 8
    Tile{ 4, 1, 1, 8, 1, 1, 8, 512, 5, 2},  //   4 x 8
    Tile{ 4, 1, 2, 4, 1, 1, 8, 512, 5, 2},  //   8 x 4
    Tile{ 4, 1, 2, 8, 1, 1, 8, 512, 4, 2},  //   8 x 8
    Tile{ 5, 1, 2, 8, 1, 1, 8, 512, 4, 2},  //  10 x 8
    Tile{ 4, 1, 4, 8, 1, 1, 8, 512, 3, 2},  //  16 x 8
    Tile{ 8, 1, 4, 8, 1, 1, 8, 256, 3, 2},  //  32 x 8
    Tile{ 8, 2, 4, 4, 2, 1, 4, 256, 3, 1},  //  64 x 8
    Tile{ 8, 2, 8, 4, 1, 2, 4,  64, 3, 1},  //  64 x 16
    Tile{ 8, 2, 4, 8, 4, 2, 1,  64, 3, 1},  // 128 x 32
};
inline constexpr std::array mma_tiles_1{
    Tile{ 1, 2, 0, 0, 1, 1, 4, 256, 2, 4},  //  16 x 16
    Tile{ 1, 1, 0, 0, 1, 1, 8, 512, 3, 2},  //  16 x 8
    Tile{ 1, 2, 0, 0, 1, 1, 8, 512, 3, 2},  //  16 x 16
    Tile{ 2, 2, 0, 0, 1, 1, 8, 512, 3, 2},  //  32 x 16
    Tile{ 2, 4, 0, 0, 2, 1, 2, 256, 3, 2},  //  64 x 32
    Tile{ 2, 4, 0, 0, 2, 2, 1, 128, 3, 2},  //  64 x 64
    Tile{ 2, 8, 0, 0, 4, 2, 1, 128, 3, 1},  // 128 x 128
};
inline constexpr std::array mma_tiles_3{
    Tile{ 1, 1, 0, 0, 1, 1, 4, 256, 2, 4},  //  16 x 8
    Tile{ 1, 1, 0, 0, 1, 1, 8, 512, 3, 2},  //  16 x 8
    Tile{ 1, 1, 0, 0, 1, 1, 8, 512, 4, 2},  //  16 x 8, for long rows
    Tile{ 2, 1, 0, 0, 1, 1, 8, 512, 3, 2},  //  32 x 8
    Tile{ 2, 1, 0, 0, 2, 1, 4, 256, 3, 1},  //  64 x 8
    Tile{ 2, 2, 0, 0, 2, 1, 4, 256, 3, 1},  //  64 x 16
    Tile{ 2, 2, 0, 0, 4, 2, 1, 128, 3, 1},  // 128 x 32
};
inline constexpr std::array mma_tiles_4 = mma_tiles_3;
// clang-format on

/// Three products a product take more registers: no room for two blocks of 32 rows.
inline constexpr auto tf32x3_tiles_3 = [] {
  auto tiles = mma_tiles_3;
  tiles[3].blocks = 1;
  return tiles;
}();
inline constexpr auto tf32x3_tiles_4 = tf32x3_tiles_3;

inline std::span<const Tile> tiles(Product product, int gates) {
  if (product == Product::ffma) {
    if (gates == 1) return ffma_tiles_1;
    if (gates == 3) return ffma_tiles_3;
    return ffma_tiles_4;
  }
  if (gates == 1) return mma_tiles_1;
  if (product == Product::tf32x3) return gates == 3 ? tf32x3_tiles_3 : tf32x3_tiles_4;
  if (gates == 3) return mma_tiles_3;
  return mma_tiles_4;
}

/// "16x8x128-w8-s3": batch rows, hidden units and k a chunk; warps; stages.
inline std::string name_of(const Tile& tile, Product product) {
  return std::to_string(tile.block_m()) + "x" + std::to_string(tile.block_n()) + "x" +
         std::to_string(tile.chunk_bytes / element_bytes(product)) + "-w" +
         std::to_string(tile.warps()) + "-s" + std::to_string(tile.stages);
}

/// Whether sm_90a is among the architectures of the build.
#ifdef RNNBENCH_SM_90A
inline constexpr bool wide_built = true;
#else
inline constexpr bool wide_built = false;
#endif

/// Of f32 values that are multiplied as two tf32 ones each, the wgmma kernel keeps the lower part
/// of the batch rows in shared memory: of the chunk at work and of the next.
inline constexpr int low_buffers = 2;

/// A tile of the wgmma kernel (CC 9.0): `groups` warpgroups multiply 64 rows of weights each, all
/// gates of `units` hidden units, by `batch` rows. `cluster` blocks next to each other share the
/// copy of the batch rows.
struct WideTile {
  int units, batch, groups, stages, cluster;

  static constexpr int chunk_bytes = 128;  // of k a stage: what a swizzled row of shared memory has
  RNNBENCH_HOST_DEVICE constexpr int block_m() const { return batch; }
  RNNBENCH_HOST_DEVICE constexpr int block_n() const { return units * groups; }
  RNNBENCH_HOST_DEVICE constexpr int consumers() const { return 128 * groups; }
  RNNBENCH_HOST_DEVICE constexpr int threads() const { return consumers() + 32; }
  /// Rows of a stage before those of the batch. wgmma reads 64 for each group; where there is one
  /// group, what it reads behind its slots * units are rows of the batch: sums that nobody wants.
  RNNBENCH_HOST_DEVICE constexpr int weight_rows(int slots) const {
    return groups == 1 ? slots * units : 64 * groups;
  }
  RNNBENCH_HOST_DEVICE constexpr int stage_bytes(int slots) const {
    return chunk_bytes * (weight_rows(slots) + batch);
  }
  RNNBENCH_HOST_DEVICE constexpr int sums_row() const { return block_n() + 4; }
  RNNBENCH_HOST_DEVICE constexpr int shared_bytes(int slots, Product product) const {
    const int low = product == Product::tf32x3 ? low_buffers * chunk_bytes * batch : 0;
    const int pipeline = stages * stage_bytes(slots) + low;
    const int sums = 4 * slots * batch * sums_row();
    return (pipeline > sums ? pipeline : sums) + 1024;  // room to align
  }
  constexpr bool operator==(const WideTile&) const = default;

  constexpr std::uint64_t code() const {
    std::uint64_t bits = 0;
    for (const int field : {units, batch, groups, stages, cluster})
      bits = bits << 10 | std::uint64_t(field);
    return bits;
  }
  RNNBENCH_HOST_DEVICE static constexpr WideTile from_code(std::uint64_t bits) {
    const auto field = [&](int place) { return int(bits >> 10 * (4 - place) & 1023); };
    return {field(0), field(1), field(2), field(3), field(4)};
  }
};

inline constexpr std::array wide_tiles_1{WideTile{16, 64, 1, 10, 4}, WideTile{16, 64, 1, 20, 2},
                                         WideTile{64, 64, 1, 6, 2},  WideTile{64, 128, 2, 4, 2},
                                         WideTile{64, 256, 2, 4, 2}, WideTile{64, 256, 2, 4, 4}};
inline constexpr std::array wide_tiles_3{WideTile{8, 64, 1, 9, 2}, WideTile{16, 64, 1, 6, 2},
                                         WideTile{16, 64, 1, 13, 2}, WideTile{16, 128, 1, 4, 2},
                                         WideTile{16, 256, 2, 4, 2}};
inline constexpr std::array wide_tiles_4 = wide_tiles_3;

inline constexpr std::array wide_x3_tiles_1{WideTile{16, 64, 1, 8, 2}, WideTile{64, 64, 1, 8, 2},
                                            WideTile{64, 128, 2, 5, 2}};
inline constexpr std::array wide_x3_tiles_3{WideTile{8, 64, 1, 6, 2}, WideTile{16, 64, 1, 9, 2},
                                            WideTile{16, 128, 1, 5, 2}, WideTile{16, 128, 2, 5, 2}};
inline constexpr std::array wide_x3_tiles_4 = wide_x3_tiles_3;

/// None for the f32 units.
inline std::span<const WideTile> wide_tiles(Product product, int gates) {
  if (product == Product::ffma) return {};
  const bool x3 = product == Product::tf32x3;
  if (gates == 1) return x3 ? std::span<const WideTile>(wide_x3_tiles_1) : wide_tiles_1;
  if (gates == 3) return x3 ? std::span<const WideTile>(wide_x3_tiles_3) : wide_tiles_3;
  return x3 ? std::span<const WideTile>(wide_x3_tiles_4) : wide_tiles_4;
}

/// "wgmma-64x16x64-w4-s6-c2": as the others, and blocks a cluster. Its warps are those that
/// multiply.
inline std::string name_of(const WideTile& tile, Product product) {
  return "wgmma-" + std::to_string(tile.block_m()) + "x" + std::to_string(tile.block_n()) + "x" +
         std::to_string(WideTile::chunk_bytes / element_bytes(product)) + "-w" +
         std::to_string(4 * tile.groups) + "-s" + std::to_string(tile.stages) + "-c" +
         std::to_string(tile.cluster);
}

}  // namespace rnnbench::fused
