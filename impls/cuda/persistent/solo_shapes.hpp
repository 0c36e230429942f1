// Shapes of the solo kernel: how a block's threads share a layer's weights out. Plain data,
// shared by the planner (host only) and by the kernels, which are instantiated from this table.
#pragma once

#include <array>
#include <cstdint>

#include "impls/cells/cells.hpp"  // RNNBENCH_HOST_DEVICE
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

/// A thread has, for `units` hidden units and all their gates, `depth` values of k: `lanes`
/// threads of a warp together have all of k. Few threads with as many registers as there are:
/// what a thread needs beside its weights is needed fewer times, and each value of h it loads is
/// multiplied `units` times the gates.
struct SoloShape {
  int gates;
  int units;   // of a thread: a power of two
  int lanes;   // that share the products of a unit: a power of two, at least `units`
  int depth;   // values of k of a thread, a multiple of 8
  int pieces;  // of four weights that lie in registers, of each thread; others in shared memory
  int one_row_pieces;  // the same where blocks have one row, which takes fewer registers

  static constexpr int warps = 8;
  static constexpr int threads = 32 * warps;

  constexpr bool operator==(const SoloShape&) const = default;

  RNNBENCH_HOST_DEVICE constexpr SoloShape for_rows(bool one_row) const {
    const int own = one_row ? one_row_pieces : pieces;
    return {gates, units, lanes, depth, own, own};
  }
  /// What for_rows gives, in one number, because nvcc takes no class types as template arguments
  /// of kernels.
  constexpr std::uint64_t code() const {
    std::uint64_t bits = 0;
    for (const int field : {gates, units, lanes, depth, pieces})
      bits = bits << 8 | std::uint64_t(field);
    return bits;
  }
  RNNBENCH_HOST_DEVICE static constexpr SoloShape from_code(std::uint64_t bits) {
    const auto field = [&](int place) { return int(bits >> 8 * (4 - place) & 255); };
    return {field(0), field(1), field(2), field(3), field(4), field(4)};
  }

  /// The hidden units that it has room for: as many values of k as units.
  RNNBENCH_HOST_DEVICE constexpr int hidden() const { return lanes * depth; }
  RNNBENCH_HOST_DEVICE constexpr int units_of_a_warp() const { return 32 / lanes * units; }
  RNNBENCH_HOST_DEVICE constexpr int all_pieces() const { return units * gates * depth / 4; }
  RNNBENCH_HOST_DEVICE constexpr int shared_pieces() const { return all_pieces() - pieces; }
  /// The pieces of each four of k are its units' gates, one after another; the last of them are
  /// shared, in as even numbers as can be: so many are before a four, and so many of its own lie
  /// in registers.
  RNNBENCH_HOST_DEVICE constexpr int shared_before(int four) const {
    return shared_pieces() * four / (depth / 4);
  }
  RNNBENCH_HOST_DEVICE constexpr int registers_of(int four) const {
    return units * gates - (shared_before(four + 1) - shared_before(four));
  }
  RNNBENCH_HOST_DEVICE constexpr bool has_c() const { return gates == 4; }

  // The block's shared memory, in floats from its start: strides, weights, and of each row of the
  // batch two buffers of h as products read it, then what is carried of h, where that is not the
  // same, and of c; each for hidden() units.
  static constexpr int header_floats = 8;
  RNNBENCH_HOST_DEVICE constexpr int row_floats(bool rounds) const {
    return hidden() * (2 + (rounds ? 1 : 0) + (has_c() ? 1 : 0));
  }
  RNNBENCH_HOST_DEVICE constexpr int at_rows() const {
    return header_floats + shared_pieces() * threads * 4;
  }
  RNNBENCH_HOST_DEVICE constexpr int floats(int rows, bool rounds) const {
    return at_rows() + rows * row_floats(rounds);
  }
};

/// Whether products read h rounded: f32 is exact, and so is what is called tf32 here.
RNNBENCH_HOST_DEVICE constexpr bool solo_rounds(Math math) {
  return math == Math::f16 || math == Math::bf16;
}

// None spills, on compute capability 8.0, 8.9 and 9.0.
// clang-format off
inline constexpr std::array solo_shapes{
    SoloShape{1, 1, 4, 16,  4,  4},
    SoloShape{1, 4, 8, 16, 16, 16},
    SoloShape{1, 8, 8, 32, 49, 54},
    SoloShape{3, 1, 4, 16, 12, 12},
    SoloShape{3, 2, 4, 32, 48, 48},
    SoloShape{4, 1, 4, 16, 16, 16},
    SoloShape{4, 2, 4, 32, 50, 51},
};
// clang-format on

/// The smallest that holds a layer; null where none does.
constexpr const SoloShape* solo_shape_for(int gates, std::int64_t hidden) {
  for (const SoloShape& shape : solo_shapes)
    if (shape.gates == gates && shape.hidden() >= hidden) return &shape;
  return nullptr;
}
constexpr int most_solo_hidden(int gates) {
  int most = 0;
  for (const SoloShape& shape : solo_shapes)
    if (shape.gates == gates && shape.hidden() > most) most = shape.hidden();
  return most;
}

}  // namespace rnnbench::persistent
