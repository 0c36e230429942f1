// One step of one or more recurrent layers, whole, in one kernel: input product, hidden product,
// biases, gates and one store of h.
//
// What it teaches: a block owns all gates of its units, so the gates' maths can follow the products
// with nothing but shared memory between them. Blocks differ in units and batch rows
// (BLOCK_N, BLOCK_M); the third grid dimension is the layer (of a wavefront) or the direction. k
// runs through the columns of W_ih and then of W_hh in chunks, copied asynchronously several chunks
// ahead; in a skinny tile the warps share out each chunk's k and add up in the end.
//
// What bounds it: at small B the step is a chain of latencies: launch, the copy of h out of L2, the
// products, one barrier a chunk. So the launch overlaps the one before (programmatic dependent
// launch): weights of the first chunks, biases and hoisted input gates come in before the block
// waits for h. At large B the products bound it, at the rate of the f32 units or of mma.sync.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/cuda/fused/cell.cuh"
#include "impls/cuda/fused/mma.cuh"

namespace rnnbench::fused {

/// One operand pair of the products: rows of x or h, and the weights they meet.
template <class T>
struct Source {
  const T* rows;
  const T* weights;
  std::int64_t row_stride;
  int width;  // k
  bool wide;  // 16-byte copies are aligned
};

/// Copies `count` rows' pieces of 16 bytes from k on into shared memory; beyond `width`, and in
/// rows for which `row` is null, zeros. `anywhere` is an address that may be named, not read.
template <int count, int row_bytes, int chunk_bytes, int threads, class T, class Row>
__device__ __forceinline__ void copy_rows(unsigned char* to, int k, int width, bool wide,
                                          const T* anywhere, const Row& row) {
  constexpr int pieces = chunk_bytes / 16, values = 16 / sizeof(T);
#pragma unroll 4
  for (int i = int(threadIdx.x); i < count * pieces; i += threads) {
    const int r = i / pieces, piece = i % pieces;
    const int at = k + piece * values;
    const T* from = row(r);
    unsigned char* place = to + r * row_bytes + piece * 16;
    const int left = from ? min(values, width - at) : 0;
    if (wide) {
      copy_async_16(place, left > 0 ? from + at : anywhere, max(left, 0) * int(sizeof(T)));
    } else {
      for (int v = 0; v < values; ++v) {
        if constexpr (sizeof(T) == 4)
          copy_async_4(place + 4 * v, v < left ? from + at + v : anywhere, v < left ? 4 : 0);
        else
          reinterpret_cast<T*>(place)[v] = v < left ? from[at + v] : T(0.0f);
      }
    }
  }
}

template <class Cell, std::uint64_t tile_code, Product product>
__global__ void __launch_bounds__(Tile::from_code(tile_code).threads(), 1)
    fused_step(const __grid_constant__ Launch launch) {
  constexpr Tile tile = Tile::from_code(tile_code);
  using Warp = WarpProduct<tile, Cell::gates, product>;
  using T = typename Warp::Storage;
  constexpr int gates = Cell::gates, slots = Warp::slots, threads = tile.threads();
  constexpr int block_m = tile.block_m(), block_n = tile.block_n(), stages = tile.stages;
  constexpr int chunk = tile.chunk_bytes / int(sizeof(T));
  constexpr int stage_bytes = tile.stage_bytes(gates);
  constexpr int results = (block_m * block_n + threads - 1) / threads;  // a thread updates
  constexpr bool early = results <= 2;  // what updates read fits into registers meanwhile
  extern __shared__ __align__(128) unsigned char shared[];

  const Job& job = launch.jobs[blockIdx.z];
  const Step step = step_of(job, launch.wave);
  const int unit0 = int(blockIdx.x) * block_n;
  const std::int64_t row0 = std::int64_t{blockIdx.y} * block_m;
  const int warp = int(threadIdx.x) / 32;
  const int warp_k = warp / (tile.warps_m * tile.warps_n);
  const int warp_m = warp % tile.warps_m, warp_n = warp / tile.warps_m % tile.warps_n;
  allow_next_launch();

  const int x_chunks = job.x ? (job.x_width + chunk - 1) / chunk : 0;
  const int chunks = x_chunks + (job.w_hh ? (job.hidden + chunk - 1) / chunk : 0);
  const auto source = [&](int c, int& k) -> Source<T> {
    if (c < x_chunks) {
      k = c * chunk;
      return {static_cast<const T*>(job.x) + (step.now & job.x_mask) * job.x_step,
              static_cast<const T*>(job.w_ih), job.x_row, job.x_width, job.x_wide};
    }
    k = (c - x_chunks) * chunk;
    return {h_before<T>(job, step, 0), static_cast<const T*>(job.w_hh),
            step.first ? job.hidden : job.h_row, job.hidden, job.h_wide};
  };
  const auto copy_weights = [&](int c) {
    int k;
    const Source<T> s = source(c, k);
    copy_rows<gates * block_n, tile.row_bytes(), tile.chunk_bytes, threads>(
        shared + c % stages * stage_bytes + block_m * tile.row_bytes(), k, s.width, s.wide,
        s.weights, [&](int r) -> const T* {
          const int unit = unit0 + r % block_n;
          if (unit >= job.hidden) return nullptr;
          return s.weights + (std::int64_t{r / block_n} * job.hidden + unit) * s.width;
        });
  };
  const auto copy_batch = [&](int c) {
    int k;
    const Source<T> s = source(c, k);
    copy_rows<block_m, tile.row_bytes(), tile.chunk_bytes, threads>(
        shared + c % stages * stage_bytes, k, s.width, s.wide, s.rows, [&](int r) -> const T* {
          return row0 + r < job.rows ? s.rows + (row0 + r) * s.row_stride : nullptr;
        });
  };

  for (int c = 0; c < stages - 1; ++c)
    if (c < chunks) copy_weights(c);
  UnitInputs<Cell> inputs[early ? results : 1];
  UnitState<Cell, T> states[early ? results : 1];
  const auto place_of = [&](int result, std::int64_t& row, int& unit) {
    const int i = result * threads + int(threadIdx.x);
    row = row0 + i / block_n, unit = unit0 + i % block_n;
    return i < block_m * block_n && row < job.rows && unit < job.hidden;
  };
  std::int64_t row;
  int unit;
  if constexpr (early)
#pragma unroll
    for (int r = 0; r < results; ++r)
      if (place_of(r, row, unit)) inputs[r] = unit_inputs<Cell, T>(job, step, row, unit);
  wait_for_previous_launch();
  for (int c = 0; c < stages - 1; ++c) {
    if (c < chunks) copy_batch(c);
    copies_commit();
  }
  if constexpr (early)
#pragma unroll
    for (int r = 0; r < results; ++r)
      if (place_of(r, row, unit)) states[r] = unit_state<Cell, T>(job, step, row, unit);

  Warp sums;
  for (int c = 0; c < chunks; ++c) {
    copies_wait<stages - 2>();
    __syncthreads();  // chunk c is here, and chunk c - 1 has been used by every warp
    if (c + stages - 1 < chunks) copy_weights(c + stages - 1), copy_batch(c + stages - 1);
    copies_commit();
    if (c == x_chunks) sums.next_phase();
    const unsigned char* const stage = shared + c % stages * stage_bytes;
    sums.multiply(stage + warp_m * tile.warp_m() * tile.row_bytes(),
                  stage + (block_m + warp_n * tile.warp_n()) * tile.row_bytes(), warp_k);
  }
  if (chunks == x_chunks) sums.next_phase();
  copies_wait<0>();
  __syncthreads();  // the stages become room for the sums

  float* const meeting = reinterpret_cast<float*>(shared);
  const auto meeting_place = [&](int k_share, int slot, int m, int n) {
    return ((k_share * slots + slot) * block_m + m) * tile.sums_row() + n;
  };
  sums.each([&](int slot, int m, int n, float sum) {
    meeting[meeting_place(warp_k, slot, warp_m * tile.warp_m() + m, warp_n * tile.warp_n() + n)] =
        sum;
  });
  __syncthreads();
#pragma unroll(early ? results : 1)
  for (int r = 0; r < results; ++r) {
    if (!place_of(r, row, unit)) continue;
    float total[slots];
#pragma unroll
    for (int s = 0; s < slots; ++s) {
      total[s] = 0;
#pragma unroll
      for (int k = 0; k < tile.warps_k; ++k)
        total[s] += meeting[meeting_place(k, s, int(row - row0), unit - unit0)];
    }
    if constexpr (early)
      update_unit<Cell, T, slots>(job, step, row, unit, total, inputs[r], states[r]);
    else
      update_unit<Cell, T, slots>(job, step, row, unit, total,
                                  unit_inputs<Cell, T>(job, step, row, unit),
                                  unit_state<Cell, T>(job, step, row, unit));
  }
  if (job.carry_to) {  // a linear layer hands the state it has read to the next call
    const std::int64_t count = std::int64_t{job.rows} * job.x_width;
    const std::int64_t block = blockIdx.y * gridDim.x + blockIdx.x;
    for (std::int64_t i = block * threads + threadIdx.x; i < count;
         i += std::int64_t{threads} * gridDim.x * gridDim.y)
      static_cast<T*>(job.carry_to)[i] = static_cast<const T*>(job.carry_from)[i];
  }
}

}  // namespace rnnbench::fused
