// The parts of the CUDA backend: what the session calls, each in a file of its own in impls/cuda.
#pragma once

#include <cuda_runtime.h>

#include <string>
#include <utility>
#include <vector>

#include "harness/device.hpp"

namespace rnnbench {

using LabelledValues = std::vector<std::pair<std::string, std::string>>;

/// Every CUDA device; when there is none, `why` says so and what mends it. Throws no Error.
std::vector<DeviceInfo> cuda_devices(std::string& why);
DeviceInfo cuda_device(int index);

/// Blocks in the largest cluster that the current device can launch; 1 before CC 9.
int cuda_max_cluster();

/// Copy bandwidth, GEMM rates, barrier latencies and a few costs of exchanges.
Peaks cuda_calibrate(const DeviceInfo& device, cudaStream_t stream);
/// (units, seconds per barrier), the better of a grid and a cluster barrier for each count.
std::vector<std::pair<int, double>> cuda_barriers(const DeviceInfo& device, cudaStream_t stream);

/// Costs of exchanging h between SMs, each way; `quick`: a few lines.
ExchangeCosts cuda_exchange(const DeviceInfo& device, bool quick, cudaStream_t stream);

/// Session::reference on the current device.
void cuda_reference(const Problem& p, const std::vector<const float*>& in,
                    const std::vector<double*>& out, cudaStream_t stream);

/// Session::equal: a, b aligned to 16 bytes; `differs`: an int of device memory, to be written.
bool cuda_equal(const void* a, const void* b, std::size_t bytes, int* differs, cudaStream_t stream);

/// Session::profile on device `index`, which is the current one. Throws only where it is lost.
Profile cuda_profile(int index, Kernel& call, Kernel& kernels, const ProfileRequest& request,
                     cudaStream_t stream);
/// Backend::metrics
std::vector<MetricInfo> cuda_metrics(int index, std::string& why);
/// CUPTI's version, or why it cannot be opened.
std::string cupti_state();

/// What the driver's management library tells of one device: opened at run time, empty without it.
LabelledValues nvml_card(const std::string& pci_bus_id);   // ECC, MIG, power limit
LabelledValues nvml_state(const std::string& pci_bus_id);  // clock, power, temperature, throttling
std::string nvml_driver_version();

}  // namespace rnnbench
