// The fused step for many rows on Hopper: wgmma fed by the Tensor Memory Accelerator.
//
// What it teaches: weights are the 64-row operand of wgmma and the batch its columns, so that one
// accumulator holds all gates of a few units: row slot * units + unit. TMA puts the rows of the
// gates there, which lie H rows apart in W, with one box a gate; the sum that a gru's new gate
// keeps apart is one box more, outside of W, which TMA fills with zeros. One warp copies, some
// stages ahead of the warpgroups that multiply; the blocks of a cluster each copy a part of the
// batch rows and send it to all of them.
//
// f32 (tf32x3): the tensor cores cut values off to tf32, high; what they cut off, low, is
// multiplied as well, high * high + high * low + low * high. The warpgroups compute the low part of
// the batch rows once a chunk, into shared memory, and that of their weights into registers, beside
// the products that do not need it.
//
// What bounds it: the tensor cores at large B and H; else bytes out of L2, which the cluster
// saves, and the latency of launch, first copy and last sums, as in tile.cuh.
#pragma once

#include "impls/common/bulk_copy.cuh"
#include "impls/common/overlap.cuh"
#include "impls/cuda/fused/cell.cuh"
#include "impls/cuda/fused/maps.hpp"
#include "impls/cuda/fused/mma.cuh"
#include "impls/cuda/fused/wgmma.cuh"

namespace rnnbench::fused {

/// What the tensor cores ignore of a value, rounded to what they do not.
__device__ __forceinline__ float low_part(float value) {
  const float high = __uint_as_float(__float_as_uint(value) & 0xffffe000u);
  return __uint_as_float(round_to_tf32(value - high));
}

template <class Cell, std::uint64_t tile_code, Product product>
__global__ void __launch_bounds__(WideTile::from_code(tile_code).threads())
    fused_wide_step(const __grid_constant__ Launch launch, const JobMaps* maps) {
// wgmma is in no architecture but this one, not even in its successors.
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  constexpr WideTile tile = WideTile::from_code(tile_code);
  using T = typename StorageOf<product>::type;
  constexpr int gates = Cell::gates, slots = slots_of(gates), stages = tile.stages;
  constexpr int block_m = tile.block_m(), block_n = tile.block_n(), threads = tile.consumers();
  constexpr int units = tile.units, groups = tile.groups, cluster = tile.cluster;
  constexpr int stage_bytes = tile.stage_bytes(slots), weight_rows = tile.weight_rows(slots);
  constexpr int chunk = WideTile::chunk_bytes / int(sizeof(T));
  constexpr int results = block_m * block_n / threads;
  constexpr bool early = results <= 8;
  static_assert(block_m * block_n % threads == 0 && slots * units <= 64 && cluster > 1);
  static_assert(weight_rows % 8 == 0 && weight_rows + block_m >= 64);
  extern __shared__ unsigned char unaligned[];
  unsigned char* const shared =
      unaligned + (1024 - shared_address(unaligned) % 1024) % 1024;  // the swizzle's period
  __shared__ std::uint64_t full[stages], empty[stages];

  const Job& job = launch.jobs[blockIdx.z];
  const Step step = step_of(job, launch.wave);
  const int unit0 = int(blockIdx.x) * block_n, row0 = int(blockIdx.y) * block_m;
  const int x_chunks = job.x ? (job.x_width + chunk - 1) / chunk : 0;
  const int chunks = x_chunks + (job.w_hh ? (job.hidden + chunk - 1) / chunk : 0);
  if (threadIdx.x == 0) {
    for (int s = 0; s < stages; ++s) {
      barrier_init(&full[s], 1);
      barrier_init(&empty[s], groups * cluster);
    }
    barriers_ready();
  }
  allow_next_launch();
  cluster_arrive_and_wait();

  if (threadIdx.x >= threads) {  // the warp that copies
    if (threadIdx.x == threads) {
      const JobMaps& map = maps[blockIdx.z];
      const int rank = cluster_rank();
      const auto copy_weights = [&](int c) {
        const bool x = c < x_chunks;
        const int k = (x ? c : c - x_chunks) * chunk, s = c % stages;
        unsigned char* const to = shared + s * stage_bytes;
        // Rows without weights stay as they are: nobody reads the sums that they give.
        barrier_expect(&full[s], WideTile::chunk_bytes * (slots * units * groups + block_m));
        for (int group = 0; group < groups; ++group)
          for (int slot = 0; slot < slots; ++slot) {
            // A gate of which the two products stay apart has one slot for each. The other one is
            // multiplied by zeros: an infinite x or h makes its sum NaN.
            const int gate = slot == (x ? gates - 1 : gates) && slots > gates ? gates
                             : slot == gates                                  ? gates - 1
                                                                              : slot;
            copy_box(to + (64 * group + slot * units) * WideTile::chunk_bytes,
                     x ? &map.w_ih : &map.w_hh, k, unit0 + group * units, gate, &full[s]);
          }
      };
      const auto copy_batch = [&](int c) {
        const bool x = c < x_chunks;
        const int k = (x ? c : c - x_chunks) * chunk, s = c % stages;
        constexpr int share = block_m / cluster;
        unsigned char* const to =
            shared + s * stage_bytes + (weight_rows + rank * share) * WideTile::chunk_bytes;
        const CUtensorMap* const from = x ? &map.x : step.first ? &map.h_0 : &map.h;
        const int at = x ? step.now & job.x_mask : step.first ? 0 : step.before & job.h_mask;
        copy_box_to((1 << cluster) - 1, to, from, k, row0 + rank * share, at, &full[s]);
      };
      // The host has copied them to global memory; what another kernel had at this address may be
      // cached.
      for (const CUtensorMap* used : {&map.w_ih, &map.w_hh, &map.x, &map.h, &map.h_0})
        map_acquire(used);
      for (int c = 0; c < stages && c < chunks; ++c) copy_weights(c);
      wait_for_previous_launch();
      for (int c = 0; c < stages && c < chunks; ++c) copy_batch(c);
      for (int c = stages; c < chunks; ++c) {
        barrier_wait(&empty[c % stages], (c / stages - 1) % 2);
        copy_weights(c);
        copy_batch(c);
      }
    }
  } else {
    const int group = int(threadIdx.x) / 128, warp = int(threadIdx.x) / 32 % 4;
    const int lane = int(threadIdx.x) % 32;
    UnitInputs<Cell> inputs[early ? results : 1];
    UnitState<Cell, T> states[early ? results : 1];
    int row, unit;
    const auto place_of = [&](int result) {
      const int i = result * threads + int(threadIdx.x);
      row = row0 + i / block_n, unit = unit0 + i % block_n;
      return row < job.rows && unit < job.hidden;
    };
    if constexpr (early)
#pragma unroll
      for (int r = 0; r < results; ++r)
        if (place_of(r)) inputs[r] = unit_inputs<Cell, T>(job, step, row, unit);
    wait_for_previous_launch();
    if constexpr (early)
#pragma unroll
      for (int r = 0; r < results; ++r)
        if (place_of(r)) states[r] = unit_state<Cell, T>(job, step, row, unit);

    float sums[block_m / 2] = {};
    const auto release = [&](int c) {  // every block's copies of this stage wait for all of them
      if (threadIdx.x % 128 < cluster) barrier_arrive(&empty[c % stages], int(threadIdx.x) % 128);
    };
    const auto meet = [] { asm volatile("bar.sync 1, %0;" ::"n"(threads) : "memory"); };
    const auto weights_of = [&](int c) {
      return shared + c % stages * stage_bytes + 64 * group * WideTile::chunk_bytes;
    };
    const auto batch_of = [&](int c) {
      return shared + c % stages * stage_bytes + weight_rows * WideTile::chunk_bytes;
    };
    if constexpr (product != Product::tf32x3) {
      for (int c = 0; c < chunks; ++c) {
        barrier_wait(&full[c % stages], c / stages % 2);
        const std::uint64_t a = swizzled_rows(shared_address(weights_of(c)));
        const std::uint64_t b = swizzled_rows(shared_address(batch_of(c)));
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k)  // 32 bytes of the rows at a time
          wgmma<product, block_m>(sums, a + 2 * k, b + 2 * k);
        wgmma_commit();
        wgmma_wait<1>();  // those of the chunk before are done
        if (c > 0) release(c - 1);
      }
      wgmma_wait<0>();
    } else {
      const auto low_of = [&](int c) {
        return shared + stages * stage_bytes + c % low_buffers * WideTile::chunk_bytes * block_m;
      };
      const auto split_batch = [&](int c) {
        constexpr int pieces = WideTile::chunk_bytes * block_m / 16;
        static_assert(pieces % threads == 0);
        barrier_wait(&full[c % stages], c / stages % 2);
        const auto* const from = reinterpret_cast<const float4*>(batch_of(c)) + threadIdx.x;
        auto* const to = reinterpret_cast<float4*>(low_of(c)) + threadIdx.x;
#pragma unroll
        for (int piece = 0; piece < pieces; piece += threads) {
          const float4 v = from[piece];
          to[piece] = make_float4(low_part(v.x), low_part(v.y), low_part(v.z), low_part(v.w));
        }
        shared_writes_ready();
      };
      // Tensor cores cut sums off where f32 units round them. So the small products come first, and
      // chunks are added up outside: all in one accumulator was 3.4 times as far off as f32 units.
      float chunk_sums[block_m / 2];
      split_batch(0);
      for (int c = 0; c < chunks; ++c) {
        meet();  // the low part of chunk c is there, and nobody needs that of chunk c - 1
        const std::uint64_t a = swizzled_rows(shared_address(weights_of(c)));
        const std::uint64_t b = swizzled_rows(shared_address(batch_of(c)));
        const std::uint64_t b_low = swizzled_rows(shared_address(low_of(c)));
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k)
          wgmma<product, block_m>(chunk_sums, a + 2 * k, b_low + 2 * k, k > 0);
        wgmma_commit();
        std::uint32_t a_low[4][4];
#pragma unroll
        for (int k = 0; k < 4; ++k)
#pragma unroll
          for (int part = 0; part < 4; ++part) {
            const int line = 16 * warp + lane / 4 + 8 * (part % 2);
            const int piece = (2 * k + part / 2) ^ (lane / 4);  // of the swizzle: line % 8
            a_low[k][part] = __float_as_uint(low_part(*reinterpret_cast<const float*>(
                weights_of(c) + line * WideTile::chunk_bytes + 16 * piece + 4 * (lane % 4))));
          }
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < 4; ++k) wgmma_tf32<block_m>(chunk_sums, a_low[k], b + 2 * k);
#pragma unroll
        for (int k = 0; k < 4; ++k) wgmma<product, block_m>(chunk_sums, a + 2 * k, b + 2 * k);
        wgmma_commit();
        if (c + 1 < chunks) split_batch(c + 1);
        wgmma_wait<0>();
        release(c);
#pragma unroll
        for (int i = 0; i < block_m / 2; ++i) sums[i] += chunk_sums[i];
      }
    }
    meet();  // all warpgroups: the stages are free

    float* const meeting = reinterpret_cast<float*>(shared);
    const auto meeting_place = [&](int slot, int m, int n) {
      return (slot * block_m + m) * tile.sums_row() + n;
    };
#pragma unroll
    for (int i = 0; i < block_m / 2; ++i) {
      const int line = 16 * warp + lane / 4 + 8 * (i / 2 % 2);
      const int m = 8 * (i / 4) + 2 * (lane % 4) + i % 2;
      if (line < slots * units)
        meeting[meeting_place(line / units, m, group * units + line % units)] = sums[i];
    }
    meet();
#pragma unroll(early ? results : 4)
    for (int r = 0; r < results; ++r) {
      if (!place_of(r)) continue;
      float total[slots];
#pragma unroll
      for (int s = 0; s < slots; ++s)
        total[s] = meeting[meeting_place(s, row - row0, unit - unit0)];
      if constexpr (early)
        update_unit<Cell, T, slots>(job, step, row, unit, total, inputs[r], states[r]);
      else
        update_unit<Cell, T, slots>(job, step, row, unit, total,
                                    unit_inputs<Cell, T>(job, step, row, unit),
                                    unit_state<Cell, T>(job, step, row, unit));
    }
    carry_state<T>(job, threads);
  }
  __syncwarp();
  cluster_arrive_and_wait();  // none leaves while others still arrive at its barriers
#endif
}

}  // namespace rnnbench::fused
