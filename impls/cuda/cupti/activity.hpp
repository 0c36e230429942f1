// The kernels that a piece of work launches, each with its times and its resources.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {

struct Records {
  std::vector<Launch> launches;  // in the order they were launched in
  std::size_t untimed = 0;       // that came without times, and are left out
  std::size_t dropped = 0;       // that CUPTI had no room for
  bool alike = true;             // the calls, of which one was kept; else all are here
  double seconds = 0;            // of the call kept, with its waiting: dearer than unrecorded
};

/// Runs `work`, which waits for the device: once where it takes long, else several times, of which
/// one is kept (shortest_call in launches.hpp). Never while ranges are enabled: the records would
/// be garbage. Throws Failure.
Records record_kernels(const std::function<void()>& work);

}  // namespace rnnbench::cupti
