// A loop over independent items on a few threads: enough for filling tensors and for the reference.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/cores.hpp"

namespace rnnbench {

/// `requested`, or for 0 the cores this process may use; at least 1.
inline int usable_threads(int requested) { return requested > 0 ? requested : usable_cores(); }

/// Calls work(k) once for each k in [0, items), on the caller and up to threads - 1 more threads.
/// With one item or one thread no thread is started. The first exception stops the loop and is
/// rethrown.
template <class Work>
void parallel_for(int threads, std::int64_t items, const Work& work) {
  if (threads <= 1 || items <= 1) {
    for (std::int64_t k = 0; k < items; ++k) work(k);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto drain = [&] {
    try {
      for (std::int64_t k = next++; k < items; k = next++) work(k);
    } catch (...) {
      next = items;
      const std::lock_guard lock(failure_mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto wanted = std::min<std::int64_t>(threads, items) - 1;
    helpers.reserve(static_cast<std::size_t>(wanted));
    try {
      while (static_cast<std::int64_t>(helpers.size()) < wanted) helpers.emplace_back(drain);
    } catch (const std::system_error&) {
      // No more threads to be had: those that run, and this one, do all the items.
    }
    drain();
  }
  if (failure) std::rethrow_exception(failure);
}

/// Calls work(first, last) on all cores for pieces of [0, count) of `length` or, the last one,
/// less. Their bounds depend on count alone.
template <class Work>
void parallel_pieces(std::size_t count, std::size_t length, const Work& work) {
  const auto pieces = static_cast<std::int64_t>((count + length - 1) / length);
  parallel_for(usable_threads(0), pieces, [&](std::int64_t piece) {
    const std::size_t first = static_cast<std::size_t>(piece) * length;
    work(first, std::min(count, first + length));
  });
}

}  // namespace rnnbench
