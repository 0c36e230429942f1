// The parts of the CPU backend: what the session calls, each in a file of its own in impls/cpu.
#pragma once

#include <functional>

#include "harness/device.hpp"

namespace rnnbench {

/// The processor this process may use, as one device. Throws no Error: what is not known is 0.
DeviceInfo cpu_device();

/// Copy bandwidth, f32 GEMM rate and barrier times with `threads` threads; under 2 s.
Peaks cpu_calibrate(const DeviceInfo& device, int threads);

/// Instructions of one call on all threads, where this process runs under callgrind: they stand in
/// the part files that it writes (FILE.1, …), for the parent to read. Otherwise says what to do.
Metric collect_callgrind(const std::function<void()>& call);

/// Current clock of the cores the process may use, where the system tells it.
std::vector<std::pair<std::string, std::string>> cpu_state();

}  // namespace rnnbench
