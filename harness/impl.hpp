// The interface of an implementation, and the one line that registers it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/device.hpp"
#include "harness/error.hpp"
#include "harness/problem.hpp"
#include "harness/tensor.hpp"

namespace rnnbench {

/// An implementation bound to its tensors. Made once, launched many times.
struct Kernel {
  virtual ~Kernel() = default;
  /// Enqueues one whole forward call on `stream` (on a CPU: does it). No allocation, no
  /// synchronisation; reads x, h_0, c_0 and writes every wanted output.
  virtual void launch(Stream stream) = 0;
  /// Stateful problems: the next launch starts from h_0 (and c_0) again. Each launch after it
  /// starts from the state that the one before left.
  virtual void reset(Stream) {}
  /// One line of what it chose (tile, algorithm, threads), for the result; may be empty.
  virtual std::string note() const { return {}; }
  /// After a launch that failed: what the kernel knows of it that the device does not say, in one
  /// line; may be empty.
  virtual std::string complaint() const { return {}; }
};

struct Options {
  int threads = 0;                          // CPU threads; 0: as the library chooses
  std::map<std::string, std::string> more;  // --option name=value, for the implementation to read
};

/// Why not, in one line; nothing when the problem can be run.
using Reason = std::optional<std::string>;

/// One way to run a problem that `rnnbench tune` may choose; docs/tuning.md.
struct Candidate {
  std::string config;  // a word without spaces, such as "64x16x32-w8-s2": handed to `make` as
                       // options.more["config"], which throws UsageError for one it does not have
  std::string why;     // what speaks for it, in a few words
};
/// More would be a search, which finds what was fastest by chance.
inline constexpr std::size_t most_candidates = 4;

struct Impl {
  std::string name;  // "blas"; shown as "cpu:blas"
  Device device = Device::cpu;
  std::string summary;
  bool peer = false;          // somebody else's library, to compare with
  bool deterministic = true;  // repeats agree bit for bit
  Reason (*unsupported)(const Problem&, const DeviceInfo&) = nullptr;  // null: takes everything
  std::unique_ptr<Kernel> (*make)(const Problem&, const Tensors&, const Options&) = nullptr;
  /// At most `most_candidates`, the first of them what `make` picks of itself with such options,
  /// and the conservative one always among them. Null: nothing to choose.
  std::vector<Candidate> (*candidates)(const Problem&, const DeviceInfo&, const Options&) = nullptr;
};

inline std::string full_name(const Impl& impl) {
  return std::string(name(impl.device)) + ":" + impl.name;
}

/// All implementations and backends that loaded libraries have registered.
class Registry {
 public:
  static Registry& instance();
  void add(Impl impl);  // throws Error on a second one of the same name
  void add(Backend backend);
  void add(LateLibrary library);
  const std::vector<Impl>& impls() const { return impls_; }
  const std::vector<Backend>& backends() const { return backends_; }
  const std::vector<LateLibrary>& libraries() const { return libraries_; }
  const Impl* find(std::string_view full_name) const;
  const Backend* backend(Device kind) const;

 private:
  std::vector<Impl> impls_;
  std::vector<Backend> backends_;
  std::vector<LateLibrary> libraries_;
};

struct Registration {
  template <class T>
  explicit Registration(T&& entry) {
    Registry::instance().add(std::forward<T>(entry));
  }
};

}  // namespace rnnbench

#define RNNBENCH_JOIN_(a, b) a##b
#define RNNBENCH_JOIN(a, b) RNNBENCH_JOIN_(a, b)
/// At namespace scope: RNNBENCH_IMPL({.name = "mine", .device = Device::cpu, ..., .make = ...});
#define RNNBENCH_IMPL(...)                                           \
  static const ::rnnbench::Registration RNNBENCH_JOIN(registration_, \
                                                      __LINE__)(::rnnbench::Impl __VA_ARGS__)
#define RNNBENCH_BACKEND(...)                                        \
  static const ::rnnbench::Registration RNNBENCH_JOIN(registration_, \
                                                      __LINE__)(::rnnbench::Backend __VA_ARGS__)
#define RNNBENCH_LATE_LIBRARY(...)                     \
  static const ::rnnbench::Registration RNNBENCH_JOIN( \
      registration_, __LINE__)(::rnnbench::LateLibrary __VA_ARGS__)
