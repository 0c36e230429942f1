// Measured ceilings of this machine's devices, kept between runs.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "harness/device.hpp"

namespace rnnbench {

/// "cpu" or "cuda:0".
std::string device_key(const DeviceInfo& device);

/// $RNNBENCH_CACHE, else $XDG_CACHE_HOME/rnnbench, else ~/.cache/rnnbench.
std::filesystem::path cache_folder();

/// What was kept for this very device (name, units, memory, caches) and this many CPU threads (0:
/// all cores); nothing where none was or it
/// cannot be read.
/// `where` says when and under what load they were measured.
std::optional<Peaks> kept_peaks(const DeviceInfo& device, int threads, std::string& where);

/// Keeps them; `where` says the file, or why they could not be kept (that is no error).
void keep_peaks(const DeviceInfo& device, int threads, const Peaks& peaks, std::string& where);

/// The same for the whole table of exchange costs, which `rnnbench doctor --exchange` measures.
std::optional<ExchangeCosts> kept_exchange(const DeviceInfo& device, std::string& where);
void keep_exchange(const DeviceInfo& device, const ExchangeCosts& costs, std::string& where);

}  // namespace rnnbench
