// Ways of exchanging h inside clusters, through distributed shared memory: CC 9.0.
#pragma once

#include "impls/common/bulk_copy.cuh"
#include "impls/common/exchange.cuh"
#include "impls/common/exchange_l2.cuh"

namespace rnnbench::exchange {

__device__ __forceinline__ int cluster_blocks() {
  int count;
  asm volatile("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(count));
  return count;
}
/// Where block `rank` of the cluster has what lies at `pointer` here.
__device__ __forceinline__ std::uint32_t address_in(int rank, const void* pointer) {
  std::uint32_t remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
               : "=r"(remote)
               : "r"(shared_address(pointer)), "r"(rank));
  return remote;
}
/// Whether the phase of that parity has ended, with what all blocks of the cluster wrote before
/// it.
__device__ __forceinline__ bool phase_ended(std::uint64_t* barrier, int parity) {
  unsigned ended;
  asm volatile(
      "{\n.reg .pred done;\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%1], %2;\n"
      "selp.u32 %0, 1, 0, done;\n}"
      : "=r"(ended)
      : "r"(shared_address(barrier)), "r"(parity)
      : "memory");
  return ended != 0;
}

/// Of warps that loops may have split.
__device__ __forceinline__ void cluster_barrier() {
  __syncwarp();
  cluster_arrive_and_wait();
}

/// h in two buffers of shared memory that the blocks of a cluster write for each other.
class ClusterPieces {
 public:
  explicit __device__ ClusterPieces(const Task& task)
      : pieces_(task.bytes / 16),
        rank_(cluster_rank()),
        blocks_(cluster_blocks()),
        own_(part_of(pieces_, blockIdx.x, gridDim.x)),
        senders_(threads / blocks_) {}

  static constexpr unsigned bits = ~0u;
  __device__ const unsigned* h(int round) const {
    return reinterpret_cast<const unsigned*>(buffer(round));
  }
  /// No block ends while another may still write into it.
  __device__ void finish() const { cluster_barrier(); }

 protected:
  __device__ uint4* buffer(int round) const {
    return reinterpret_cast<uint4*>(shared_h()) + (round & 1) * pieces_;
  }
  /// The block that this thread sends to, when each gets as many threads as every other.
  __device__ int receiver() const { return int(threadIdx.x) / senders_; }
  /// Calls send(piece) for this thread's share of the block's part.
  template <class Send>
  __device__ void each_to_send(Send send) const {
    for (int k = own_.begin + int(threadIdx.x) % senders_; k < own_.end; k += senders_) send(k);
  }
  int pieces_, rank_, blocks_;
  Part own_;
  int senders_;
};

/// Stores into every block's memory, then a barrier of the cluster. That barrier cannot give up,
/// and need not: every block comes to it as often as every other, whatever it sees.
class ClusterStores : public ClusterPieces {
 public:
  explicit __device__ ClusterStores(const Task& task) : ClusterPieces(task) {
    cluster_barrier();  // everyone is there to be written to
  }
  __device__ void publish(int round) const {
    const std::uint32_t there = address_in(receiver(), buffer(round));
    each_to_send([&](int piece) {
      const uint4 v = piece_of(round, piece);
      asm volatile("st.shared::cluster.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(there + 16 * piece),
                   "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                   : "memory");
    });
  }
  __device__ bool gather(int) const {
    cluster_barrier();
    return true;
  }
  /// Needs no barrier: round r + 2 is written after the one of r + 1, to which threads come when
  /// they have looked at r.
  __device__ bool ready(bool) const { return true; }
};

/// Two barriers, one for each buffer, that count the bytes that come. A barrier takes part in
/// every second round, so that its phase of round r ends with r's bytes: those of r + 2 are sent
/// when all threads of all blocks have seen that end.
class CountedPieces : public ClusterPieces {
 public:
  explicit __device__ CountedPieces(const Task& task) : ClusterPieces(task), watch_(task.report) {
    __shared__ std::uint64_t barriers[2];
    barriers_ = barriers;
    if (threadIdx.x == 0) {
      barrier_init(&barriers[0], 1);
      barrier_init(&barriers[1], 1);
      barriers_ready();
    }
    cluster_barrier();
  }
  __device__ bool gather(int round) const {
    const int parity = (round - 1) >> 1 & 1;
    bool got = true;
    for (int attempt = 0; got && !phase_ended(barrier(round), parity); ++attempt)
      got = !watch_.over(attempt);
    return got;
  }
  __device__ bool ready(bool got) const { return !__syncthreads_or(!got); }

 protected:
  /// Thread 0, once a round. Bytes may come before this: the phase waits for it too.
  __device__ void expect(int round, int pieces) const {
    if (threadIdx.x == 0) barrier_expect(barrier(round), 16 * pieces);
  }
  __device__ std::uint64_t* barrier(int round) const { return barriers_ + (round & 1); }
  std::uint64_t* barriers_;
  Watch watch_;
};

/// Stores of 16 bytes that the receiver's barrier counts.
class AsyncStores : public CountedPieces {
 public:
  using CountedPieces::CountedPieces;
  __device__ void publish(int round) const {
    expect(round, pieces_);
    const std::uint32_t there = address_in(receiver(), buffer(round));
    const std::uint32_t counter = address_in(receiver(), barrier(round));
    each_to_send([&](int piece) {
      const uint4 v = piece_of(round, piece);
      asm volatile(
          "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 "
          "[%0], {%2, %3, %4, %5}, [%1];" ::"r"(there + 16 * piece),
          "r"(counter), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
          : "memory");
    });
  }
};

/// The part is written here and copied to each other block as a whole. The copies read the buffer
/// itself: it is written again two rounds later, when every block has what was copied.
class BulkCopies : public CountedPieces {
 public:
  using CountedPieces::CountedPieces;
  __device__ void publish(int round) const {
    const int own = own_.end - own_.begin, other = int(threadIdx.x);
    expect(round, pieces_ - own);
    for (int k = own_.begin + int(threadIdx.x); k < own_.end; k += threads)
      buffer(round)[k] = piece_of(round, k);
    shared_writes_ready();
    __syncthreads();
    if (other >= blocks_ || other == rank_) return;
    const uint4* part = buffer(round) + own_.begin;
    asm volatile(
        "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes "
        "[%0], [%1], %2, [%3];" ::"r"(address_in(other, part)),
        "r"(shared_address(part)), "r"(16 * own), "r"(address_in(other, barrier(round)))
        : "memory");
  }
};

/// Several clusters: parts and flags go through L2, and of all of h each block of a cluster
/// copies a share to its whole cluster, so that a cluster reads h once. Its flags are those of
/// the blocks that own the share. They are as good as everyone's for writing over old rounds: a
/// block that has published r + 2 has gathered r + 1 from all, who then were done with r.
class Multicast : public CountedPieces {
 public:
  explicit __device__ Multicast(const Task& task)
      : CountedPieces(task),
        owners_(part_of(gridDim.x, rank_, blocks_)),
        share_{part_of(pieces_, owners_.begin, gridDim.x).begin,
               part_of(pieces_, owners_.end, gridDim.x).begin},
        words_(static_cast<uint4*>(task.words)),
        flags_(task.flags) {}

  __device__ void publish(int round) const {
    expect(round, pieces_);
    for (int k = own_.begin + int(threadIdx.x); k < own_.end; k += threads)
      source(round)[k] = piece_of(round, k);
    __syncthreads();
    if (threadIdx.x == 0)
      asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flags_ + blockIdx.x), "r"(round)
                   : "memory");
  }
  __device__ bool gather(int round) const {
    const int owner = owners_.begin + int(threadIdx.x);
    bool got = true;
    if (owner < owners_.end)
      for (int attempt = 0; got && load_acquire(flags_ + owner) < unsigned(round); ++attempt)
        got = !watch_.over(attempt);
    if (__syncthreads_or(!got)) return false;
    if (threadIdx.x == 0) copy_share(round);
    return CountedPieces::gather(round);
  }

 private:
  __device__ uint4* source(int round) const { return words_ + (round & 1) * pieces_; }
  __device__ void copy_share(int round) const {
    // Others wrote by ordinary stores, which the copy engine does not know of without a fence.
    asm volatile("fence.proxy.async.global;" ::: "memory");
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
        "[%0], [%1], %2, [%3], %4;" ::"r"(shared_address(buffer(round) + share_.begin)),
        "l"(source(round) + share_.begin), "r"(16 * (share_.end - share_.begin)),
        "r"(shared_address(barrier(round))), "h"(static_cast<std::uint16_t>((1u << blocks_) - 1))
        : "memory");
  }
  Part owners_, share_;  // of h that this block copies, and the blocks that own it
  uint4* words_;
  unsigned* flags_;
};

}  // namespace rnnbench::exchange
