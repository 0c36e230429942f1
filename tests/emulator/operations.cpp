// What kernels call: shared memory, meetings, barriers, stores that arrive later, and the
// operations of a whole warp.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "tests/emulator/machine.hpp"

namespace rnnbench::emulator {
namespace {

/// What a barrier's memory holds: whoever else writes there is found out.
constexpr std::uint64_t live_barrier = 0xba221e2ba221e20full;

/// Counts this lane in; true for the last one, who does the warp's work and then `release`s it.
bool last_lane(const char* operation) {
  Lanes& lanes = current->warp->lanes;
  if (lanes.arrived > 0 && std::strcmp(lanes.operation, operation) != 0)
    fail("lanes of a warp are at different operations: " + std::string(operation) + " and " +
         lanes.operation);
  lanes.operation = operation;
  return ++lanes.arrived == 32;
}
void release(Lanes& lanes) {
  lanes.arrived = 0;
  ++lanes.count;
  for (Thread* const thread : current->warp->threads)
    if (thread != current) wake(thread);
}
void wait_for_lanes(const char* operation) {
  current->operation = operation;
  give_way(Doing::lanes);
}

/// The bytes of a block's shared memory, which a whole access of that size must lie in.
std::byte* place(std::uint32_t address, std::size_t bytes, Block*& block) {
  const std::uint32_t rank = address >> 24, offset = address & 0xffffff;
  if (rank == 0)
    block = current->block;
  else if (rank <= current->block->cluster->blocks.size())
    block = current->block->cluster->blocks[rank - 1];
  else
    fail("an address in no block of the cluster");
  if (offset % bytes != 0) fail("a misaligned address in shared memory");
  if (offset + bytes > gpu->grid.shared_bytes) fail("an address beyond shared memory");
  return block->shared + offset;
}

}  // namespace

Barrier& barrier_at(Block& block, const void* at) {
  const auto found = block.barriers.find(at);
  if (found == block.barriers.end()) fail("there is no barrier where one is used");
  std::uint64_t kept;
  std::memcpy(&kept, at, sizeof kept);
  if (kept != live_barrier) fail("a barrier's memory has been written to");
  return found->second;
}
void end_phase(Barrier& barrier) {
  if (barrier.pending > 0 || barrier.bytes != 0) return;
  barrier.pending = barrier.arrivals;
  barrier.parity ^= 1;
  wake(barrier.waiting);
}

void fail(const std::string& why) {
  gpu->trouble = why;
  if (!current) throw Failure();
  gpu->trouble += " (block " + std::to_string(current->block->number) + ", thread " +
                  std::to_string(current->index.x) + ")";
  while (true) current->fibre.leave();
}

int cluster_rank() { return current->block->rank; }
int cluster_blocks() { return gpu->grid.blocks; }
void* dynamic_shared() { return current->block->shared; }
void* static_shared(const void* key, std::size_t bytes) {
  auto& memory = current->block->statics[key];
  if (!memory) memory = std::make_unique<std::byte[]>(bytes);
  return memory.get();
}
std::uint32_t shared_address(const void* pointer) {
  const auto offset = static_cast<const std::byte*>(pointer) - current->block->shared;
  if (offset < 0 || std::size_t(offset) >= gpu->grid.shared_bytes)
    fail("a pointer that is not to the block's shared memory");
  return std::uint32_t(offset);
}
std::uint32_t in_block(std::uint32_t address, int rank) {
  if (rank < 0 || rank >= gpu->grid.blocks) fail("there is no block of that rank");
  return (address & 0xffffff) | std::uint32_t(rank + 1) << 24;
}

void* shared_place(std::uint32_t address, std::size_t bytes) {
  Block* block = nullptr;
  return place(address, bytes, block);
}

namespace {
bool come(int id, int threads) {
  if (id < 0 || id > 15) fail("there are 16 meetings");
  Meeting& meeting = current->block->meetings[std::size_t(id)];
  if (meeting.arrived == 0) meeting.threads = threads;
  if (meeting.threads != threads)
    fail("threads expect different numbers at meeting " + std::to_string(id));
  if (meeting.came[current->index.x]++)
    fail("a thread comes twice to meeting " + std::to_string(id));
  if (++meeting.arrived < threads) return false;
  meeting.arrived = 0;
  meeting.came.fill(0);
  gpu->idle = 0;
  wake(meeting.waiting);
  return true;
}
}  // namespace

void meet(int id, int threads) {
  if (come(id, threads)) return;
  current->id = id;
  current->block->meetings[std::size_t(id)].waiting.push_back(current);
  give_way(Doing::meeting);
}
void arrive(int id, int threads) {
  pause_sometimes();
  come(id, threads);
}
void meet_block() { meet(0, gpu->grid.threads); }
void meet_cluster() {
  Cluster& cluster = *current->block->cluster;
  if (++cluster.arrived == gpu->grid.blocks * gpu->grid.threads) {
    cluster.arrived = 0;
    gpu->idle = 0;
    return wake(cluster.waiting);
  }
  cluster.waiting.push_back(current);
  give_way(Doing::cluster);
}

void barrier_init(std::uint64_t* barrier, int arrivals) {
  (void)shared_address(barrier);
  *barrier = live_barrier;
  current->block->barriers[barrier] = {.arrivals = arrivals, .pending = arrivals, .waiting = {}};
}
void barrier_expect(std::uint64_t* at, int bytes) {
  pause_sometimes();
  Barrier& barrier = barrier_at(*current->block, at);
  if (barrier.pending == 0) fail("more arrivals than a barrier expects");
  barrier.bytes += bytes;
  --barrier.pending;
  end_phase(barrier);
}
bool phase_ended(std::uint64_t* at, int parity) {
  pause_sometimes();
  Barrier& barrier = barrier_at(*current->block, at);
  if (barrier.parity != parity) return true;
  if (gpu->chance(4)) {
    give_way(Doing::pausing);
  } else {
    current->at = at, current->id = parity;
    barrier.waiting.push_back(current);
    give_way(Doing::phase);
  }
  return barrier.parity != parity;
}
void store_async(std::uint32_t to, const void* value, std::uint32_t barrier) {
  pause_sometimes();
  Pending store;
  Block* of_barrier = nullptr;
  store.to = place(to, 16, store.block);
  store.barrier = place(barrier, 8, of_barrier);
  if (of_barrier != store.block) fail("a store counted by another block's barrier");
  std::memcpy(store.data.data(), value, store.data.size());
  if (gpu->chance(4)) std::memcpy(store.to, value, store.data.size());
  queue(store, to / 16 + std::size_t(store.block->number) * 977);
}

namespace {

/// `bytes` bytes there, and nothing behind them.
Word look_at(const void* pointer, std::size_t bytes) {
  pause_sometimes();
  const auto* const from = static_cast<const std::byte*>(pointer);
  const auto now = [&] {
    Word word{};
    std::memcpy(word.data(), from, bytes);
    return word;
  };
  Word value = now();
  const auto end = std::end(current->looks);
  auto look = std::find_if(current->looks, end, [&](const Look& l) { return l.from == from; });
  if (look == end) {
    look = &current->looks[current->looked++ % std::size(current->looks)];
  } else if (look->value == value) {  // in vain, until it changes, unless by chance
    if (gpu->chance(4)) {
      give_way(Doing::pausing);
    } else {
      gpu->words[from].push_back(current);
      give_way(Doing::word);
    }
    value = now();
  }
  *look = {from, value};
  return value;
}
void store_some(void* to, const void* value, std::size_t bytes) {
  pause_sometimes();
  Pending store;
  store.to = static_cast<std::byte*>(to), store.bytes = bytes;
  std::memcpy(store.data.data(), value, bytes);
  queue(store, reinterpret_cast<std::uintptr_t>(to) / bytes);
}

}  // namespace

Word load_relaxed(const void* from) { return look_at(from, sizeof(Word)); }
void store_relaxed(void* to, const Word& value) { store_some(to, value.data(), value.size()); }
std::uint32_t load_relaxed_short(const void* from) {
  std::uint32_t value;
  std::memcpy(&value, look_at(from, sizeof value).data(), sizeof value);
  return value;
}
void store_relaxed_short(void* to, std::uint32_t value) { store_some(to, &value, sizeof value); }

void copy_async(void* to, const void* from, std::size_t bytes) {
  (void)shared_address(to);
  current->copies.push_back(
      {static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes});
}
void copies_commit() {
  current->groups.push_back(std::move(current->copies));
  current->copies.clear();
}
void copies_wait(std::size_t pending) {
  for (; current->groups.size() > pending; current->groups.pop_front())
    for (const Copy& copy : current->groups.front()) std::memcpy(copy.to, copy.from, copy.bytes);
}

int lane() { return int(current->index.x % 32); }

std::uint32_t shuffle(std::uint32_t word, int from) {
  Lanes& lanes = current->warp->lanes;
  const unsigned buffer = lanes.count % 2;
  lanes.words[buffer][lane()] = word;
  if (last_lane("shuffle"))
    release(lanes);
  else
    wait_for_lanes("shuffle");
  return lanes.words[buffer][from & 31];
}

namespace {

float cut(std::uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); }

float towards_zero(double sum) {
  const float near = float(sum);
  if (!(std::abs(double(near)) > std::abs(sum))) return near;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(near) - 1);
}

/// Of the whole warp.
void multiply(Lanes& lanes, float (*to_float)(std::uint16_t)) {
  constexpr int most = 16;
  double a[16][most], b[most][8];
  const int k_count = to_float ? 16 : 8;
  for (int l = 0; l < 32; ++l) {
    const int group = l / 4, t = l % 4;
    for (int r = 0; r < 4; ++r) {
      const std::uint32_t word = lanes.a[l][r];
      const int row = group + (r % 2) * 8;
      if (!to_float) {
        a[row][t + r / 2 * 4] = cut(word);
      } else {
        for (int e = 0; e < 2; ++e)
          a[row][2 * t + e + r / 2 * 8] = to_float(std::uint16_t(word >> 16 * e));
      }
    }
    for (int r = 0; r < 2; ++r) {
      const std::uint32_t word = lanes.b[l][r];
      if (!to_float) {
        b[t + 4 * r][group] = cut(word);
      } else {
        for (int e = 0; e < 2; ++e)
          b[2 * t + e + 8 * r][group] = to_float(std::uint16_t(word >> 16 * e));
      }
    }
  }
  double sums[16][8] = {};
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < k_count; ++k)
      for (int column = 0; column < 8; ++column) sums[row][column] += a[row][k] * b[k][column];
  for (int l = 0; l < 32; ++l)
    for (int i = 0; i < 4; ++i) {
      float& sum = lanes.sums[l][i];
      sum = towards_zero(double(sum) + sums[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2]);
    }
}

}  // namespace

void mma(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
         float (*to_float)(std::uint16_t)) {
  Lanes& lanes = current->warp->lanes;
  const int l = lane();
  std::copy_n(a, 4, lanes.a[l]);
  lanes.b[l][0] = b0, lanes.b[l][1] = b1;
  lanes.sums[l] = sums;
  if (!last_lane("mma")) return wait_for_lanes("mma");
  multiply(lanes, to_float);
  release(lanes);
}

std::uint64_t nanoseconds() { return ++gpu->clock; }

}  // namespace rnnbench::emulator
