// The persistent solo kernel: a layer and direction whose weights one block can hold, for a slice
// of the batch, with nobody to wait for. Each block is on its own SM and goes through the whole
// sequence by itself; more slices are more blocks.
//
// A step is: products with h, which lies in shared memory, by weights in registers; sums over the
// few lanes that share a unit's k, by shuffles; gates in the lane where the sums end up; h to
// shared memory. Products are FFMA, exact f32 whatever the storage. See solo_shapes.hpp for who
// has which weights.
//
// What bounds it: with one row the chain of a step: of a GRU of 128 units 384 clocks of FFMA on
// each scheduler, and nearly as much again of loads, shuffles, gates and barriers in a row, part of
// which is hidden; with many rows the FFMA units, or shared memory where weights lie in it.
// Teaches: how short a step gets without any other block, and that the end of a step can be
// hidden behind products of the next one.
//
// That is done by halves. Warps of the lower half have the lower half of the units; the products
// of all warps take the lower half of h first. So a step begins when the lower half is there,
// while the upper half is still on its way, and each half's products fill the time in which the
// other half's gates wait for their chain.
//
// Why no value is overwritten too early. h of step t goes to buffer t & 1, last read by the
// products of step t - 1. A warp writes it after its own products of step t, for which all warps
// had published h of step t - 1, and every warp publishes that after its products of step t - 1.
#pragma once

#include <type_traits>

#include "impls/common/launch_overlap.cuh"
#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/quick.cuh"
#include "impls/cuda/persistent/solo_job.hpp"
#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

/// Barriers of the block. Where a half is waited for by the other, it only passes by; those who
/// wait meet each other there as well, so that the upper half needs no barrier of its own. There
/// are two of each, for even and odd steps, because a half may come again before everybody of the
/// other has.
enum SoloMeeting { lower_own = 1, lower_published = 2, upper_published = 4 };

/// What a thread has for the whole sequence. Where its block has one row of the batch, states
/// stay in registers; else they lie in shared memory with the row's h.
template <class Cell, Math math, std::uint64_t shape_code, bool one_row>
class SoloThread {
  using T = Stored<math>;
  static constexpr int gates = Cell::gates;
  static constexpr int units = SoloShape::from_code(shape_code).units;
  static constexpr int lanes = SoloShape::from_code(shape_code).lanes;
  static constexpr int width = SoloShape::from_code(shape_code).hidden();
  static constexpr int fours = SoloShape::from_code(shape_code).depth / 4;  // of k
  static constexpr int threads = SoloShape::threads, half_block = threads / 2;
  static constexpr int groups = 32 / lanes;  // of lanes, in a warp
  static constexpr bool rounds = solo_rounds(math);
  static constexpr unsigned row_bytes = 4 * SoloShape::from_code(shape_code).row_floats(rounds);
  static constexpr unsigned h_at = 8 * width;  // of a row, behind its two buffers: the state
  static constexpr unsigned c_at = h_at + (rounds ? 4 * width : 0);
  static constexpr int steps_ahead = 6;  // that input products are fetched to the L2

 public:
  __device__ __forceinline__ SoloThread(const SoloLaunch& launch, float* memory)
      : launch_(launch), job_(launch.jobs[int(blockIdx.x) / launch.slices]) {
    constexpr SoloShape shape = SoloShape::from_code(shape_code);
    static_assert(gates == shape.gates && shape.units_of_a_warp() * SoloShape::warps == width);
    const int slice = int(blockIdx.x) % launch.slices;
    const int extra = int(launch.batch % launch.slices);
    rows_ = one_row ? 1 : int(launch.batch / launch.slices) + (slice < extra ? 1 : 0);
    first_ = launch.batch / launch.slices * slice + (slice < extra ? slice : extra);

    // Lanes next to each other have the same values of k, so that they load the same words of h:
    // lane share * groups + group. A thread's unit i is i ^ share of its group's, so that its
    // unit 0 is the one whose sums end up here.
    const int thread = int(threadIdx.x), lane = thread % 32, share = lane / groups;
    const int first_of_warp = thread / 32 * shape.units_of_a_warp();
    const int first_unit = first_of_warp + lane % groups * units;
    unit_ = first_unit + share % units;
    owner_ = share < units && unit_ < launch.hidden;  // else another lane has the unit as well

    const std::uint32_t begin = shared_address(memory);
    strides_ = begin;
    shared_weights_ = begin + 4 * SoloShape::header_floats + 16 * thread;
    before_ = begin + 4 * shape.at_rows() + 4 * width + 16 * share;
    own_ = 4 * unit_ - 16 * share;
    flip_ = -4 * width;

    take_weights(memory, share, first_unit);
    // Units beyond H stay 0 in both buffers.
    float* const states = memory + shape.at_rows();
    for (int i = thread; i < rows_ * int(row_bytes) / 4; i += threads) states[i] = 0;
    __syncthreads();
    wait_for_previous_launch();
    take_states(states);
    place_sequences(memory, lane, first_of_warp);
    __syncthreads();
  }

  /// All steps; upper: in a warp of the upper half.
  template <bool upper>
  __device__ __forceinline__ void run() {
    int published = upper ? upper_published : lower_published;
    int waits_for = upper ? lower_published : upper_published;
    arrive(published, threads);
#pragma unroll 1
    for (int left = launch_.steps; left > 0; --left) {  // with this one
      std::uint32_t row_before = before_;
#pragma unroll 1
      for (int row = 0; row < rows_; ++row) {
        const bool last_row = one_row || row + 1 == rows_;
        // The unit whose sums stay here begins with what is added to them; other lanes' are 0.
        float sums[units][gates] = {}, in[gates];
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          in[g] = x_[g] + bias_[g];
          sums[0][g] = Cell::adds_products(g) ? in[g] : apart_[g];
        }
        if (one_row || row == 0) {
          if constexpr (upper)
            meet(waits_for, threads);
          else
            meet(lower_own, half_block);
        }
        float4 h_fours[fours / 2];
#pragma unroll
        for (int j = 0; j < fours / 2; ++j) h_fours[j] = load_four(row_before, j);
        // While h is on its way: what is left of the row before, and what the next one needs.
        if (y_waits_ == 0) *y_to_ = from_f32<T>(h_);
        if (y_waits_ == 1) y_waits_ = 0;
        y_to_ += load_stride(strides_ + 16 + (one_row || row == 0 ? 8 : 0));
        if (left > fetch_above_) fetch_to_l2(x_from_ + fetch_offset_);
        x_from_ += load_stride(strides_ + (last_row ? 8 : 0));
        if (owner_ && !(last_row && left == 1)) take_inputs();
        if constexpr (!one_row) {
          h_ = load_shared(row_before + own_ + (rounds ? state_place() + h_at : 0));
          if constexpr (Cell::has_c) c_ = load_shared(row_before + own_ + state_place() + c_at);
        }
#pragma unroll
        for (int j = 0; j < fours / 2; ++j) multiply(sums, j, h_fours[j]);
        if constexpr (!upper)
          if (one_row || row == 0) meet(waits_for, threads);
#pragma unroll
        for (int j = 0; j < fours / 2; ++j) h_fours[j] = load_four(row_before, fours / 2 + j);
#pragma unroll
        for (int j = 0; j < fours / 2; ++j) multiply(sums, fours / 2 + j, h_fours[j]);
        sum_over_lanes(sums);
#pragma unroll
        for (int g = 0; g < gates; ++g)
          if (Cell::adds_products(g)) in[g] = -0.0f;  // adding it is nothing to do
        update_quickly<Cell, math>(in, sums[0], h_, c_, launch_.activation);
        if (owner_) store_shared(row_before + own_ + flip_, rounds ? to_f32(from_f32<T>(h_)) : h_);
        if (last_row && left > 1) arrive(published ^= 1, threads);
        if constexpr (!one_row) {
          if (owner_) {
            if constexpr (rounds) store_shared(row_before + own_ + state_place() + h_at, h_);
            if constexpr (Cell::has_c) store_shared(row_before + own_ + state_place() + c_at, c_);
          }
          row_before += row_bytes;
        }
      }
      before_ += flip_;
      flip_ = -flip_;
      waits_for ^= 1;
    }
    leave();
  }

 private:
  /// From the start of the buffer of h before to the start of the row: it is the second one where
  /// the other lies in front of it.
  __device__ __forceinline__ int state_place() const { return flip_ < 0 ? flip_ : 0; }

  __device__ __forceinline__ void take_weights(float* memory, int share, int first_unit) {
    constexpr SoloShape shape = SoloShape::from_code(shape_code);
    const T* const w_hh = static_cast<const T*>(job_.w_hh);
    const int hidden = launch_.hidden;
    const bool wide =
        hidden % 4 == 0 && reinterpret_cast<std::uintptr_t>(w_hh) % (4 * sizeof(T)) == 0;
    float4* const to =
        reinterpret_cast<float4*>(memory + SoloShape::header_floats) + int(threadIdx.x);
#pragma unroll
    for (int j = 0; j < fours; ++j)
#pragma unroll
      for (int u = 0; u < units; ++u)
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          const int piece = u * gates + g, of_registers = shape.registers_of(j);
          const int of = first_unit + (u ^ share % units);
          const float4 four = four_weights<math>(w_hh, g * std::int64_t{hidden} + of, of < hidden,
                                                 4 * (lanes * j + share), hidden, wide);
          if (piece >= of_registers) {
            to[(shape.shared_before(j) + piece - of_registers) * threads] = four;
          } else {
            weights_[j][piece][0] = four.x, weights_[j][piece][1] = four.y;
            weights_[j][piece][2] = four.z, weights_[j][piece][3] = four.w;
          }
        }
  }

  /// h_0 is the step before the first: in the second buffer.
  __device__ __forceinline__ void take_states(float* states) {
    if (!owner_) return;
    for (int row = 0; row < rows_; ++row) {
      const std::int64_t place = (first_ + row) * launch_.hidden + unit_;
      float* const to = states + row * int(row_bytes / 4) + unit_;
      h_ = load<math>(job_.h_0, place);  // as it is stored: rounded
      to[width] = h_;
      if constexpr (!one_row && rounds) to[h_at / 4] = h_;
      if constexpr (Cell::has_c) {
        c_ = load<math>(job_.c_0, place);
        if constexpr (!one_row) to[c_at / 4] = c_;
      }
    }
#pragma unroll
    for (int g = 0; g < gates; ++g) {
      const int column = g * launch_.hidden + unit_;
      const float b_hh = job_.b_hh ? load<math>(job_.b_hh, column) : 0.0f;
      bias_[g] = job_.b_ih ? load<math>(job_.b_ih, column) : 0.0f;
      (Cell::adds_products(g) ? bias_[g] : apart_[g]) += b_hh;
    }
  }

  /// Where input products come from and y goes to, row after row; then the next step's. Registers
  /// are full of weights: strides, in elements, lie in shared memory.
  __device__ __forceinline__ void place_sequences(float* memory, int lane, int first_of_warp) {
    const SoloJob& job = job_;
    const int steps = launch_.steps, hidden = launch_.hidden;
    const std::int64_t x_step = job.reverse ? -job.gates_step : job.gates_step;
    if (threadIdx.x == 0) {
      const std::int64_t y_step = job.reverse ? -job.y_step : job.y_step;
      auto* const strides = reinterpret_cast<std::int64_t*>(memory);
      strides[0] = job.gates_row, strides[1] = x_step - (rows_ - 1) * job.gates_row;
      strides[2] = job.y_row, strides[3] = y_step - (rows_ - 1) * job.y_row;
    }
    const std::int64_t begin = job.reverse ? steps - 1 : 0;
    y_waits_ = owner_ && job.y ? 1 : 2;
    x_from_ = job.gates + begin * job.gates_step + first_ * job.gates_row + unit_;
    if (job.y)  // a step before the first one's
      y_to_ = static_cast<T*>(job.y) + begin * job.y_step + first_ * job.y_row + unit_ -
              ((job.reverse ? -job.y_step : job.y_step) - (rows_ - 1) * job.y_row);
    if (owner_) take_inputs();

    // A step may be shorter than the way to device memory and back: lane n fetches to the L2,
    // from several steps ahead, words of gate n % gates that this warp will want.
    constexpr int sectors = SoloShape::from_code(shape_code).units_of_a_warp() / 8;
    static_assert(sectors * gates <= 32);
    const int unit = first_of_warp + lane / gates * 8;
    const std::int64_t offset = steps_ahead * x_step + lane % gates * hidden + unit - unit_;
    const bool fetches = lane < sectors * gates && unit < hidden &&
                         offset > -(std::int64_t{1} << 31) && offset < std::int64_t{1} << 31;
    fetch_above_ = fetches ? steps_ahead : steps, fetch_offset_ = int(offset);
  }

  /// W_ih x of the row that x_from_ is at.
  __device__ __forceinline__ void take_inputs() {
#pragma unroll
    for (int g = 0; g < gates; ++g) x_[g] = __ldcs(x_from_ + g * launch_.hidden);
  }

  __device__ __forceinline__ float4 load_four(std::uint32_t row_before, int j) const {
    return load_shared_four(row_before + 16 * lanes * j);
  }

  /// sums += weights times four values of h.
  __device__ __forceinline__ void multiply(float (&sums)[units][gates], int j,
                                           const float4& h) const {
    constexpr SoloShape shape = SoloShape::from_code(shape_code);
    const int of_registers = shape.registers_of(j);
    const float values[4] = {h.x, h.y, h.z, h.w};
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int u = 0; u < units; ++u)
#pragma unroll
        for (int g = 0; g < gates; ++g)
          if (u * gates + g < of_registers) sums[u][g] += weights_[j][u * gates + g][i] * values[i];
#pragma unroll
    for (int u = 0; u < units; ++u)
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        const int piece = u * gates + g;
        if (piece < of_registers) continue;
        const float4 w = load_shared_four(
            shared_weights_ + (shape.shared_before(j) + piece - of_registers) * threads * 16);
        sums[u][g] += w.x * h.x;
        sums[u][g] += w.y * h.y;
        sums[u][g] += w.z * h.z;
        sums[u][g] += w.w * h.w;
      }
  }

  /// Each lane's own unit is its first. Of half of the units that a thread still has sums of,
  /// another lane gets its own; then lanes with the same unit add theirs.
  __device__ __forceinline__ void sum_over_lanes(float (&sums)[units][gates]) const {
#pragma unroll
    for (int n = units / 2; n > 0; n /= 2)
#pragma unroll
      for (int u = 0; u < n; ++u)
#pragma unroll
        for (int g = 0; g < gates; ++g)
          sums[u][g] += __shfl_xor_sync(~0u, sums[u + n][g], groups * n);
#pragma unroll
    for (int n = units; n < lanes; n *= 2)
#pragma unroll
      for (int g = 0; g < gates; ++g) sums[0][g] += __shfl_xor_sync(~0u, sums[0][g], groups * n);
  }

  __device__ __forceinline__ void leave() {
    if (!owner_) return;
    if (y_waits_ == 0) *y_to_ = from_f32<T>(h_);
    for (int row = 0; row < rows_; ++row) {
      const std::uint32_t at = before_ + own_ + row * row_bytes;
      if constexpr (!one_row) {
        h_ = load_shared(at + (rounds ? state_place() + h_at : 0));
        if constexpr (Cell::has_c) c_ = load_shared(at + state_place() + c_at);
      }
      const std::int64_t place = (first_ + row) * launch_.hidden + unit_;
      for (void* const to : {job_.h_n, job_.h_next})
        if (to) store<math>(to, place, h_);
      if constexpr (Cell::has_c)
        for (void* const to : {job_.c_n, job_.c_next})
          if (to) store<math>(to, place, c_);
    }
  }

  const SoloLaunch& launch_;
  const SoloJob& job_;
  int rows_;
  std::int64_t first_;  // row of the batch
  int unit_;
  bool owner_;
  float weights_[fours][units * gates][4];      // those in shared memory take no registers
  float bias_[gates] = {}, apart_[gates] = {};  // apart: where a gate keeps b_hh so
  float x_[gates] = {};                         // of the row to come; 0 in lanes that own nothing
  float h_ = 0, c_ = 0;
  // Addresses in shared memory: strides, weights, and this thread's share of h of the step
  // before, from which it is own_ to its unit and flip_ to the other buffer.
  std::uint32_t strides_, shared_weights_, before_;
  int own_, flip_;
  const float* x_from_;
  T* y_to_ = nullptr;
  int y_waits_;  // 0: h_ is to be stored there; 1: not before the first row; 2: never
  int fetch_above_, fetch_offset_;
};

/// Grid: slices of each direction; one_row: as many as the batch has rows. Blocks do not wait on
/// each other.
template <class Cell, Math math, std::uint64_t shape_code, bool one_row>
__global__ void __launch_bounds__(SoloShape::threads, 1)
    persistent_solo(const __grid_constant__ SoloLaunch launch) {
  RNNBENCH_DYNAMIC_SHARED(memory);
  SoloThread<Cell, math, shape_code, one_row> thread(launch, memory);
  const int warp = __shfl_sync(~0u, int(threadIdx.x) / 32, 0);
  if (warp >= SoloShape::warps / 2)
    thread.template run<true>();
  else
    thread.template run<false>();
}

}  // namespace rnnbench::persistent
