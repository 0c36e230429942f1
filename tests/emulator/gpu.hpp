// A GPU of one process and no speed: runs a CUDA kernel's source, compiled as C++, with a fibre for
// each thread. What the hardware may do in any order is done in an order that a seed decides.
//
// A thread gives way where threads meet (barriers, shuffles, mma) and, now and then, where it
// touches what others see at once (tagged words, barriers in shared memory). Stores that CUDA does
// not order (st.async, relaxed stores) wait in a queue and arrive in any order; the data of some at
// once, long before they are counted. Plain accesses to shared memory happen when they are made:
// what is not emulated is a thread that sees another's plain stores late or in another order.
//
// A kernel that stops, or does what the hardware forbids, ends the launch with a report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace rnnbench::emulator {

/// Who goes first. A slow warp, block or word waits until nothing else goes on.
struct Schedule {
  enum class Kind { in_order, random, slow_warp, slow_block, slow_words, slow_stores };
  Kind kind = Kind::random;
  std::uint32_t seed = 1;
};
inline constexpr Schedule::Kind all_kinds[] = {
    Schedule::Kind::in_order,   Schedule::Kind::random,     Schedule::Kind::slow_warp,
    Schedule::Kind::slow_block, Schedule::Kind::slow_words, Schedule::Kind::slow_stores};
std::string name(const Schedule& schedule);

struct Grid {
  int clusters = 1, blocks = 1, threads = 32;  // blocks of a cluster, threads of a block
  int groups = 1;                              // that clusters are shared out to: gridDim.y
  std::size_t shared_bytes = 0;                // dynamic, of each block
};

/// Whether this program can have fibres.
constexpr bool works() {
#if defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

/// Runs `kernel` in every thread. Empty, or what went wrong, with a line for each thing waited for.
std::string launch(const Grid& grid, const Schedule& schedule, const std::function<void()>& kernel);

// ---- what kernels call ------------------------------------------------------------------------

/// Ends the launch with that report.
[[noreturn]] void fail(const std::string& why);

int cluster_rank();
int cluster_blocks();
void* dynamic_shared();
/// Static shared memory: one of each `key` a block, zeroed.
void* static_shared(const void* key, std::size_t bytes);
template <class T>
T& static_shared() {
  static const char key = 0;
  return *static_cast<T*>(static_shared(&key, sizeof(T)));
}
/// In the block's window; and in the cluster's, of block `rank`.
std::uint32_t shared_address(const void* pointer);
std::uint32_t in_block(std::uint32_t address, int rank);
/// The `bytes` bytes there, of this block's window, aligned to as many.
void* shared_place(std::uint32_t address, std::size_t bytes);

/// Until `threads` threads of the block have come; `arrive` only counts.
void meet(int id, int threads);
void arrive(int id, int threads);
void meet_block();
void meet_cluster();

// mbarriers.
void barrier_init(std::uint64_t* barrier, int arrivals);
void barrier_expect(std::uint64_t* barrier, int bytes);  // and arrives
/// Whether the phase of that parity has ended; may wait for it, and need not.
bool phase_ended(std::uint64_t* barrier, int parity);
/// 16 bytes to shared memory of the cluster, counted by a barrier of the same block.
void store_async(std::uint32_t to, const void* value, std::uint32_t barrier);

/// Relaxed accesses of 16 bytes to device memory.
using Word = std::array<std::byte, 16>;
Word load_relaxed(const void* from);
void store_relaxed(void* to, const Word& value);
/// And of 4.
std::uint32_t load_relaxed_short(const void* from);
void store_relaxed_short(void* to, std::uint32_t value);

/// cp.async: copies to shared memory, made when they are waited for.
void copy_async(void* to, const void* from, std::size_t bytes);
void copies_commit();
void copies_wait(std::size_t pending);

/// The word of lane `from`; all lanes of the warp call it.
std::uint32_t shuffle(std::uint32_t word, int from);
int lane();

/// mma.sync of 16 x 8 sums over 16 values of 16 bits or 8 of tf32, by PTX's layout of fragments.
/// `to_float` makes a 16-bit value a float; null: tf32, cut to 10 bits of mantissa. Products are
/// exact, and their sum is rounded towards zero.
void mma(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
         float (*to_float)(std::uint16_t));

/// Counts turns, not time.
std::uint64_t nanoseconds();

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
extern Index thread_index, block_index, block_size, grid_size;

}  // namespace rnnbench::emulator
