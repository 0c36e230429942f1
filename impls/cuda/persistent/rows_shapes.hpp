// Shapes of the rows kernel: how a layer's weights lie on all SMs for slices of a few rows. Plain
// data, shared by the planner (host only) and by the kernels, which are instantiated from this
// table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impls/cells/cells.hpp"  // RNNBENCH_HOST_DEVICE
#include "impls/cuda/persistent/places.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

/// A block has `units` hidden units with all their gates. Each of its warps has a slice of k and
/// all of these rows of W_hh: lanes side by side have different units and the same k, so that they
/// load the same words of h; the others share a unit's k out, by pieces in turns. Few threads with
/// as many registers as there are: what ends a step (sums over lanes and warps) is then less.
struct RowsShape {
  int gates;
  int units;      // of a block: a multiple of four
  int width;      // hidden units that it has room for: a multiple of 512
  int rows;       // of a slice
  int pieces;     // of weights that lie in registers, of each thread; others in shared memory or,
                  // beyond its room, in device memory: read anew in each step, out of the L2
  int piece = 4;  // weights of a piece, of 16 bytes: 4 in f32, whatever they are stored as, or 8
                  // in the 16 bits that they are stored in

  static constexpr int warps = 8;
  static constexpr int threads = 32 * warps;
  static constexpr int most_shared_bytes = 227 * 1024;

  constexpr bool operator==(const RowsShape&) const = default;

  /// In one number, because nvcc takes no class types as template arguments of kernels.
  constexpr std::uint64_t code() const {
    std::uint64_t bits = 0;
    for (const int field : {gates, units, width / 4, rows, pieces, piece})
      bits = bits << 10 | std::uint64_t(field);
    return bits;
  }
  RNNBENCH_HOST_DEVICE static constexpr RowsShape from_code(std::uint64_t bits) {
    const auto field = [&](int place) { return int(bits >> 10 * (5 - place) & 1023); };
    return {field(0), field(1), 4 * field(2), field(3), field(4), field(5)};
  }

  /// Lanes side by side, and those that share a unit's k: powers of two.
  RNNBENCH_HOST_DEVICE constexpr int groups() const { return units % 8 == 0 ? 8 : 4; }
  RNNBENCH_HOST_DEVICE constexpr int lanes() const { return 32 / groups(); }
  /// Of W_hh, of a thread: unit `i` of it and its gate g are row i * gates + g.
  RNNBENCH_HOST_DEVICE constexpr int weight_rows() const { return units / groups() * gates; }
  /// Values of k of a warp, and chunks of them of a thread: as many as a piece has weights.
  RNNBENCH_HOST_DEVICE constexpr int slice() const { return width / warps; }
  RNNBENCH_HOST_DEVICE constexpr int chunks() const { return slice() / (piece * lanes()); }
  /// Words of h that a lane waits for, for each row of the batch: so many at once, so many times.
  RNNBENCH_HOST_DEVICE constexpr int each() const { return slice() % 128 == 0 ? 4 : 2; }
  RNNBENCH_HOST_DEVICE constexpr int looks() const { return slice() / (32 * each()); }
  /// Units times rows of the batch: each has a thread that updates it.
  RNNBENCH_HOST_DEVICE constexpr int items() const { return units * rows; }

  RNNBENCH_HOST_DEVICE constexpr int all_pieces() const { return weight_rows() * chunks(); }
  RNNBENCH_HOST_DEVICE constexpr int shared_pieces() const {
    const int others = all_pieces() - pieces, room = shared_room();
    return others < room ? others : room;
  }
  RNNBENCH_HOST_DEVICE constexpr int streamed_pieces() const {
    return all_pieces() - pieces - shared_pieces();
  }
  /// Of each chunk of k the last rows' pieces are streamed and those before them shared, each in as
  /// even numbers as can be: so many are before a chunk, and so many of its own lie in registers.
  RNNBENCH_HOST_DEVICE constexpr int streamed_before(int chunk) const {
    return streamed_pieces() * chunk / chunks();
  }
  RNNBENCH_HOST_DEVICE constexpr int resident_of(int chunk) const {
    return weight_rows() - (streamed_before(chunk + 1) - streamed_before(chunk));
  }
  RNNBENCH_HOST_DEVICE constexpr int shared_before(int chunk) const {
    return shared_pieces() * chunk / chunks();
  }
  RNNBENCH_HOST_DEVICE constexpr int registers_of(int chunk) const {
    return resident_of(chunk) - (shared_before(chunk + 1) - shared_before(chunk));
  }

  // The block's shared memory, in floats from its start: weights; h as products read it, of each
  // warp [rows, slice]; sums of the warps, of two steps [2, 2, gates, items, 4]; strides; where
  // inputs and outputs of threads lie, if there is room; biases [gates + 1, units]; what the warps'
  // waits keep; the publications before this launch.
  RNNBENCH_HOST_DEVICE constexpr int at_hidden() const { return shared_pieces() * threads * 4; }
  RNNBENCH_HOST_DEVICE constexpr int at_partials() const { return at_hidden() + rows * width; }
  RNNBENCH_HOST_DEVICE constexpr int partial_floats() const { return warps * gates * items(); }
  RNNBENCH_HOST_DEVICE constexpr int at_places() const {
    return at_partials() + 2 * partial_floats();
  }
  RNNBENCH_HOST_DEVICE constexpr int place_floats() const { return place_bytes / 4 * items(); }
  RNNBENCH_HOST_DEVICE constexpr int floats_after_places() const {
    return (gates + 1) * units + 2 * warps + 4;
  }
  /// Pieces of each thread that shared memory has room for, beside the rest but places.
  RNNBENCH_HOST_DEVICE constexpr int shared_room() const {
    const int rest = rows * width + 2 * partial_floats() + place_bytes / 4 + floats_after_places();
    return (most_shared_bytes / 4 - rest) / (4 * threads);
  }
  RNNBENCH_HOST_DEVICE constexpr bool keeps_places() const {
    return 4 * (at_places() + place_bytes / 4 + place_floats() + floats_after_places()) <=
           most_shared_bytes;
  }
  RNNBENCH_HOST_DEVICE constexpr int at_biases() const {
    return at_places() + place_bytes / 4 + (keeps_places() ? place_floats() : 0);
  }
  RNNBENCH_HOST_DEVICE constexpr int at_waits() const { return at_biases() + (gates + 1) * units; }
  RNNBENCH_HOST_DEVICE constexpr int at_count() const { return at_waits() + 2 * warps; }
  RNNBENCH_HOST_DEVICE constexpr std::size_t shared_bytes() const {
    return sizeof(float) * std::size_t(at_biases() + floats_after_places());
  }

  /// Blocks of a group.
  constexpr int blocks(int hidden) const { return (hidden + units - 1) / units; }

  // The exchange memory of a group: a count of publications, two buffers of words of h, each
  // [rows, width], and streamed weights [blocks, pieces, threads].
  static constexpr int header_bytes = 128, word_bytes = 4;
  RNNBENCH_HOST_DEVICE constexpr int buffer_bytes() const { return rows * width * word_bytes; }
  RNNBENCH_HOST_DEVICE constexpr int words_bytes() const {
    return header_bytes + 2 * buffer_bytes();
  }
  constexpr std::size_t streamed_bytes(int hidden) const {
    return std::size_t(blocks(hidden)) * std::size_t(streamed_pieces()) * threads * 16;
  }
  constexpr std::size_t exchange_bytes(int hidden) const {
    return std::size_t(words_bytes()) + streamed_bytes(hidden);
  }
};

// None spills on compute capability 8.0 to 9.0. Shared memory holds what registers do not, up to
// 227 KB of it. First those for f32 and tf32 alone, last those for 16 bits alone.
// clang-format off
inline constexpr std::array rows_shapes{
    RowsShape{3, 16, 2048, 2, 45},  // which spills where formats have 16 bits
    RowsShape{3, 20, 2560, 1, 27}, RowsShape{3, 20, 2560, 2, 25},
    RowsShape{4, 16, 2048, 1, 36}, RowsShape{4, 16, 2048, 2, 34}, RowsShape{4, 16, 2048, 4, 20},
    RowsShape{1,  8,  512, 1,  4}, RowsShape{1,  8,  512, 2,  4}, RowsShape{1,  8,  512, 4,  4},
    RowsShape{1,  8, 1024, 1,  8}, RowsShape{1,  8, 1024, 2,  8}, RowsShape{1,  8, 1024, 4,  8},
    RowsShape{1, 16, 2048, 1, 32}, RowsShape{1, 16, 2048, 2, 32}, RowsShape{1, 16, 2048, 4, 32},
    RowsShape{3,  8,  512, 1, 12}, RowsShape{3,  8,  512, 2, 12}, RowsShape{3,  8,  512, 4, 12},
    RowsShape{3,  8, 1024, 1, 24}, RowsShape{3,  8, 1024, 2, 24}, RowsShape{3,  8, 1024, 4, 24},
    RowsShape{3, 12, 1536, 1, 50}, RowsShape{3, 12, 1536, 2, 47}, RowsShape{3, 12, 1536, 4, 37},
    RowsShape{3, 16, 2048, 1, 50},
    RowsShape{4,  8,  512, 1, 16}, RowsShape{4,  8,  512, 2, 16}, RowsShape{4,  8,  512, 4, 16},
    RowsShape{4,  8, 1024, 1, 32}, RowsShape{4,  8, 1024, 2, 32}, RowsShape{4,  8, 1024, 4, 32},
    RowsShape{4, 12, 1536, 1, 42}, RowsShape{4, 12, 1536, 2, 38}, RowsShape{4, 12, 1536, 4, 29},
    RowsShape{3, 20, 2560, 1, 38, 8}, RowsShape{3, 20, 2560, 2, 34, 8},
    RowsShape{3, 20, 2560, 4, 18, 8},
    RowsShape{3, 24, 3072, 1, 38, 8}, RowsShape{3, 24, 3072, 2, 34, 8},
    RowsShape{3, 24, 3072, 4, 26, 8},
};
// clang-format on
inline constexpr std::size_t rows_shapes_for_f32 = 6, rows_shapes_for_16_bits = 6;

/// Those that a format has kernels of.
constexpr std::span<const RowsShape> rows_shapes_of(Math math) {
  const std::span<const RowsShape> all = rows_shapes;
  return math == Math::f16 || math == Math::bf16 ? all.subspan(rows_shapes_for_f32)
                                                 : all.first(all.size() - rows_shapes_for_16_bits);
}

}  // namespace rnnbench::persistent
