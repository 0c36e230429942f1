// What the emulated GPU consists of while a launch runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/fibres.hpp"
#include "tests/emulator/gpu.hpp"

namespace rnnbench::emulator {

enum class Doing { running, pausing, lanes, meeting, cluster, phase, word, ended };

struct Warp;
struct Block;

/// At a word of device memory.
struct Look {
  const std::byte* from;
  Word value;
};

/// A copy to shared memory that a thread has asked for and not waited for.
struct Copy {
  std::byte* to;
  const std::byte* from;
  std::size_t bytes;
};

struct Thread {
  Fibre fibre;
  Block* block = nullptr;
  Warp* warp = nullptr;
  Index index;
  Doing doing = Doing::running;
  bool runnable = true;
  const char* operation = "";  // while `lanes`
  int id = 0;                  // meeting's number, or the barrier's parity
  const void* at = nullptr;    // a barrier or word
  Look looks[64] = {};         // the last ones: of as many words as a thread waits for at once
  unsigned looked = 0;
  std::vector<Copy> copies;              // of the group that is open
  std::deque<std::vector<Copy>> groups;  // those that have been closed
};

/// A collective operation of 32 lanes.
struct Lanes {
  const char* operation = nullptr;
  int arrived = 0;
  unsigned count = 0;
  std::uint32_t words[2][32] = {};
  std::uint32_t a[32][4] = {}, b[32][2] = {};
  float* sums[32] = {};
};

struct Warp {
  std::array<Thread*, 32> threads{};
  int runnable = 32;
  bool listed = true, slow = false;
  Lanes lanes;
};

struct Meeting {
  int arrived = 0, threads = 0;
  std::vector<Thread*> waiting;
  std::array<std::uint8_t, 1024> came{};
};

struct Barrier {
  int arrivals = 0, pending = 0;
  std::int64_t bytes = 0;
  int parity = 0;  // of the phase that goes on
  std::vector<Thread*> waiting;
};

struct Cluster {
  int arrived = 0;
  std::vector<Block*> blocks;
  std::vector<Thread*> waiting;
};

struct Block {
  int number = 0, rank = 0, left = 0;
  Cluster* cluster = nullptr;
  std::unique_ptr<std::byte[]> memory;  // dynamic, guards around it
  std::byte* shared = nullptr;
  std::map<const void*, std::unique_ptr<std::byte[]>> statics;
  std::array<Meeting, 16> meetings;
  std::map<const void*, Barrier> barriers;
};

/// A store that has not arrived.
struct Pending {
  bool slow = false;
  Block* block = nullptr;  // null: to device memory
  std::byte* to = nullptr;
  std::size_t bytes = sizeof(Word);  // of `data`
  Word data{};
  std::byte* barrier = nullptr;
};

struct Machine {
  Grid grid;
  Schedule schedule;
  const std::function<void()>* kernel = nullptr;
  std::deque<Cluster> clusters;
  std::deque<Block> blocks;
  std::deque<Warp> warps;
  std::deque<Thread> threads;
  std::vector<Warp*> ready;
  std::vector<Pending> pending, held;                 // held: slow ones
  std::map<const void*, std::vector<Thread*>> words;  // who waits for which
  std::size_t left = 0;
  int idle = 0;
  std::uint64_t clock = 1;
  std::string trouble;

  std::uint64_t state = 0;

  std::uint32_t random() {  // splitmix64
    std::uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return std::uint32_t(z >> 32);
  }
  bool chance(unsigned of) { return random() % of == 0; }
};

/// Where no thread runs, ends the launch; the report is in `trouble`.
struct Failure {};

extern Machine* gpu;
extern Thread* current;  // null where none runs

void wake(Thread* thread);
void wake(std::vector<Thread*>& waiting);
/// Lets others run: until woken, but where `doing` is pausing.
void give_way(Doing doing);
void pause_sometimes();

/// The barrier there, which must be one still.
Barrier& barrier_at(Block& block, const void* at);
void end_phase(Barrier& barrier);
/// Puts a store among those that have not arrived. place: which word it is, for slow ones.
void queue(Pending store, std::size_t place);

}  // namespace rnnbench::emulator
