// Counters of the processor and the kernel around a call, through perf_event_open.
#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/device.hpp"

namespace rnnbench {

/// What one opened event says; the times in ns.
struct PerfReading {
  std::uint64_t value = 0;
  std::uint64_t enabled = 0;  // how long it was to count
  std::uint64_t running = 0;  // how long it did: less where events share the CPU's counters
};

/// What is asked of the system, so that tests can answer instead of it.
struct PerfApi {
  std::function<std::vector<int>()> threads;                       // of this process
  std::function<int(const perf_event_attr&, int thread)> open;     // a descriptor, or -errno
  std::function<std::optional<PerfReading>(int descriptor)> read;  // nothing: it failed
  std::function<void(int descriptor)> close;
  std::function<void(bool on)> count;               // starts or stops all that is open
  std::function<std::uint64_t()> context_switches;  // of all threads, so far
};
PerfApi system_perf_api();

struct PerfCounts {
  Metrics metrics;  // each of the names, and instructions-per-cycle where both its parts are there
  std::vector<std::string> warnings;
};

/// The median of each counter over 1 to 5 calls for every four hardware counters, within
/// `budget_s`: what finds no time in it is left out with that reason, but for the first four. All
/// threads of the process are counted, in user space.
PerfCounts count_events(const std::function<void()>& call, const std::vector<std::string>& names,
                        double budget_s, const PerfApi& api);

/// The counters that have a name; a raw one, rNNN, is taken besides.
std::vector<MetricInfo> perf_counters();

}  // namespace rnnbench
