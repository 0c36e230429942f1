// Which CUDA devices there are, and the facts about each that the floor model and the card need.
#include <fmt/format.h>

#include <array>

#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"

namespace rnnbench {
namespace {

/// f32 multiply-adds that one SM starts per clock, from the compute capability (major * 10 +
/// minor).
double fma_per_clock(int cc) {
  switch (cc) {
    case 70:
    case 72:
    case 75:
    case 80:
      return 64;  // clang-format off
    default: return cc >= 86 ? 128 : 0;  // clang-format on
  }
}

int attribute(cudaDeviceAttr which, int index) {
  int value = 0;
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&value, which, index));
  return value;
}

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string driver_text() {
  int supports = 0;
  RNNBENCH_CUDA(cudaDriverGetVersion(&supports));
  const std::string driver = nvml_driver_version();
  return fmt::format("{}{}(CUDA {})", driver, driver.empty() ? "" : " ", version_text(supports));
}

std::string runtime_text() {
  int version = 0;
  RNNBENCH_CUDA(cudaRuntimeGetVersion(&version));
  return version_text(version);
}

/// As nvidia-smi -L writes it.
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int k = 0; k < 16; ++k)
    text += fmt::format("{}{:02x}", k == 0 || k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "",
                        static_cast<unsigned char>(uuid.bytes[k]));
  return text;
}

std::string kibibytes(double bytes) { return fmt::format("{:g} KiB", bytes / 1024); }

void fill_card(const cudaDeviceProp& properties, int bus_bits, double memory_hz, int max_cluster,
               const std::string& bus_id, DeviceInfo& info) {
  const auto add = [&](const char* label, std::string value) {
    info.card.emplace_back(label, std::move(value));
  };
  add("GPU", info.name);
  add("compute capability", fmt::format("{}.{}", properties.major, properties.minor));
  add("SMs", std::to_string(info.units));
  add("SM clock, highest", fmt::format("{:.0f} MHz", info.clock_hz * 1e-6));
  if (info.fma_per_clock > 0)
    add("f32 peak without tensor cores",
        fmt::format("{:.1f} TFLOP/s ({} multiply-adds per clock and SM)",
                    2e-12 * info.fma_per_clock * info.units * info.clock_hz, info.fma_per_clock));
  add("memory", fmt::format("{:.1f} GiB", info.memory_bytes / (1u << 30)));
  if (memory_hz > 0)  // two transfers a clock
    add("memory bandwidth, theoretical",
        fmt::format("{:.0f} GB/s ({} bit at {:.0f} MHz)", 2e-9 * memory_hz * bus_bits / 8, bus_bits,
                    memory_hz * 1e-6));
  add("L2 cache", fmt::format("{:g} MiB", info.llc_bytes / (1u << 20)));
  add("shared memory per SM", kibibytes(double(properties.sharedMemPerMultiprocessor)));
  add("shared memory per block", kibibytes(double(properties.sharedMemPerBlockOptin)));
  add("registers per SM", fmt::format("{} of 32 bit", properties.regsPerMultiprocessor));
  add("threads per SM", fmt::format("{} in {} warps", properties.maxThreadsPerMultiProcessor,
                                    properties.maxThreadsPerMultiProcessor / properties.warpSize));
  add("largest cluster", max_cluster > 1 ? fmt::format("{} blocks", max_cluster) : "none");
  add("driver", driver_text());
  add("CUDA runtime", runtime_text());
  for (auto& entry : nvml_card(bus_id)) info.card.push_back(std::move(entry));
  add("UUID", uuid_text(properties.uuid));
}

std::string no_device(cudaError_t error) {
  const char* mend = error == cudaErrorInsufficientDriver
                         ? "install an NVIDIA driver that supports this CUDA version"
                         : "check that nvidia-smi lists a GPU and CUDA_VISIBLE_DEVICES names one";
  return fmt::format("no CUDA device: {}; {}", cudaGetErrorString(error), mend);
}

}  // namespace

DeviceInfo cuda_device(int index) {
  RNNBENCH_CUDA(cudaSetDevice(index));
  cudaDeviceProp properties{};
  RNNBENCH_CUDA(cudaGetDeviceProperties(&properties, index));
  std::array<char, 32> bus_id{};
  RNNBENCH_CUDA(cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), index));
  DeviceInfo info;
  info.kind = Device::cuda;
  info.index = index;
  info.name = properties.name;
  info.units = properties.multiProcessorCount;
  info.cc = properties.major * 10 + properties.minor;
  info.clock_hz = 1e3 * attribute(cudaDevAttrClockRate, index);
  info.memory_bytes = static_cast<double>(properties.totalGlobalMem);
  // Weights can stay in shared memory and in registers. All of both, though no kernel has all of
  // them to spare: a floor must not be beaten.
  info.on_chip_bytes = static_cast<double>(properties.sharedMemPerBlockOptin) +
                       4.0 * properties.regsPerMultiprocessor;
  info.llc_bytes = properties.l2CacheSize;
  info.fma_per_clock = fma_per_clock(info.cc);
  fill_card(properties, attribute(cudaDevAttrGlobalMemoryBusWidth, index),
            1e3 * attribute(cudaDevAttrMemoryClockRate, index), cuda_max_cluster(), bus_id.data(),
            info);
  return info;
}

std::vector<DeviceInfo> cuda_devices(std::string& why) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    (void)cudaGetLastError();
    why = no_device(error == cudaSuccess ? cudaErrorNoDevice : error);
    return {};
  }
  std::vector<DeviceInfo> devices;
  for (int index = 0; index < count; ++index) try {
      devices.push_back(cuda_device(index));
    } catch (const Error& failure) {  // one broken device leaves the others usable
      why = fmt::format("no CUDA device: number {} does not answer: {}", index, failure.what());
    }
  return devices;
}

}  // namespace rnnbench
