// `rnnbench doctor --exchange`: what it costs to exchange h between the SMs of each GPU.
#include <fmt/format.h>

#include <iostream>

#include "harness/calibration.hpp"
#include "harness/exchange_table.hpp"
#include "harness/main.hpp"
#include "harness/main_plans.hpp"
#include "harness/protocol.hpp"

namespace rnnbench {
namespace {

/// Hundreds of lines of some tens of milliseconds; where one hangs, its watchdog takes seconds.
constexpr double timeout_s = 300;

ExchangeCosts measure(const DeviceInfo& device, const Catalog& catalog) {
  for (const auto& provider : catalog.providers()) {
    if (provider.name != name(device.kind)) continue;
    Remote worker(provider.argv, timeout_s);
    worker.open(device.kind, device.index, 0);
    return worker.exchange();
  }
  throw Error(fmt::format("no module for {} is loaded", device_key(device)));
}

}  // namespace

int exchange_command(const CommandLine& line) {
  CatalogOptions options;
  options.cpu = false;
  Catalog catalog(options);
  asked_device({Device::cuda, 0}, catalog);  // or why there is none
  Json report{{"devices", Json::array()}};
  bool failed = false;
  for (const auto& device : catalog.devices()) {
    const auto costs = measure(device, catalog);
    std::string where;
    keep_exchange(device, costs, where);
    failed = failed || costs.failed();
    report["devices"].push_back({{"device", device}, {"exchange", costs}, {"source", where}});
    if (line.json) continue;
    fmt::print("{}: {}\n  exchange of h between SMs ({})\n{}    how: {}\n", device_key(device),
               device.name, where, exchange_table(costs), costs.how);
  }
  if (line.json) std::cout << report.dump(2) << '\n';
  return failed ? 1 : 0;
}

}  // namespace rnnbench
