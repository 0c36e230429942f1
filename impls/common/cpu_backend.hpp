// The parts of the CPU backend: what the session calls, each in a file of its own in impls/cpu.
#pragma once

#include "harness/device.hpp"

namespace rnnbench {

/// The processor this process may use, as one device. Throws no Error: what is not known is 0.
DeviceInfo cpu_device();

/// Copy bandwidth, f32 GEMM rate and barrier times with `threads` threads; under 2 s.
Peaks cpu_calibrate(const DeviceInfo& device, int threads);

/// Current clock of the cores the process may use, where the system tells it.
std::vector<std::pair<std::string, std::string>> cpu_state();

}  // namespace rnnbench
