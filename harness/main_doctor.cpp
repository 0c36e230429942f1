#include <fmt/format.h>

#include <iostream>

#include "harness/build_info.hpp"
#include "harness/calibration.hpp"
#include "harness/environment.hpp"
#include "harness/exchange_table.hpp"
#include "harness/main.hpp"
#include "harness/protocol.hpp"

namespace rnnbench {
namespace {

void print_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const auto& [label, value] : pairs) fmt::print("  {:<34} {}\n", label, value);
}

void print_peaks(const Peaks& peaks, const std::string& where) {
  fmt::print("  measured ceilings ({})\n", where);
  fmt::print("    {:<32} {:.4g} GB/s, read and written\n", "copy", peaks.copy_bytes_per_s / 1e9);
  for (const auto& [dtype, rate] : peaks.gemm_flops_per_s)
    fmt::print("    {:<32} {:.4g} GFLOP/s\n", "GEMM " + dtype, rate / 1e9);
  for (const auto& [units, seconds] : peaks.exchange_s)
    fmt::print("    {:<32} {:.3g} us\n", fmt::format("barrier of {}", units), seconds * 1e6);
  for (const auto& cost : cheapest_exchanges(peaks.exchange))
    fmt::print("    {:<32} {:.3g} us, {}\n",
               fmt::format("exchange of {} KiB, {} SMs", cost.kib, cost.units), cost.seconds * 1e6,
               cost.way);
  fmt::print("    how: {}\n", peaks.how);
}

}  // namespace

Peaks peaks_of(const DeviceInfo& device, int threads, Catalog& catalog, bool again,
               std::string& where) {
  if (const auto kept = again ? std::nullopt : kept_peaks(device, threads, where)) return *kept;
  for (const auto& provider : catalog.providers()) {
    if (provider.name != name(device.kind)) continue;
    Remote worker(provider.argv, 120);
    worker.open(device.kind, device.index, threads);
    const Peaks peaks = worker.calibrate();
    keep_peaks(device, threads, peaks, where);
    where = fmt::format("measured now, {}", where);

    return peaks;
  }
  where = "none: no module for this device";
  return {};
}

int doctor_command(const CommandLine& line) {
  if (line.exchange) return exchange_command(line);
  // Looked for first: libraries that workers load spin for a while.
  const auto warning = line.calibrate ? busy_machine() : "";
  Catalog catalog(CatalogOptions{});
  Json report{{"environment", environment_facts()}, {"devices", Json::array()}};
  if (!line.json) {
    fmt::print("machine\n");
    print_pairs(environment_facts());
  }
  for (const auto& device : catalog.devices()) {
    std::string where;
    const Peaks peaks = peaks_of(device, line.threads, catalog, line.calibrate, where);
    report["devices"].push_back({{"device", device}, {"peaks", peaks}, {"source", where}});
    if (line.json) continue;
    fmt::print("\n{}: {}\n", device_key(device), device.name);
    print_pairs(device.card);
    print_peaks(peaks, where);
  }
  for (const auto kind : {Device::cpu, Device::cuda}) {
    const auto why = catalog.no_device(kind);
    if (why.empty()) continue;
    report["no_device"][std::string(name(kind))] = why;
    if (!line.json) fmt::print("\n{}: {}\n", name(kind), why);
  }
  for (const auto kind : {Device::cpu, Device::cuda})  // whether there is a device or not
    for (const auto& [name, state] : late_libraries(catalog, kind))
      report["libraries"].push_back({{"name", name}, {"state", state}});
  if (!line.json && report.contains("libraries")) {
    fmt::print("\nlibraries\n");
    for (const auto& one : report["libraries"])
      fmt::print("  {:<34} {}\n", one["name"].get<std::string>(), one["state"].get<std::string>());
  }
  if (!warning.empty()) {
    report["warning"] = warning;
    if (!line.json) fmt::print("\n{}\n", warning);
  }
  if (line.json) std::cout << report.dump(2) << '\n';
  return 0;
}

}  // namespace rnnbench
