// What the kernels of clusters share: a thread's units, where h goes, and a block's beginning.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/cuda/persistent/one_gate.cuh"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/shape.hpp"
#include "impls/cuda/persistent/waiting.cuh"

namespace rnnbench::persistent {

/// What the scales of `split` elements follow from: the largest of a block's weights, and of h.
enum Largest { of_weights, of_input_weights, of_h };
/// Behind the barriers at the start of the block's shared memory.
__device__ __forceinline__ std::uint32_t* largest_at(float* memory, Largest what) {
  return reinterpret_cast<std::uint32_t*>(memory) + largest_place + what;
}
/// 1 where elements have no scale.
template <Element element>
__device__ __forceinline__ float scale_of(float* memory, Largest what) {
  if constexpr (has_scale<element>)
    return scale_for(__uint_as_float(*largest_at(memory, what)));
  else
    return 1;
}
/// One value of a vector.
template <Element element>
__device__ __forceinline__ void put(char* vector, int k, std::uint32_t word) {
  if constexpr (element == Element::split) {
    auto* const parts = reinterpret_cast<std::uint16_t*>(vector) + k / 4 * 8 + k % 4;
    parts[0] = std::uint16_t(word), parts[4] = std::uint16_t(word >> 16);
  } else if constexpr (is_wide<element>) {
    reinterpret_cast<std::uint32_t*>(vector)[k] = word;
  } else {
    reinterpret_cast<std::uint16_t*>(vector)[k] = std::uint16_t(word);
  }
}

/// Of one row, gate and unit: in an order that the row's order of the warps does not change.
__device__ __forceinline__ float sum_of_warps(const float* parts) {
  static_assert(half_warps == 8);
  const float4 a = reinterpret_cast<const float4*>(parts)[0];
  const float4 b = reinterpret_cast<const float4*>(parts)[1];
  return ((a.x + a.y) + (a.z + a.w)) + ((b.x + b.y) + (b.z + b.w));
}

/// The biases that a gate's products are added to, whichever product.
template <class Cell, Math math>
__device__ __forceinline__ float sum_bias(const Chain& chain, int gate, std::int64_t column) {
  float sum = chain.b_ih ? load<math>(chain.b_ih, column) : 0.0f;
  if (chain.b_hh && Cell::adds_products(gate)) sum += load<math>(chain.b_hh, column);
  return sum;
}

/// A unit of a row that one thread owns for the whole sequence.
template <class Cell, Math math, int units>
struct Unit {
  float h = 0, c = 0;
  float apart = 0;                   // the hidden bias of a gate that needs it alone
  int row = 0, unit = 0;             // in the slice, in the block
  bool there = false, real = false;  // real: not one that only fills the block up
  Stored<math>* y = nullptr;         // of the step to come

  __device__ __forceinline__ void begin(const Chain& chain, const Launch& launch, int number,
                                        int first) {
    row = number / units, unit = number % units;
    there = row < chain.rows;
    real = there && first + unit < launch.hidden;
    if (!real) return;
    const std::int64_t place = std::int64_t{row} * launch.hidden + first + unit;
    h = load<math>(chain.h_0, place);
    if constexpr (Cell::has_c) c = load<math>(chain.c_0, place);
#pragma unroll
    for (int g = 0; g < Cell::gates; ++g)
      if (chain.b_hh && !Cell::adds_products(g))
        apart = load<math>(chain.b_hh, g * std::int64_t{launch.hidden} + first + unit);
    const std::int64_t now = chain.reverse ? launch.steps - 1 : 0;
    if (chain.y)
      y = static_cast<Stored<math>*>(chain.y) + now * chain.y_step + row * chain.y_row + first +
          unit;
  }
  __device__ __forceinline__ void end(const Chain& chain, const Launch& launch, int first) const {
    if (!real) return;
    const std::int64_t place = std::int64_t{row} * launch.hidden + first + unit;
    for (void* const to : {chain.h_n, chain.h_next})
      if (to) store<math>(to, place, h);
    if constexpr (Cell::has_c)
      for (void* const to : {chain.c_n, chain.c_next})
        if (to) store<math>(to, place, c);
  }
};

/// Input products that were made before, on their way to shared memory: of a unit of a row, which
/// need not be the thread's own. Warps that own nothing come first.
template <int gates, int units>
struct Given {
  const float* from = nullptr;  // of the step to come; null: none
  float* to = nullptr;          // in the first of the buffers

  __device__ __forceinline__ void begin(const Chain& chain, const Launch& launch, const Layout& at,
                                        float* memory, int number, int first) {
    const int row = number / units, unit = number % units;
    if (!chain.gates || row >= chain.rows || first + unit >= launch.hidden) return;
    from = chain.gates + (chain.reverse ? launch.steps - 1 : 0) * chain.gates_step +
           row * chain.gates_row + first + unit;
    to = memory + at.given + number;
  }
  __device__ __forceinline__ void fetch(const Launch& launch, const Layout& at, int step,
                                        std::int64_t stride) {
    if (!from || step >= launch.steps) return;
#pragma unroll
    for (int g = 0; g < gates; ++g)
      copy_async_4(to + ((step % input_buffers) * gates + g) * at.given_row,
                   from + g * launch.hidden, true);
    from += stride;
  }
};

/// The bits of four units of a row, one in each of four lanes, in all of them.
__device__ __forceinline__ void gather(std::uint32_t (&all)[4], std::uint32_t word, int lane) {
#pragma unroll
  for (int i = 0; i < 4; ++i) all[i] = __shfl_sync(~0u, word, (lane & ~3) + i);
}

/// Where h goes, a unit a lane: to every block of the cluster, for the next step, and to the layer
/// above. kept: where the blocks' memory is, in registers.
template <Element element, Math math, int units, bool kept>
struct Receivers {
  static constexpr int bytes = is_wide<element> ? 4 : 2, lanes = 16 / bytes;  // of one store
  static constexpr int most = k_cap(8) / units / lanes;  // of the largest cluster's blocks
  std::uint32_t own, memory[kept ? most : 1];  // where this block's begins, and the receivers'
  int first, blocks;

  __device__ __forceinline__ Receivers(float* begin, int lane, int blocks_)
      : own(shared_address(begin)), first(lane % lanes), blocks(blocks_) {
    if constexpr (kept)
#pragma unroll
      for (int k = 0; k < most; ++k)
        memory[k] = in_block(own, first + k * lanes < blocks ? first + k * lanes : 0);
  }
  /// place, barrier: in bytes, of the row's vector from this block's units on, and of what counts.
  __device__ __forceinline__ void send(float h, float scale, bool there, int place, int barrier,
                                       int lane) const {
    std::uint32_t four[4];
    pack(four, h, scale, lane);
    if (there) store(four, place + lane / lanes * 16 % (units * bytes), barrier);
  }
  /// Likewise, and to the layer above. place < 0: nobody in the cluster waits for it. above():
  /// null, or the unit's row's word for this block's first.
  template <class Above>
  __device__ __forceinline__ void hand_on(float h, float scale, bool there, int place, int barrier,
                                          const Above& above, std::uint32_t tag, int lane) const {
    std::uint32_t four[4];
    if (is_wide<element> || place >= 0) pack(four, h, scale, lane);
    if (there && place >= 0) store(four, place + lane / lanes * 16 % (units * bytes), barrier);
    uint4* const to = above();
    if (!to) return;
    if constexpr (!kept && element == Element::tf32)  // again: there are no registers to keep it
      pack(four, h, scale, lane);
    if constexpr (!is_wide<element>)  // as f32, whose last bits are free then
      gather(four, __float_as_uint(to_f32(from_f32<Stored<math>>(h)) * scale), lane);
    if (there && lane % 4 == 0)
      store_word(to + lane / 4 % (units / 4), {four[0], four[1], (four[2] & ~1u) | tag, four[3]});
  }

 private:
  __device__ __forceinline__ void pack(std::uint32_t (&four)[4], float h, float scale,
                                       int lane) const {
    const std::uint32_t word = bits<element>(has_scale<element> ? h * scale : h);
    if constexpr (is_wide<element>) {
      std::uint32_t one[4];
      gather(one, word, lane);
      Quad<element> quad;
      quad.set(one[0], one[1], one[2], one[3]);
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] = quad.word[i];
    } else {
      const std::uint32_t pair = word | __shfl_down_sync(~0u, word, 1) << 16;
#pragma unroll
      for (int i = 0; i < 4; ++i) four[i] = __shfl_sync(~0u, pair, (lane & ~7) + 2 * i);
    }
  }
  __device__ __forceinline__ void store(const std::uint32_t (&four)[4], int place,
                                        int barrier) const {
#pragma unroll
    for (int k = 0; k < most; ++k) {
      const int block = first + k * lanes;
      if (block >= blocks) continue;
      const std::uint32_t begin = kept ? memory[kept ? k : 0] : in_block(own, block);
      store_async(begin + place, uint4{four[0], four[1], four[2], four[3]}, begin + barrier);
    }
  }
};

/// Shared memory before the first step, as far as weights make it: zeros, the biases, and the
/// largest of the weights.
template <class Cell, int units, Math math, Element element>
__device__ __forceinline__ void begin_weights(const Chain& chain, const Launch& launch,
                                              const Layout& at, float* memory, int first) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  // What no step writes is multiplied by weights of zero, and must be a number.
  for (int i = at.hidden + thread; i < at.floats; i += threads) memory[i] = 0;
  if constexpr (has_scale<element>) {
    constexpr int gates = Cell::gates;
    raise(largest_at(memory, of_weights),
          largest_weight<gates, math>(chain.w_hh, launch.hidden, first, units));
    if (chain.below)
      raise(largest_at(memory, of_input_weights),
            largest_weight<gates, math>(chain.w_ih, launch.hidden, first, units));
  }
  __syncthreads();
  for (int i = thread; i < row_length(Cell::gates, units); i += threads) {
    const int gate = i / units, unit = first + i % units;
    if (unit < launch.hidden)
      memory[at.bias + i] =
          sum_bias<Cell, math>(chain, gate, gate * std::int64_t{launch.hidden} + unit);
  }
}

/// And as far as states do: h_0, and the largest of it.
template <int k_lane, Math math, Element element>
__device__ __forceinline__ void begin_state(const Chain& chain, const Launch& launch,
                                            const Layout& at, float* memory) {
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  const int states = chain.rows * launch.hidden;
  if constexpr (has_scale<element>) {
    raise(largest_at(memory, of_h), largest_state<math>(chain.h_0, states));
    __syncthreads();
  }
  const float scale = scale_of<element>(memory, of_h);
  for (int i = thread; i < states; i += threads) {
    char* const vector = reinterpret_cast<char*>(memory + at.hidden + at.vectors) +
                         i / launch.hidden * vector_stride(k_lane) * (is_wide<element> ? 4 : 2);
    put<element>(vector, i % launch.hidden, bits<element>(load<math>(chain.h_0, i) * scale));
  }
}

}  // namespace rnnbench::persistent
