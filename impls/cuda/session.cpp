// The CUDA backend: one device's memory, copies, timing and graphs.
#include <fmt/format.h>

#include <array>
#include <chrono>

#include "harness/impl.hpp"
#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"
#include "impls/common/cuda_graph.cuh"
#include "impls/common/nvtx.cuh"

namespace rnnbench {
namespace {

/// A kernel's launches as one graph; everything else is the kernel's own.
class GraphKernel final : public Kernel {
 public:
  GraphKernel(Kernel& kernel, cudaStream_t stream)
      : kernel_(kernel), graph_(stream, [&] { kernel.launch(stream); }) {}

  void launch(Stream stream) override { graph_.launch(static_cast<cudaStream_t>(stream)); }
  void reset(Stream stream) override { kernel_.reset(stream); }
  std::string note() const override {
    const std::string own = kernel_.note();
    return fmt::format("{}{}graph of {} nodes", own, own.empty() ? "" : ", ", graph_.nodes());
  }

 private:
  Kernel& kernel_;
  CudaGraph graph_;
};

class CudaSession final : public Session {
 public:
  explicit CudaSession(int index) : info_(cuda_device(index)) {
    std::array<char, 32> bus_id{};
    RNNBENCH_CUDA(cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), index));
    bus_id_ = bus_id.data();
  }

  void* allocate(std::size_t bytes) override { return cuda_allocate(bytes); }
  void release(void* pointer) noexcept override { (void)cudaFree(pointer); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    RNNBENCH_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_));
    RNNBENCH_CUDA(cudaStreamSynchronize(stream_));
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    RNNBENCH_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_));
    RNNBENCH_CUDA(cudaStreamSynchronize(stream_));
  }
  void copy_on_device(void* to, const void* from, std::size_t bytes) override {
    RNNBENCH_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
  }
  bool equal(const void* a, const void* b, std::size_t bytes) override {
    return cuda_equal(a, b, bytes, differs_.get(), stream_);
  }
  bool own_memory() const override { return true; }
  void fill(void* device, unsigned char byte, std::size_t bytes) override {
    RNNBENCH_CUDA(cudaMemsetAsync(device, byte, bytes, stream_));
  }
  Stream stream() override { return static_cast<cudaStream_t>(stream_); }
  void synchronize() override { RNNBENCH_CUDA(cudaDeviceSynchronize()); }

  Sample time(Kernel& kernel) override {
    using Clock = std::chrono::steady_clock;
    RNNBENCH_CUDA(cudaDeviceSynchronize());
    const auto start = Clock::now();
    RNNBENCH_CUDA(cudaEventRecord(start_, stream_));
    kernel.launch(stream());
    RNNBENCH_CUDA(cudaEventRecord(stop_, stream_));
    RNNBENCH_CUDA(cudaEventSynchronize(stop_));
    const auto stream_done = Clock::now();
    RNNBENCH_CUDA(cudaDeviceSynchronize());
    const auto all_done = Clock::now();
    return {.device_s = seconds_between(start_, stop_),
            .wall_s = std::chrono::duration<double>(all_done - start).count(),
            .escaped_s = std::chrono::duration<double>(all_done - stream_done).count()};
  }

  std::unique_ptr<Kernel> record(Kernel& kernel) override {
    return std::make_unique<GraphKernel>(kernel, stream_);
  }
  std::size_t llc_bytes() const override { return static_cast<std::size_t>(info_.llc_bytes); }
  std::size_t available_bytes() const override {
    std::size_t available = 0, total = 0;
    RNNBENCH_CUDA(cudaMemGetInfo(&available, &total));
    return available;
  }
  Peaks calibrate() override { return cuda_calibrate(info_, stream_); }
  ExchangeCosts exchange() override { return cuda_exchange(info_, false, stream_); }
  LabelledValues state() override { return nvml_state(bus_id_); }
  Profile profile(Kernel& call, Kernel& kernels, const ProfileRequest& request) override {
    return cuda_profile(info_.index, call, kernels, request, stream_);
  }
  void begin_range(const std::string& name) override { nvtx_push(name.c_str()); }
  void end_range() noexcept override { nvtxDomainRangePop(nvtx_domain()); }
  bool reference(const Problem& p, const std::vector<const float*>& in,
                 const std::vector<double*>& out) override {
    cuda_reference(p, in, out, stream_);
    return true;
  }

 private:
  DeviceInfo info_;
  std::string bus_id_;
  CudaStream stream_;
  CudaEvent start_, stop_;
  DeviceArray<int> differs_{1};
};

std::unique_ptr<Session> open_session(const SessionOptions& options) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::string why;
    cuda_devices(why);
    throw Error(why);
  }
  if (options.index < 0 || options.index >= count)
    throw UsageError(fmt::format("there is no device cuda:{}: {} found", options.index, count));
  return std::make_unique<CudaSession>(options.index);
}

RNNBENCH_BACKEND(
    {.kind = Device::cuda, .list = cuda_devices, .open = open_session, .metrics = cuda_metrics});

}  // namespace
}  // namespace rnnbench
