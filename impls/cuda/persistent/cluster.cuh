// The persistent cluster kernel: one launch for a whole sequence, weights in registers.
//
// A cluster of C blocks does one Chain: block `rank` owns 16 or 32 hidden units with all their
// gates for the whole sequence. With 32 there are half as many blocks to tell h, and twice as many
// clusters, whose slices have half as many rows, but twice the products. Its eight warps hold
// W_hh's rows of these units in registers, each a slice of k; h of the step before lies whole in
// every block's shared memory. A step is: products of each warp's slice, sums over the warps, gates
// by one thread a unit and row, and h handed to all blocks of the cluster by stores that count
// themselves at the receiver's barrier (st.async): no block waits for anything but its data. Input
// products are made before, by a GEMM, and fetched some steps ahead. Layers that run at once:
// wavefront.cuh.
//
// What bounds it: a step's length is the chain products, sums, gates, hand-over (0.4 us of it for
// one row, 0.8 for ten), and the tensor cores where a slice has many rows. Teaches: what stays on
// chip, and that waiting for data is cheaper than waiting at a barrier.
//
// Why no buffer is overwritten too early. h of step t goes to buffer t & 1, last read by the
// products of step t - 1. A block sends h of step t when it has h of step t - 1 of all blocks, and
// a block sends that after its gates of step t - 1, for which all its warps had ended the products
// that read h of step t - 2, in the same buffer. Partial sums are written when h of the step before
// has come from all threads of the block too, which had read the sums of that step before.
#pragma once

#include "impls/common/launch_overlap.cuh"
#include "impls/cuda/persistent/cluster_block.cuh"

namespace rnnbench::persistent {

/// Grid: clusters times blocks; launch with a cluster dimension. May begin before the launch that
/// makes the input products has ended. few: for few rows, f32.
template <class Cell, int units, int k_lane, Math math, bool few>
__global__ void __launch_bounds__(half_threads, 1)
    persistent_cluster(const __grid_constant__ Launch launch) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  constexpr Element element = element_of<math, Cell::gates, (few ? Kind::few : Kind::alone)>;
  constexpr int gates = Cell::gates, bytes = is_wide<element> ? 4 : 2;
  RNNBENCH_DYNAMIC_SHARED(memory);
  auto* const whole = reinterpret_cast<std::uint64_t*>(memory);  // h of an even or odd step is
  const int blocks = cluster_blocks(), rank = cluster_rank(), first = rank * units;
  const int thread = int(threadIdx.x), warp = thread / 32, lane = thread % 32;
  RNNBENCH_SHARED(Chain, chain);
  if (thread == 0) {
    chain = launch.chains[blockIdx.x / blocks];
    for (int k = 0; k < 2; ++k) barrier_init(&whole[k], 1);
    barriers_ready();
    for (int k = 0; k < largests; ++k) *largest_at(memory, Largest(k)) = 0;
  }
  __syncthreads();
  const Layout at = layout(gates, units, k_lane, bytes, chain.rows, 0);
  begin_weights<Cell, units, math, element>(chain, launch, at, memory, first);
  constexpr bool pairs = units == 16 || !is_wide<element> || gates == 1;
  std::conditional_t<few, FewProducts<gates, units, k_lane>,
                     Products<gates, units, k_lane, math, Kind::alone, pairs, pairs>>
      products;
  products.read(chain.w_hh, warp, lane, first, launch, scale_of<element>(memory, of_weights));
  wait_for_previous_launch();  // the input products'; weights need not wait for them
  begin_state<k_lane, math, element>(chain, launch, at, memory);
  __syncthreads();
  cluster_arrive_and_wait();
  const float scale = scale_of<element>(memory, of_h);
  products.take_scale(scale);
  Unit<Cell, math, units> owns[units_a_thread];
  Given<gates, units> others[units_a_thread];
#pragma unroll
  for (int n = 0; n < units_a_thread; ++n) {
    owns[n].begin(chain, launch, thread + n * half_threads, first);
    others[n].begin(chain, launch, at, memory, half_threads - 1 - thread + n * half_threads, first);
  }
  const auto onward = [&](std::int64_t step) { return chain.reverse ? -step : step; };
  const std::int64_t gates_step = onward(chain.gates_step), y_step = onward(chain.y_step);
  const auto fetch = [&](int step) {
#pragma unroll
    for (int n = 0; n < units_a_thread; ++n) others[n].fetch(launch, at, step, gates_step);
    copies_commit();
  };
  for (int step = 0; step < steps_ahead; ++step) fetch(step);
  const Receivers<element, math, units, true> receivers(memory, lane, blocks);
  const int owned = chain.rows * units, whole_bytes = owned * blocks * bytes;

  // odd: the step's last bit, a constant for the addresses that follow from it.
  const auto make_step = [&](int odd, int step) {
    const bool last = step == launch.steps - 1;
    if (thread == 0 && !last) barrier_expect(&whole[odd], whole_bytes);
    if (step > 0) wait(&whole[1 - odd], ((step - 1) / 2) & 1, launch, Waits::hidden, step);
    float* const parts = memory + at.hidden_parts;
    products.multiply(reinterpret_cast<const char*>(memory + at.hidden + (1 - odd) * at.vectors),
                      chain.rows, parts, warp, lane);
    copies_wait<steps_ahead - 1>();
    meet(1, half_threads);
#pragma unroll
    for (int n = 0; n < units_a_thread; ++n) {
      auto& own = owns[n];
      if (n * half_threads + warp * 32 >= owned) continue;  // all lanes of the warp
      const int number = thread + n * half_threads;
      if (own.there) {
        float x[gates] = {}, a[gates];
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          x[g] = memory[at.given + ((step % input_buffers) * gates + g) * at.given_row + number] +
                 memory[at.bias + g * units + own.unit];
          a[g] = sum_of_warps(parts + own.row * parts_stride(gates, units) +
                              (g * units + own.unit) * group_stride);
          if (!Cell::adds_products(g)) a[g] += own.apart;
        }
        update_quickly<Cell, math>(x, a, own.h, own.c, launch.activation);
        if (!own.real) own.h = 0;  // not NaN, where an input is infinite
      }
      if (!last)
        receivers.send(own.h, scale, own.there,
                       int(sizeof(float)) * (at.hidden + odd * at.vectors) +
                           (own.row * vector_stride(k_lane) + first) * bytes,
                       odd * int(sizeof *whole), lane);
      if (own.y) *own.y = from_f32<Stored<math>>(own.h), own.y += y_step;
    }
    fetch(step + steps_ahead);
  };
  for (int step = 0; step < launch.steps; step += 2) {
    make_step(0, step);
    if (step + 1 < launch.steps) make_step(1, step + 1);
  }
#pragma unroll
  for (int n = 0; n < units_a_thread; ++n) owns[n].end(chain, launch, first);
#endif
}

}  // namespace rnnbench::persistent
