// NVML belongs to the driver, not to the toolkit, and its header is not always there: the few calls
// needed are declared here, from its documented interface, and looked up at run time.
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

#include "impls/common/cuda_backend.cuh"

namespace rnnbench {
namespace {

using NvmlDevice = struct nvmlDevice_st*;
constexpr int success = 0;
constexpr int sm_clock = 1;         // NVML_CLOCK_SM
constexpr int gpu_temperature = 0;  // NVML_TEMPERATURE_GPU

/// A function of the library, callable also where it is missing (then it fails).
template <class... Arguments>
struct Function {
  int (*pointer)(Arguments...) = nullptr;
  Function(void* library, const char* name) {
    if (library) pointer = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
  }
  bool operator()(Arguments... arguments) const {
    return pointer && pointer(arguments...) == success;
  }
};

struct Nvml {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  Function<> init{library, "nvmlInit_v2"};
  Function<char*, unsigned> driver{library, "nvmlSystemGetDriverVersion"};
  Function<const char*, NvmlDevice*> by_bus{library, "nvmlDeviceGetHandleByPciBusId_v2"};
  Function<NvmlDevice, int, unsigned*> clock{library, "nvmlDeviceGetClockInfo"};
  Function<NvmlDevice, int, unsigned*> max_clock{library, "nvmlDeviceGetMaxClockInfo"};
  Function<NvmlDevice, unsigned*> power{library, "nvmlDeviceGetPowerUsage"};
  Function<NvmlDevice, unsigned*> power_limit{library, "nvmlDeviceGetEnforcedPowerLimit"};
  Function<NvmlDevice, int, unsigned*> temperature{library, "nvmlDeviceGetTemperature"};
  Function<NvmlDevice, unsigned long long*> throttle{library,
                                                     "nvmlDeviceGetCurrentClocksThrottleReasons"};
  Function<NvmlDevice, unsigned*, unsigned*> ecc{library, "nvmlDeviceGetEccMode"};
  Function<NvmlDevice, unsigned*, unsigned*> mig{library, "nvmlDeviceGetMigMode"};
  bool ready = init();

  static const Nvml& instance() {
    static const Nvml nvml;  // never shut down: the process may be asked again until it ends
    return nvml;
  }
  bool find(const std::string& pci_bus_id, NvmlDevice& device) const {
    return ready && by_bus(pci_bus_id.c_str(), &device);
  }
};

std::string throttle_reasons(unsigned long long bits) {
  struct Bit {
    unsigned long long mask;
    const char* text;
  };
  constexpr std::array<Bit, 8> bits_known{{{0x2, "applications clocks setting"},
                                           {0x4, "software power cap"},
                                           {0x8, "hardware slowdown"},
                                           {0x10, "sync boost"},
                                           {0x20, "software thermal slowdown"},
                                           {0x40, "hardware thermal slowdown"},
                                           {0x80, "hardware power brake"},
                                           {0x100, "display clock setting"}}};
  std::string text;
  for (const auto& [mask, words] : bits_known)
    if (bits & mask) text += (text.empty() ? "" : ", ") + std::string(words);
  return text.empty() ? "none" : text;
}

std::string on_off(unsigned value) { return value ? "on" : "off"; }

}  // namespace

std::string nvml_driver_version() {
  std::array<char, 96> text{};
  const Nvml& nvml = Nvml::instance();
  if (!nvml.ready || !nvml.driver(text.data(), static_cast<unsigned>(text.size()))) return {};
  return text.data();
}

LabelledValues nvml_card(const std::string& pci_bus_id) {
  const Nvml& nvml = Nvml::instance();
  NvmlDevice device = nullptr;
  LabelledValues card;
  if (!nvml.find(pci_bus_id, device)) return card;
  unsigned now = 0, pending = 0, milliwatts = 0;
  if (nvml.ecc(device, &now, &pending)) card.emplace_back("ECC", on_off(now));
  if (nvml.mig(device, &now, &pending)) card.emplace_back("MIG", on_off(now));
  if (nvml.power_limit(device, &milliwatts))
    card.emplace_back("power limit", fmt::format("{:.0f} W", milliwatts * 1e-3));
  return card;
}

LabelledValues nvml_state(const std::string& pci_bus_id) {
  const Nvml& nvml = Nvml::instance();
  NvmlDevice device = nullptr;
  LabelledValues state;
  if (!nvml.find(pci_bus_id, device)) return state;
  unsigned value = 0, most = 0;
  unsigned long long reasons = 0;
  if (nvml.clock(device, sm_clock, &value))
    state.emplace_back("SM clock", nvml.max_clock(device, sm_clock, &most)
                                       ? fmt::format("{} of {} MHz", value, most)
                                       : fmt::format("{} MHz", value));
  if (nvml.power(device, &value))
    state.emplace_back("power", fmt::format("{:.0f} W", value * 1e-3));
  if (nvml.temperature(device, gpu_temperature, &value))
    state.emplace_back("temperature", fmt::format("{} °C", value));
  if (nvml.throttle(device, &reasons))
    state.emplace_back("throttled by", throttle_reasons(reasons));
  return state;
}

}  // namespace rnnbench
