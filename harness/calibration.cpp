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

/// These change whenever what is measured, or how, changes.
constexpr int calibration_version = 4;
constexpr int exchange_version = 1;

/// One file a device; the parts that make two devices different are hashed into its name.
fs::path file_for(const char* what, int version, const DeviceInfo& device, int threads) {
  const bool fewer = device.kind == Device::cpu && threads > 0;
  const int units = fewer ? std::min(threads, device.units) : device.units;
  const auto facts = fmt::format("{}|{}|{}|{}|{}|{}", version, device.name, units, device.cc,
                                 device.memory_bytes, device.llc_bytes);
  return cache_folder() / fmt::format("{}-{}-{}-{:016x}.json", what, name(device.kind),
                                      device.index, std::hash<std::string>{}(facts));
}

/// `again` is the command that measures again.
template <class T>
std::optional<T> kept(const fs::path& path, const char* what, const char* again,
                      std::string& where) {
  std::ifstream file(path);
  const Json json = Json::parse(file, nullptr, false);
  try {
    where =
        fmt::format("measured at {}, load {:.1f}; rnnbench doctor {} measures again",
                    json.at("measured").get<std::string>(), json.at("load").get<double>(), again);
    return json.at(what).get<T>();
  } catch (const Json::exception&) {
    return std::nullopt;  // not there, or half-written: measured again
  }
}

template <class T>
void keep(const fs::path& file, const char* what, const DeviceInfo& device, const T& value,
          std::string& where) {
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const fs::path temporary = file.string() + ".new";
  std::ofstream out(temporary);
  out << Json{{"measured", now_iso()}, {"load", load_average()}, {"device", device}, {what, value}}
             .dump(1)
      << '\n';
  out.close();
  std::error_code error;
  if (out) fs::rename(temporary, file, error);
  where = out && !error ? fmt::format("kept in {}", file.string())
                        : fmt::format("not kept: {} cannot be written", file.string());
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
  return kept<Peaks>(file_for("peaks", calibration_version, device, threads), "peaks",
                     "--calibrate", where);
}

void keep_peaks(const DeviceInfo& device, int threads, const Peaks& peaks, std::string& where) {
  keep(file_for("peaks", calibration_version, device, threads), "peaks", device, peaks, where);
}

std::optional<ExchangeCosts> kept_exchange(const DeviceInfo& device, std::string& where) {
  return kept<ExchangeCosts>(file_for("exchange", exchange_version, device, 0), "exchange",
                             "--exchange", where);
}

void keep_exchange(const DeviceInfo& device, const ExchangeCosts& costs, std::string& where) {
  keep(file_for("exchange", exchange_version, device, 0), "exchange", device, costs, where);
}

}  // namespace rnnbench
