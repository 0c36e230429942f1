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
#include "impls/common/overlap.cuh"
#include "impls/cuda/fused/cell.cuh"
#include "impls/cuda/fused/mma.cuh"

namespace rnnbench::fused {

/// Rows that a product reads k by k: values [.., width], rows `stride` apart.
template <class T>
struct Operand {
  const T* data;
  std::int64_t stride;
  int width;
  bool wide;  // rows are aligned to 16 bytes
};

/// This thread's share of bringing `count` rows of a chunk into shared memory: the same piece of 16
/// bytes of every few rows, so that a chunk costs an addition and a copy a piece.
template <class T, int count, Tile tile>
class RowCopies {
 public:
  /// row(r): the number of the row that comes to place r, or -1 for none: what is in that place
  /// then becomes sums that nobody stores.
  template <class Row>
  __device__ __forceinline__ void start(const Operand<T>& from, const Row& row) {
    data_ = from.data, width_ = from.width, wide_ = from.wide;
    const auto stride = std::uint32_t(wide_ ? from.stride / values : from.stride);
    valid_ = 0;
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) {
      const int r = pass * rows_a_pass + int(threadIdx.x) / pieces;
      const std::int64_t number = r < count ? row(r) : -1;
      if (number >= 0) valid_ |= 1u << pass;
      offset_[pass] = std::uint32_t(number) * stride;
    }
  }

  /// Columns k to k + chunk; beyond the width zeros.
  __device__ __forceinline__ void copy(unsigned char* to, int k) const {
    const int piece = int(threadIdx.x) % pieces;
    const int at = k + piece * values;
    to += int(threadIdx.x) / pieces * tile.row_bytes() + piece * 16;
    if (wide_) {  // so the width, too, is whole pieces
      const bool inside = at < width_;
      const char* const column = reinterpret_cast<const char*>(data_ + (inside ? at : 0));
#pragma unroll
      for (int pass = 0; pass < passes; ++pass)
        if (valid_ >> pass & 1)
          copy_async_16(to + pass * rows_a_pass * tile.row_bytes(),
                        column + std::uint64_t{offset_[pass]} * 16, inside);
      return;
    }
    const int left = min(values, width_ - at);
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) {
      if (!(valid_ >> pass & 1)) continue;
      const T* const row = data_ + offset_[pass] + at;
      unsigned char* const place = to + pass * rows_a_pass * tile.row_bytes();
#pragma unroll 1
      for (int v = 0; v < values; ++v) {
        const bool there = v < left;
        if constexpr (sizeof(T) == 4)
          copy_async_4(place + 4 * v, there ? row + v : data_, there);
        else
          reinterpret_cast<T*>(place)[v] = there ? row[v] : T(0.0f);
      }
    }
  }

 private:
  static constexpr int pieces = tile.chunk_bytes / 16, values = 16 / int(sizeof(T));
  static constexpr int rows_a_pass = tile.threads() / pieces;
  static constexpr int passes = (count + rows_a_pass - 1) / rows_a_pass;
  static_assert(tile.threads() % pieces == 0 && passes <= 32);

  const T* data_;
  int width_;
  bool wide_;
  unsigned valid_;
  std::uint32_t
      offset_[passes];  // of rows: in 16-byte pieces where they are aligned, else in values
};

/// What ptxas is to leave room for. For Blackwell it needs a few registers more, and would spill.
constexpr int blocks_an_sm(const Tile& tile) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
  return tile.lanes_m > 0 && tile.thread_m >= 5 ? 1 : tile.blocks;
#else
  return tile.blocks;
#endif
}

template <class Cell, std::uint64_t tile_code, Product product>
__global__ void __launch_bounds__(Tile::from_code(tile_code).threads(),
                                  blocks_an_sm(Tile::from_code(tile_code)))
    fused_step(const __grid_constant__ Launch launch) {
// Asynchronous copies came with CC 8.0; for older chips the rest of the module is still built.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  constexpr Tile tile = Tile::from_code(tile_code);
  using Warp = WarpProduct<tile, Cell::gates, product>;
  using T = typename Warp::Storage;
  constexpr int gates = Cell::gates, slots = Warp::slots, threads = tile.threads();
  constexpr int block_m = tile.block_m(), block_n = tile.block_n(), stages = tile.stages;
  constexpr int chunk = tile.chunk_bytes / int(sizeof(T));
  constexpr int stage_bytes = tile.stage_bytes(gates);
  constexpr int results = (block_m * block_n + threads - 1) / threads;  // a thread updates
  constexpr bool early = results <= 4;  // what updates read fits into registers meanwhile
  extern __shared__ __align__(128) unsigned char shared[];

  const Job& job = launch.jobs[blockIdx.z];
  const Step step = step_of(job, launch.wave);
  const int unit0 = int(blockIdx.x) * block_n;
  const int row0 = int(blockIdx.y) * block_m;
  const int warp = int(threadIdx.x) / 32;
  const int warp_k = warp / (tile.warps_m * tile.warps_n);
  const int warp_m = warp % tile.warps_m, warp_n = warp / tile.warps_m % tile.warps_n;
  allow_next_launch();

  const int x_width = job.x_width, hidden = job.hidden;
  const int x_chunks = job.x ? (x_width + chunk - 1) / chunk : 0;
  const int chunks = x_chunks + (job.w_hh ? (hidden + chunk - 1) / chunk : 0);
  RowCopies<T, gates * block_n, tile> weights;
  RowCopies<T, block_m, tile> batch;
  const auto copy_weights = [&](int c, unsigned char* stage) {
    if (c == 0 || c == x_chunks) {
      const bool x = c < x_chunks;
      const int width = x ? x_width : hidden;
      weights.start(Operand<T>{static_cast<const T*>(x ? job.w_ih : job.w_hh), width, width,
                               x ? job.x_wide : job.h_wide},
                    [&](int r) -> std::int64_t {
                      const int unit = unit0 + r % block_n;
                      return unit < hidden ? std::int64_t{r / block_n} * hidden + unit : -1;
                    });
    }
    weights.copy(stage + block_m * tile.row_bytes(), (c < x_chunks ? c : c - x_chunks) * chunk);
  };
  const auto copy_batch = [&](int c, unsigned char* stage) {
    if (c == 0 || c == x_chunks) {
      Operand<T> rows{h_before<T>(job, step, 0), step.first ? hidden : job.h_row, hidden,
                      job.h_wide};
      if (c < x_chunks)
        rows = {static_cast<const T*>(job.x) + (step.now & job.x_mask) * job.x_step, job.x_row,
                x_width, job.x_wide};
      batch.start(rows, [&](int r) -> std::int64_t { return row0 + r < job.rows ? row0 + r : -1; });
    }
    batch.copy(stage, (c < x_chunks ? c : c - x_chunks) * chunk);
  };

#pragma unroll 1
  for (int c = 0; c < stages - 1; ++c)
    if (c < chunks) copy_weights(c, shared + c * stage_bytes);
  UnitInputs<Cell> inputs[early ? results : 1];
  UnitState<Cell, T> states[early ? results : 1];
  const auto place_of = [&](int result, int& row, int& unit) {
    const int i = result * threads + int(threadIdx.x);
    row = row0 + i / block_n, unit = unit0 + i % block_n;
    return i < block_m * block_n && row < job.rows && unit < job.hidden;
  };
  int row, unit;
  if constexpr (early)
#pragma unroll
    for (int r = 0; r < results; ++r)
      if (place_of(r, row, unit)) inputs[r] = unit_inputs<Cell, T>(job, step, row, unit);
  wait_for_previous_launch();
#pragma unroll 1
  for (int c = 0; c < stages - 1; ++c) {
    if (c < chunks) copy_batch(c, shared + c * stage_bytes);
    copies_commit();
  }
  if constexpr (early)
#pragma unroll
    for (int r = 0; r < results; ++r)
      if (place_of(r, row, unit)) states[r] = unit_state<Cell, T>(job, step, row, unit);

  const auto after = [&](unsigned char* stage) {
    return stage == shared + (stages - 1) * stage_bytes ? shared : stage + stage_bytes;
  };
  unsigned char *full = shared, *free = shared + (stages - 1) * stage_bytes;
  Warp sums;
#pragma unroll 1
  for (int c = 0; c < chunks; ++c) {
    copies_wait<stages - 2>();
    __syncthreads();  // chunk c is here, and chunk c - 1 has been used by every warp
    if (c + stages - 1 < chunks)
      copy_weights(c + stages - 1, free), copy_batch(c + stages - 1, free);
    copies_commit();
    if (c == x_chunks) sums.next_phase();
    sums.multiply(full + warp_m * tile.warp_m() * tile.row_bytes(),
                  full + (block_m + warp_n * tile.warp_n()) * tile.row_bytes(), warp_k);
    free = full, full = after(full);
  }
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
#pragma unroll(early ? results : 4)
  for (int r = 0; r < results; ++r) {
    if (!place_of(r, row, unit)) continue;
    float total[slots];
#pragma unroll
    for (int s = 0; s < slots; ++s) {
      total[s] = 0;
#pragma unroll
      for (int k = 0; k < tile.warps_k; ++k)
        total[s] += meeting[meeting_place(k, s, row - row0, unit - unit0)];
    }
    if constexpr (early)
      update_unit<Cell, T, slots>(job, step, row, unit, total, inputs[r], states[r]);
    else
      update_unit<Cell, T, slots>(job, step, row, unit, total,
                                  unit_inputs<Cell, T>(job, step, row, unit),
                                  unit_state<Cell, T>(job, step, row, unit));
  }
  carry_state<T>(job, threads);
#endif
}

}  // namespace rnnbench::fused
