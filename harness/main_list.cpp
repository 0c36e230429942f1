#include <fmt/format.h>

#include <regex>

#include "harness/main_plans.hpp"

namespace rnnbench {
namespace {

void list_scenarios_here() {
  fmt::print("scenarios (rnnbench --scenario NAME)\n");
  for (const auto& file : list_scenarios()) {
    try {
      const Scenario scenario = load_scenario(file, Device::cpu, false, {});
      fmt::print("  {:<28} {}\n", scenario.name, scenario.title);
    } catch (const UsageError& error) {  // one that is broken hides no other
      fmt::print("  {:<28} cannot be read: {}\n", file.stem().string(), error.what());
    }
  }
}

void list_impls(const Catalog& catalog) {
  fmt::print("implementations (--impl NAME)\n");
  for (const auto& offer : catalog.offers())
    fmt::print("  {:<28} {}{}{}\n", offer.info.name, offer.info.summary,
               offer.info.peer ? " [peer]" : "", offer.info.tunable ? " [tunable]" : "");
}

void list_devices(const Catalog& catalog) {
  fmt::print("devices (--device NAME)\n");
  for (const auto& device : catalog.devices())
    fmt::print("  {:<28} {}\n", fmt::format("{}:{}", name(device.kind), device.index), device.name);
  for (const auto kind : {Device::cpu, Device::cuda}) {
    const auto why = catalog.no_device(kind);
    if (!why.empty()) fmt::print("  {:<28} {}\n", name(kind), why);
  }
}

/// What the device's profiler can count. Returns the exit code.
int list_metrics(const CommandLine& line, Catalog& catalog) {
  DeviceChoice device;
  if (!line.devices.empty())
    device = line.devices.front();
  else if (catalog.device(Device::cuda, 0))
    device.kind = Device::cuda;
  std::regex wanted;
  try {
    wanted.assign(line.filter);
  } catch (const std::regex_error& error) {
    throw UsageError(fmt::format("--filter '{}': {}", line.filter, error.what()));
  }
  asked_device(device, catalog);
  std::string why = fmt::format("no module for {} is loaded", name(device.kind));
  std::vector<MetricInfo> known;
  for (std::size_t k = 0; k < catalog.providers().size(); ++k) {
    if (catalog.providers()[k].name != name(device.kind)) continue;
    if (auto worker = catalog.take_describer(k))
      known = worker->known_metrics(device.kind, device.index, why);
  }
  if (known.empty()) {
    fmt::print(stderr, "rnnbench: {}:{}: {}\n", name(device.kind), device.index, why);
    return 1;
  }
  fmt::print("metrics of {}:{} (--metrics NAME,NAME)\n", name(device.kind), device.index);
  std::size_t shown = 0;
  for (const auto& metric : known)
    if (line.filter.empty() || std::regex_search(metric.name, wanted)) {
      fmt::print("  {:<60} {}\n", metric.name, metric.about);
      ++shown;
    }
  if (shown == 0) fmt::print("  none of {} names matches '{}'\n", known.size(), line.filter);
  return 0;
}

}  // namespace

int list_command(const CommandLine& line) {
  const auto& what = line.list_what;
  if (what == "all" || what == "scenarios") list_scenarios_here();
  if (what == "scenarios") return 0;
  CatalogOptions options;
  options.plugins = line.plugins;
  options.external = line.external;
  Catalog catalog(options);
  if (what == "metrics") return list_metrics(line, catalog);
  if (what == "all" || what == "impls") list_impls(catalog);
  if (what == "all" || what == "devices") list_devices(catalog);
  return 0;
}

}  // namespace rnnbench
