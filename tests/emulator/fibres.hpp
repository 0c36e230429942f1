// Threads of a program that take turns when they say so: a few nanoseconds a turn, and no two at
// once.
#pragma once

#include <csetjmp>
#include <cstddef>

namespace rnnbench::emulator {

/// A stack and where on it to go on. Stacks belong to the process and are used again; one that is
/// never gone back to is left as it is, nothing on it destroyed.
class Fibre {
 public:
  /// Makes ready to run `body`, which must never return, on stack `index`.
  void begin(int index, void (*body)());
  /// From the scheduler: runs this one until it calls `leave`.
  void enter();
  /// From the fibre that runs.
  void leave();

 private:
  std::jmp_buf here_;
  void (*body_)() = nullptr;  // null once begun
  void* stack_ = nullptr;
  std::size_t size_ = 0;
  void* sanitizer_ = nullptr;  // the address sanitizer's own stack
};

}  // namespace rnnbench::emulator
