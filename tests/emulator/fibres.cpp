// The checked longjmp takes another stack for a mistake.
#undef _FORTIFY_SOURCE
#include "tests/emulator/fibres.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1  // as g++ says it
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace rnnbench::emulator {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024, stacks_a_map = 256;

std::jmp_buf scheduler;
ucontext_t beginning, after_end;
Fibre* starting = nullptr;

char* stack(std::size_t index) {
  static std::vector<char*> maps;
  while (maps.size() <= index / stacks_a_map) {
    void* const map = mmap(nullptr, stack_bytes * stacks_a_map, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
      std::perror("stacks of emulated threads");
      std::abort();
    }
    maps.push_back(static_cast<char*>(map));
  }
  return maps[index / stacks_a_map] + index % stacks_a_map * stack_bytes;
}

#if defined(__SANITIZE_ADDRESS__)
const void* scheduler_stack = nullptr;
std::size_t scheduler_size = 0;
void* scheduler_sanitizer = nullptr;
void before_switch(void** keep, const void* to, std::size_t size) {
  __sanitizer_start_switch_fiber(keep, to, size);
}
void after_switch(void* kept, const void** from, std::size_t* size) {
  __sanitizer_finish_switch_fiber(kept, from, size);
}
#endif

}  // namespace

void Fibre::begin(int index, void (*body)()) {
  // Tops of stacks are not all in the same sets of the cache.
  const auto at = std::size_t(index);
  stack_ = stack(at);
  size_ = stack_bytes - at % 16 * 1088;
  body_ = body;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack_, stack_bytes);
  sanitizer_ = nullptr;
#endif
}

__attribute__((noinline)) void Fibre::enter() {
#if defined(__SANITIZE_ADDRESS__)
  before_switch(&scheduler_sanitizer, stack_, size_);
#endif
  if (_setjmp(scheduler) == 0) {
    if (!body_) _longjmp(here_, 1);
    getcontext(&beginning);
    beginning.uc_stack.ss_sp = stack_, beginning.uc_stack.ss_size = size_;
    beginning.uc_link = &after_end;
    starting = this;
    makecontext(
        &beginning,
        +[] {
#if defined(__SANITIZE_ADDRESS__)
          after_switch(nullptr, &scheduler_stack, &scheduler_size);
#endif
          void (*const body)() = starting->body_;
          starting->body_ = nullptr;
          body();
        },
        0);
    setcontext(&beginning);
  }
#if defined(__SANITIZE_ADDRESS__)
  after_switch(scheduler_sanitizer, nullptr, nullptr);
#endif
}

__attribute__((noinline)) void Fibre::leave() {
#if defined(__SANITIZE_ADDRESS__)
  before_switch(&sanitizer_, scheduler_stack, scheduler_size);
#endif
  if (_setjmp(here_) == 0) _longjmp(scheduler, 1);
#if defined(__SANITIZE_ADDRESS__)
  after_switch(sanitizer_, nullptr, nullptr);
#endif
}

}  // namespace rnnbench::emulator
