#include <fmt/format.h>

#include "harness/main.hpp"

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

}  // namespace

int list_command(const CommandLine& line) {
  const auto& what = line.list_what;
  if (what == "all" || what == "scenarios") list_scenarios_here();
  if (what == "scenarios") return 0;
  CatalogOptions options;
  options.plugins = line.plugins;
  options.external = line.external;
  const Catalog catalog(options);
  if (what == "all" || what == "impls") list_impls(catalog);
  if (what == "all" || what == "devices") list_devices(catalog);
  return 0;
}

}  // namespace rnnbench
