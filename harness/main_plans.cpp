#include "harness/main_plans.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "harness/calibration.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// The devices asked for, or a GPU where one answers, else the CPU.
std::vector<DeviceInfo> chosen_devices(const CommandLine& line, const Catalog& catalog) {
  std::vector<DeviceInfo> devices;
  for (const auto& choice : line.devices) devices.push_back(asked_device(choice, catalog));
  if (!devices.empty()) return devices;
  for (const auto kind : {Device::cuda, Device::cpu})
    if (const auto device = catalog.device(kind, 0)) return {*device};
  throw UsageError(catalog.no_device(Device::cpu));
}

std::vector<Scenario> scenarios_for(const CommandLine& line, Device device) {
  std::vector<Scenario> scenarios;
  for (const auto& wanted : line.scenarios)
    scenarios.push_back(load_scenario(find_scenario(wanted), device, line.quick, line.axes));
  if (!scenarios.empty()) return scenarios;
  if (line.axes.empty())
    throw UsageError(
        "nothing to run: give --scenario NAME (rnnbench list scenarios), or a problem such as "
        "--cell gru --hidden 256");
  return {ad_hoc_scenario(line.axes)};
}

Protocol protocol_for(const CommandLine& line, const Scenario& scenario) {
  Protocol protocol;
  apply(scenario.protocol, protocol);
  apply(line.protocol, protocol);
  protocol.seed = line.seed;
  protocol.verify = line.verify;
  protocol.measure = line.measure;
  protocol.bitwise = line.bitwise;
  protocol.rtol = line.rtol;
  protocol.atol = line.atol;
  return protocol;
}

fs::path new_folder(const CommandLine& line, const std::string& name) {
  if (!line.resume.empty()) return line.resume;
  if (!line.out.empty()) {
    if (fs::exists(fs::path(line.out) / "journal.jsonl"))
      throw UsageError(fmt::format(
          "--out {}: holds the results of an earlier run; choose another folder, or --resume {}",
          line.out, line.out));
    return line.out;
  }
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
  const auto folder = fs::path("results") / fmt::format("{}-{}", name, stamp);
  // Made here, so that of two runs in one second each gets its own.
  std::error_code error;
  fs::create_directories("results", error);
  fs::path own = folder;
  for (int k = 2; !fs::create_directory(own, error) && !error; ++k)
    own = folder.string() + fmt::format("-{}", k);
  return own;
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw UsageError(
        fmt::format("--out {}: cannot make this folder ({})", folder.string(), error.message()));
}

}  // namespace

std::string as_typed(const CommandLine& line) {
  std::string text = "rnnbench";
  for (const auto& word : line.arguments) text.append(" ").append(quoted(word));
  return text;
}

DeviceInfo asked_device(const DeviceChoice& choice, const Catalog& catalog) {
  if (const auto device = catalog.device(choice.kind, choice.index)) return *device;
  const auto why = catalog.no_device(choice.kind);
  throw UsageError(why.empty() ? fmt::format("--device {}:{}: no such device (rnnbench list "
                                             "devices)",
                                             name(choice.kind), choice.index)
                               : why);
}

CatalogOptions catalog_options(const CommandLine& line) {
  CatalogOptions options;
  const auto wanted = [&](Device kind) {
    return line.devices.empty() ||
           std::any_of(line.devices.begin(), line.devices.end(),
                       [&](const auto& choice) { return choice.kind == kind; });
  };
  options.cpu = wanted(Device::cpu);
  options.cuda = wanted(Device::cuda);
  options.plugins = line.plugins;
  options.external = line.external;
  options.timeout_s = line.protocol.timeout_s.value_or(Protocol().timeout_s);
  return options;
}

std::vector<RunPlan> plans_for(const CommandLine& line, const Catalog& catalog) {
  std::vector<RunPlan> plans;
  for (const auto& device : chosen_devices(line, catalog))
    for (const auto& scenario : scenarios_for(line, device.kind)) {
      RunPlan& plan = plans.emplace_back();
      plan.scenarios = {scenario};
      plan.protocol = protocol_for(line, scenario);
      plan.device = device;
      plan.threads = line.threads;
      if (device.kind == Device::cpu && line.threads > 0)  // the floor is that of these threads
        plan.device.units = std::min(device.units, line.threads);
      plan.impls = line.impls;
      plan.skipped = line.skipped;
      plan.filter = line.filter;
      plan.options = line.options;
      plan.profile = line.profile;
      for (const auto& plugin : line.plugins) plan.more_flags += " --plugin " + quoted(plugin);
      for (const auto& [name_of_it, command] : line.external)
        plan.more_flags.append(" --external ")
            .append(quoted(fmt::format("{}={}", name_of_it, command)));
      plan.save_tensors = line.save_tensors;
    }
  return plans;
}

void fill_peaks(std::vector<RunPlan>& plans, Catalog& catalog, Progress& progress,
                Environment& environment) {
  for (auto& plan : plans) {
    const auto key = device_key(plan.device);
    auto& peaks = environment.peaks;
    if (!peaks.contains(key)) {
      std::string where;
      const bool kept = kept_peaks(plan.device, plan.threads, where).has_value();
      if (!kept && !plan.profile)
        progress.say(fmt::format("measuring the ceilings of {} (once)", plan.device.name));
      try {
        // Under a profiler nothing is measured: it would be too slow, and kept.
        if (kept || !plan.profile)
          peaks[key] = peaks_of(plan.device, plan.threads, catalog, false, where);
      } catch (const Interrupted&) {
        throw;
      } catch (const std::exception& error) {
        peaks[key] = {};
        progress.say(fmt::format("no floors: the ceilings of {} could not be measured ({})",
                                 plan.device.name, error.what()));
      }
      environment.devices.push_back(plan.device);
    }
    plan.peaks = peaks[key];
  }
}

fs::path output_folder(const CommandLine& line, const std::string& name) {
  fs::path folder = new_folder(line, name);
  make_folder(folder);
  return folder;
}

}  // namespace rnnbench
