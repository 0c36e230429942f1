// What reading the counters of kernels needs of CUPTI, so that a test can stand in for it. No CUDA
// header here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "impls/cuda/cupti/plan.hpp"

namespace rnnbench::cupti {

/// Counters collected pass by pass. Between start and stop each kernel launch is a range, named by
/// consecutive numbers; a launch that is replayed alone has all passes in one.
class Session {
 public:
  virtual ~Session() = default;
  virtual int passes() const = 0;
  virtual void start() = 0;
  virtual bool stop() = 0;           // ends a pass: whether it was the last
  virtual std::size_t decode() = 0;  // how many ranges were collected
  virtual std::string name(std::size_t range) const = 0;
  virtual std::vector<double> values(std::size_t range) = 0;  // NaN where there is none
  virtual void clear() = 0;                                   // for the next ranges
  virtual void restart() = 0;  // from the first pass, with nothing collected
};

/// Told of each kernel launch, around it. May throw: what was being done then ends with that.
class LaunchHooks {
 public:
  virtual ~LaunchHooks() = default;
  virtual void enter(const char* symbol) = 0;  // null: it has no name
  virtual void leave() = 0;
};

class Profiler {
 public:
  virtual ~Profiler() = default;
  virtual int passes_of(const std::vector<std::string>& names) = 0;  // 0: cannot be collected
  virtual std::unique_ptr<Session> open(const std::vector<std::string>& names, Way way,
                                        std::size_t most_ranges) = 0;
  virtual void observe(LaunchHooks& hooks, const std::function<void()>& work) = 0;
  virtual void synchronize() = 0;
  /// Does it: empty, or why that failed. Throws only where the device is lost.
  virtual std::string attempt(const std::function<void()>& work) = 0;
};

}  // namespace rnnbench::cupti
