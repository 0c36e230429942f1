// What the engine needs of a kind of device, and what it knows about one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/exchange.hpp"
#include "harness/metrics.hpp"
#include "harness/tensor.hpp"

namespace rnnbench {

enum class Device { cpu, cuda };
std::string_view name(Device device);

/// Facts about one device: the numbers the floor model reads and the card that `doctor` prints.
struct DeviceInfo {
  Device kind = Device::cpu;
  int index = 0;
  std::string name;     // "NVIDIA H200", "AMD EPYC"
  int units = 0;        // SMs or cores the process may use
  int cc = 0;           // compute capability * 10 (90 for 9.0), 0 on a CPU
  double clock_hz = 0;  // highest clock the device reports, 0 where it does not
  double memory_bytes = 0;
  double on_chip_bytes = 0;  // per unit: what can hold weights between steps
  double llc_bytes = 0;      // last cache level, whole device
  double fma_per_clock = 0;  // f32 multiply-adds per clock and unit, 0 where unknown
  std::vector<std::pair<std::string, std::string>> card;  // label, value: in printing order

  bool operator==(const DeviceInfo&) const = default;
};

/// Ceilings measured on this machine.
struct Peaks {
  double copy_bytes_per_s = 0;                     // read + written
  std::map<std::string, double> gemm_flops_per_s;  // by dtype name
  std::vector<std::pair<int, double>> exchange_s;  // units taking part, seconds per barrier
  std::string how;                                 // one line: what was run
  ExchangeCosts exchange;  // a few lines of Session::exchange; none where an older one measured

  bool operator==(const Peaks&) const = default;
};

using Stream = void*;  // a cudaStream_t on a GPU, null on a CPU

struct Kernel;

/// One timed call, in seconds.
struct Sample {
  double device_s = 0;   // CUDA events on a GPU, the steady clock on a CPU
  double wall_s = 0;     // steady clock around call and device-wide synchronisation
  double escaped_s = 0;  // how much longer the device worked after the call's own stream was done
};

/// An opened device: memory, copies, timing. All calls throw Error; none is thread-safe.
class Session {
 public:
  virtual ~Session() = default;
  virtual void* allocate(std::size_t bytes) = 0;  // aligned to 256; throws when memory is short
  virtual void release(void* pointer) noexcept = 0;
  virtual void copy_in(void* device, const void* host, std::size_t bytes) = 0;     // synchronous
  virtual void copy_out(void* host, const void* device, std::size_t bytes) = 0;    // synchronous
  virtual void copy_on_device(void* to, const void* from, std::size_t bytes) = 0;  // on the stream
  /// Whether two places on the device hold the same bytes; synchronous.
  virtual bool equal(const void* a, const void* b, std::size_t bytes) = 0;
  virtual bool own_memory() const = 0;  // other than the host's: copies cross a bus
  virtual void fill(void* device, unsigned char byte, std::size_t bytes) = 0;  // on the stream
  virtual Stream stream() = 0;
  virtual void synchronize() = 0;  // the whole device: finds work on other streams too; throws on a
                                   // sticky error
  virtual Sample time(Kernel& kernel) = 0;  // one launch, synchronised before and after
  /// The kernel's launches recorded as one graph; throws Error where the device has no graphs.
  /// The kernel must outlive what is returned.
  virtual std::unique_ptr<Kernel> record(Kernel& kernel) = 0;
  virtual std::size_t llc_bytes() const = 0;
  virtual std::size_t available_bytes() const = 0;  // memory that can still be allocated
  virtual Peaks calibrate() = 0;
  /// What it costs to exchange h between the device's units, each way; nothing where the device has
  /// no ways to choose among.
  virtual ExchangeCosts exchange() { return {}; }
  /// Clock, power and throttling right now as label/value pairs; empty where unknown.
  virtual std::vector<std::pair<std::string, std::string>> state() = 0;
  /// Counters of one forward call by `call`, and of the kernels of one by `kernels`: the same, or
  /// where `call` is a graph what it was recorded from. Both are launched as often as it takes, and
  /// no time in the profile is a result. What cannot be read has its reason.
  virtual Profile profile(Kernel& call, Kernel& kernels, const ProfileRequest& request) = 0;
  /// Names for what follows on an outside profiler's timeline; nested. Use CallRanges.
  virtual void begin_range(const std::string& name) = 0;
  virtual void end_range() noexcept = 0;
  /// Float64 reference on the device (see reference.hpp); false where there is none.
  /// `in`: f32 host arrays of the inputs and weights in spec order; `out`: f64 host arrays of all
  /// outputs in spec order, to be filled.
  virtual bool reference(const Problem& p, const std::vector<const float*>& in,
                         const std::vector<double*>& out) = 0;
};

struct SessionOptions {
  int index = 0;
  int threads = 0;  // CPU: 0 for all cores the process may use
};

/// A kind of device, registered by the library that knows it.
struct Backend {
  Device kind = Device::cpu;
  /// Devices found; when empty, `why` says in one line what is missing ("no CUDA device: ...").
  std::vector<DeviceInfo> (*list)(std::string& why) = nullptr;
  std::unique_ptr<Session> (*open)(const SessionOptions& options) = nullptr;
  /// The metrics that device `index` has; when empty, `why` says what is missing. Null: none.
  std::vector<MetricInfo> (*metrics)(int index, std::string& why) = nullptr;
};

/// A library that a module opens only when it is needed, registered by that module for `doctor`.
struct LateLibrary {
  std::string name;  // "cuDNN"
  /// Opens it: its version, or why that fails and what mends it, in one line. Needs no device.
  std::string (*state)() = nullptr;
};

}  // namespace rnnbench
