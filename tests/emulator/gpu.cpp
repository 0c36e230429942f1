#include <algorithm>
#include <cstring>

#include "tests/emulator/machine.hpp"

namespace rnnbench::emulator {

Index thread_index, block_index, block_size, grid_size;
Machine* gpu = nullptr;
Thread* current = nullptr;

void wake(Thread* thread) {
  if (thread->runnable) return;
  thread->runnable = true;
  Warp* const warp = thread->warp;
  if (++warp->runnable, !warp->listed) {
    warp->listed = true;
    gpu->ready.push_back(warp);
  }
}
void wake(std::vector<Thread*>& waiting) {
  for (Thread* const thread : waiting) wake(thread);
  waiting.clear();
}

void give_way(Doing doing) {
  Thread* const me = current;
  me->doing = doing;
  if (doing != Doing::pausing) {
    me->runnable = false;
    --me->warp->runnable;
  }
  me->fibre.leave();
  me->doing = Doing::running;
}
void pause_sometimes() {
  if (gpu->schedule.kind != Schedule::Kind::in_order && gpu->chance(8)) give_way(Doing::pausing);
}

namespace {

constexpr std::size_t guard_bytes = 256;
constexpr unsigned char guard = 0xa5;
constexpr int idle_rounds = 2000;  // looks of every waiting thread, until a launch is given up

void arrive_store(const Pending& store) {
  gpu->idle = 0;
  if (!store.block) {
    std::memcpy(store.to, store.data.data(), store.bytes);
    if (const auto found = gpu->words.find(store.to); found != gpu->words.end()) {
      wake(found->second);
      gpu->words.erase(found);
    }
    return;
  }
  if (store.block->left == 0) {
    gpu->trouble =
        "a store arrives at block " + std::to_string(store.block->number) + ", which has ended";
    return;
  }
  std::memcpy(store.to, store.data.data(), store.data.size());
  Barrier& barrier = barrier_at(*store.block, store.barrier);
  barrier.bytes -= std::int64_t(store.data.size());
  end_phase(barrier);
}
void arrive_one(std::vector<Pending>& from) {
  const std::size_t k = gpu->random() % from.size();
  const Pending store = from[k];
  from[k] = from.back(), from.pop_back();
  arrive_store(store);
}
}  // namespace

void queue(Pending store, std::size_t place) {
  using Kind = Schedule::Kind;
  const Kind kind = gpu->schedule.kind;
  if (kind == Kind::in_order) return arrive_store(store);
  const bool slow =
      kind == Kind::slow_stores ||
      (kind == Kind::slow_words && (place * 2654435761u >> 7) % 8 == gpu->schedule.seed % 8);
  (slow ? gpu->held : gpu->pending).push_back(store);
}

namespace {

std::string waits_for(const Thread& thread) {
  const Block& block = *thread.block;
  switch (thread.doing) {
    case Doing::lanes:
      return std::string("other lanes of the warp at ") + thread.operation;
    case Doing::meeting: {
      const Meeting& meeting = block.meetings[std::size_t(thread.id)];
      return "meeting " + std::to_string(thread.id) + ", " + std::to_string(meeting.arrived) +
             " of " + std::to_string(meeting.threads) + " threads there";
    }
    case Doing::cluster:
      return "the cluster, " + std::to_string(block.cluster->arrived) + " threads there";
    case Doing::phase: {
      const Barrier& barrier = block.barriers.at(thread.at);
      return "phase " + std::to_string(thread.id) + " of the barrier at byte " +
             std::to_string(static_cast<const std::byte*>(thread.at) - block.shared) + ", " +
             std::to_string(barrier.pending) + " arrivals and " + std::to_string(barrier.bytes) +
             " bytes to come";
    }
    case Doing::word:
      return "a word of device memory to change";
    default:
      return "nothing";
  }
}

/// A line for each block and thing that its threads wait for.
std::string who_waits() {
  std::map<std::pair<int, std::string>, std::vector<int>> groups;
  for (const Thread& thread : gpu->threads)
    if (thread.doing != Doing::ended)
      groups[{thread.block->number, waits_for(thread)}].push_back(int(thread.index.x));
  std::string text;
  std::size_t lines = 0;
  for (const auto& [group, threads] : groups) {
    if (++lines > 12) return text + "\n  and others";
    text += "\n  block " + std::to_string(group.first) + ": " + std::to_string(threads.size()) +
            " threads from " + std::to_string(threads.front()) + " to " +
            std::to_string(threads.back()) + " wait for " + group.second;
  }
  return text;
}

void thread_body() {
  (*gpu->kernel)();
  Thread* const me = current;
  me->doing = Doing::ended, me->runnable = false;
  --me->warp->runnable;
  --me->block->left, --gpu->left;
  gpu->idle = 0;
  while (true) me->fibre.leave();
}

void set_up() {
  Machine& m = *gpu;
  const int warps = m.grid.threads / 32;
  const unsigned slow_warp = m.random(), slow_block = m.random();
  m.clusters.resize(std::size_t(m.grid.clusters));
  for (int number = 0; number < m.grid.clusters * m.grid.blocks; ++number) {
    Block& block = m.blocks.emplace_back();
    block.number = number, block.rank = number % m.grid.blocks, block.left = m.grid.threads;
    block.cluster = &m.clusters[std::size_t(number / m.grid.blocks)];
    block.cluster->blocks.push_back(&block);
    const std::size_t bytes = m.grid.shared_bytes + 2 * guard_bytes;
    block.memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
    std::memset(block.memory.get(), guard, bytes);
    block.shared = block.memory.get() + guard_bytes;
    std::memset(block.shared, 0xff, m.grid.shared_bytes);  // NaN
    for (int w = 0; w < warps; ++w) {
      Warp& warp = m.warps.emplace_back();
      warp.slow =
          (m.schedule.kind == Schedule::Kind::slow_warp && w == int(slow_warp % unsigned(warps))) ||
          (m.schedule.kind == Schedule::Kind::slow_block &&
           number == int(slow_block % unsigned(m.grid.clusters * m.grid.blocks)));
      for (int k = 0; k < 32; ++k) {
        Thread& thread = m.threads.emplace_back();
        thread.block = &block, thread.warp = &warp, thread.index.x = unsigned(w * 32 + k);
        warp.threads[std::size_t(k)] = &thread;
        thread.fibre.begin(int(m.threads.size()) - 1, thread_body);
      }
    }
  }
  for (Warp& warp : m.warps) m.ready.push_back(&warp);
  m.left = m.threads.size();
  block_size = {unsigned(m.grid.threads), 1, 1};
  grid_size = {unsigned(m.blocks.size()) / unsigned(m.grid.groups), unsigned(m.grid.groups), 1};
}

/// The next warp to run, taken off the list; null where only slow ones could.
Warp* choose(bool slow_too) {
  auto& ready = gpu->ready;
  for (std::size_t tries = 0; !ready.empty() && tries < 4 * ready.size() + 8; ++tries) {
    const std::size_t k =
        gpu->schedule.kind == Schedule::Kind::in_order ? 0 : gpu->random() % ready.size();
    Warp* const warp = ready[k];
    if (warp->slow && !slow_too && warp->runnable) continue;
    ready[k] = ready.back(), ready.pop_back();
    warp->listed = false;
    if (warp->runnable) return warp;
  }
  return nullptr;
}

void run_warp(Warp& warp) {
  const bool in_order = gpu->schedule.kind == Schedule::Kind::in_order;
  do {
    ++gpu->clock;
    const unsigned first = in_order ? 0 : gpu->random() % 32;
    for (unsigned k = 0; k < 32; ++k) {
      Thread& thread = *warp.threads[(first + k) % 32];
      if (!thread.runnable) continue;
      current = &thread;
      thread_index = thread.index;
      const unsigned block = unsigned(thread.block->number);
      block_index = {block % grid_size.x, block / grid_size.x, 0};
      thread.fibre.enter();
      current = nullptr;
      if (!gpu->trouble.empty()) return;
    }
  } while (warp.runnable && !in_order && !gpu->chance(8));
  if (warp.runnable) {
    warp.listed = true;
    gpu->ready.push_back(&warp);
  }
}

/// Lets every thread that waits for memory look once more.
bool look_again() {
  if (++gpu->idle > idle_rounds) return false;
  gpu->clock += 1000;
  for (auto& [word, waiting] : gpu->words) wake(waiting);
  gpu->words.clear();
  for (Block& block : gpu->blocks)
    for (auto& [at, barrier] : block.barriers) wake(barrier.waiting);
  return !gpu->ready.empty();
}

/// One thing that goes on; false where nothing does.
bool go_on() {
  Machine& m = *gpu;
  if (!m.pending.empty() && m.chance(2)) {
    arrive_one(m.pending);
    if (m.chance(32))
      while (!m.pending.empty() && m.trouble.empty()) arrive_one(m.pending);
    return true;
  }
  if (Warp* const warp = choose(false)) return run_warp(*warp), true;
  if (!m.pending.empty()) return arrive_one(m.pending), true;
  if (Warp* const warp = choose(true)) return run_warp(*warp), true;
  if (!m.held.empty()) {
    for (std::size_t n = m.held.size() / 4 + 1; n > 0 && m.trouble.empty(); --n) arrive_one(m.held);
    return true;
  }
  return look_again();
}

/// What a kernel that has ended must have left as it was.
void check_end() {
  for (const Block& block : gpu->blocks) {
    const auto trouble = [&](const std::string& what) {
      gpu->trouble = "block " + std::to_string(block.number) + " " + what;
    };
    for (std::size_t k = 0; k < guard_bytes; ++k)
      if (block.memory[k] != std::byte{guard} ||
          block.shared[gpu->grid.shared_bytes + k] != std::byte{guard})
        return trouble("wrote beyond its shared memory");
    for (std::size_t id = 0; id < block.meetings.size(); ++id)
      if (block.meetings[id].arrived > 0)
        return trouble("ended with " + std::to_string(block.meetings[id].arrived) +
                       " threads at meeting " + std::to_string(id));
  }
}

}  // namespace

std::string name(const Schedule& schedule) {
  static const char* const names[] = {"in_order",   "random",     "slow_warp",
                                      "slow_block", "slow_words", "slow_stores"};
  return std::string(names[int(schedule.kind)]) + " " + std::to_string(schedule.seed);
}

std::string launch(const Grid& grid, const Schedule& schedule,
                   const std::function<void()>& kernel) {
  Machine machine;
  machine.grid = grid, machine.schedule = schedule, machine.kernel = &kernel;
  machine.state = schedule.seed;
  gpu = &machine;
  set_up();
  const auto more = [&] {
    return machine.left > 0 || !machine.pending.empty() || !machine.held.empty();
  };
  try {
    while (more() && machine.trouble.empty())
      if (!go_on()) machine.trouble = "nothing goes on:" + who_waits();
    if (machine.trouble.empty()) check_end();
  } catch (const Failure&) {
  }
  gpu = nullptr;
  return machine.trouble;
}

}  // namespace rnnbench::emulator
