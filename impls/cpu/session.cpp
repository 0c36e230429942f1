// The CPU backend: memory is memory, a stream is nothing, and a call is over when it returns.
#include <cblas.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "harness/impl.hpp"
#include "impls/common/cpu_backend.hpp"
#include "impls/common/perf_counters.hpp"
#include "impls/common/scratch.hpp"
#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

constexpr const char* callgrind = "callgrind";

std::vector<MetricInfo> cpu_metrics(int, std::string&) {
  auto all = perf_counters();
  all.push_back({callgrind, "instructions of all threads, counted by valgrind in a process apart"});
  return all;
}

class CpuSession final : public Session {
 public:
  explicit CpuSession(const SessionOptions& options)
      : info_(cpu_device()), threads_(options.threads > 0 ? options.threads : usable_cores()) {
    if (options.index != 0)
      throw Error("CPU " + std::to_string(options.index) + " is not there: all cores are device 0");
    openblas_set_num_threads(threads_);
  }

  void* allocate(std::size_t bytes) override { return allocate_aligned(bytes, 256); }
  void release(void* pointer) noexcept override { std::free(pointer); }
  void copy_in(void* device, const void* host, std::size_t bytes) override {
    copy(device, host, bytes);
  }
  void copy_out(void* host, const void* device, std::size_t bytes) override {
    copy(host, device, bytes);
  }
  void copy_on_device(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  bool equal(const void* a, const void* b, std::size_t bytes) override {
    return bytes == 0 || std::memcmp(a, b, bytes) == 0;
  }
  bool own_memory() const override { return false; }
  void fill(void* device, unsigned char byte, std::size_t bytes) override {
    if (bytes < (16u << 20)) {
      if (bytes) std::memset(device, byte, bytes);
      return;
    }
    // By all threads where it is much: what each core has in a cache of its own has to go too.
    const std::size_t piece = bytes / static_cast<std::size_t>(threads_) + 1;
    Team(threads_).run([&](int rank) {
      const std::size_t at = std::min(bytes, piece * static_cast<std::size_t>(rank));
      std::memset(static_cast<char*>(device) + at, byte, std::min(piece, bytes - at));
    });
  }
  Stream stream() override { return nullptr; }
  void synchronize() override {}

  Sample time(Kernel& kernel) override {
    const auto start = std::chrono::steady_clock::now();
    kernel.launch(nullptr);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return {took.count(), took.count()};
  }

  std::unique_ptr<Kernel> record(Kernel&) override {
    throw Error("a CPU has no graphs: leave out --graph, or choose a CUDA device");
  }

  std::size_t llc_bytes() const override { return static_cast<std::size_t>(info_.llc_bytes); }
  std::size_t available_bytes() const override {
    return static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) *
           static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  }
  Peaks calibrate() override { return cpu_calibrate(info_, threads_); }
  std::vector<std::pair<std::string, std::string>> state() override { return cpu_state(); }
  Profile profile(Kernel& call, Kernel&, const ProfileRequest& request) override {
    const auto start = std::chrono::steady_clock::now();
    const auto forward = [&call] { call.launch(nullptr); };
    Profile profile;
    profile.kernels_why = "a CPU call has no kernels: see the region";
    profile.timeline_why = "a CPU's counters are not read over time: see the region";
    auto events = request.metrics;
    const auto instructions = std::remove(events.begin(), events.end(), callgrind);
    const bool by_callgrind = instructions != events.end();
    events.erase(instructions, events.end());
    // Half: counters that found no time are then left out with a reason, rather than overrun it.
    if (!events.empty()) {
      PerfCounts counts = count_events(forward, events, request.budget_s / 2, system_perf_api());
      profile.region = std::move(counts.metrics);
      profile.warnings = std::move(counts.warnings);
    }
    if (by_callgrind) profile.region[callgrind] = collect_callgrind(forward);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    profile.spent_s = spent.count();
    return profile;
  }
  void begin_range(const std::string&) override {}
  void end_range() noexcept override {}
  bool reference(const Problem&, const std::vector<const float*>&,
                 const std::vector<double*>&) override {
    return false;  // the engine's own float64 reference runs on the same cores
  }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes) std::memcpy(to, from, bytes);
  }

  const DeviceInfo info_;
  const int threads_;
};

RNNBENCH_BACKEND({.kind = Device::cpu,
                  .list = [](std::string&) -> std::vector<DeviceInfo> { return {cpu_device()}; },
                  .open = [](const SessionOptions& options) -> std::unique_ptr<Session> {
                    return std::make_unique<CpuSession>(options);
                  },
                  .metrics = cpu_metrics});

}  // namespace
}  // namespace rnnbench
