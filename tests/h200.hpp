// The GPU that cost models were fitted to.
#pragma once

#include "harness/device.hpp"

namespace rnnbench {

inline DeviceInfo h200() {
  DeviceInfo device;
  device.kind = Device::cuda, device.units = 132, device.cc = 90, device.clock_hz = 1.98e9;
  device.fma_per_clock = 128, device.on_chip_bytes = 227 * 1024 + 65536 * 4;
  device.memory_bytes = 140e9, device.llc_bytes = 60e6;
  return device;
}

}  // namespace rnnbench
