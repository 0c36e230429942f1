#include "harness/calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "harness/environment.hpp"
#include "harness/protocol.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// Changes whenever what is measured, or how, changes.
constexpr int calibration_version = 3;

/// One file a device; the parts that make two devices different are hashed into its name.
fs::path file_for(const DeviceInfo& device, int threads) {
  const bool fewer = device.kind == Device::cpu && threads > 0;
  const int units = fewer ? std::min(threads, device.units) : device.units;
  const auto facts = fmt::format("{}|{}|{}|{}|{}|{}", calibration_version, device.name, units,
                                 device.cc, device.memory_bytes, device.llc_bytes);
  return cache_folder() / fmt::format("peaks-{}-{}-{:016x}.json", name(device.kind), device.index,
                                      std::hash<std::string>{}(facts));
}

}  // namespace

std::string device_key(const DeviceInfo& device) {
  return device.kind == Device::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

fs::path cache_folder() {
  if (const char* folder = std::getenv("RNNBENCH_CACHE")) return folder;
  if (const char* folder = std::getenv("XDG_CACHE_HOME")) return fs::path(folder) / "rnnbench";
  if (const char* home = std::getenv("HOME")) return fs::path(home) / ".cache" / "rnnbench";
  return fs::temp_directory_path() / "rnnbench";
}

std::optional<Peaks> kept_peaks(const DeviceInfo& device, int threads, std::string& where) {
  std::ifstream file(file_for(device, threads));
  const Json json = Json::parse(file, nullptr, false);
  try {
    where = fmt::format("measured at {}, load {:.1f}; rnnbench doctor --calibrate measures again",
                        json.at("measured").get<std::string>(), json.at("load").get<double>());
    return json.at("peaks").get<Peaks>();
  } catch (const Json::exception&) {
    return std::nullopt;  // not there, or half-written: measured again
  }
}

void keep_peaks(const DeviceInfo& device, int threads, const Peaks& peaks, std::string& where) {
  const fs::path file = file_for(device, threads);
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const fs::path temporary = file.string() + ".new";
  std::ofstream out(temporary);
  out << Json{{"measured", now_iso()},
              {"load", load_average()},
              {"device", device},
              {"peaks", peaks}}
             .dump(1)
      << '\n';
  out.close();
  std::error_code error;
  if (out) fs::rename(temporary, file, error);
  where = out && !error ? fmt::format("kept in {}", file.string())
                        : fmt::format("not kept: {} cannot be written", file.string());
}

}  // namespace rnnbench
