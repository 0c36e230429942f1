// The parent's side of the protocol, typed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/worker_process.hpp"

namespace rnnbench {

/// What a worker says it has.
struct Description {
  std::vector<ImplInfo> impls;
  std::vector<DeviceInfo> devices;
  std::map<std::string, std::string> no_device;  // device kind: why there is none
};

/// A kernel to make in a worker.
struct MakeRequest {
  std::string impl;
  std::map<std::string, std::string> options;
  bool graph = false;
  std::string cache = "hot";
  std::vector<std::string> ranges = {};  // scenario, problem, implementation: for profilers
};

struct Made {
  double setup_s = 0;
  std::string note;
  int instances = 1;
  double covered_bytes = 0;  // by the tensors of all instances; 0 where the worker does not say
};

struct Ran {
  double wall_s = 0;
  std::string violation;  // empty: none
};

struct Timed {
  std::vector<Sample> samples;
  double empty_wait_s = 0;  // escaped_s of a call that does nothing
  int last_set = 0;
  std::string violation;
};

/// One worker process. Every call throws as WorkerProcess::ask does, and Json::exception when a
/// reply lacks what the protocol says it has.
class Remote {
 public:
  Remote(const std::vector<std::string>& argv, double timeout_s)
      : process_(argv), timeout_s_(timeout_s) {}

  Description describe();
  /// For each implementation one reason (or "") a problem.
  std::map<std::string, std::vector<std::string>> supports(const std::vector<std::string>& ids,
                                                           int index);
  std::vector<Candidate> candidates(const std::string& impl, const Problem& problem, int index,
                                    const std::map<std::string, std::string>& options);
  /// Returns at once: what is asked next waits for it, and throws what went wrong.
  void open(Device device, int index, int threads);
  /// Waits for it; what went wrong is still thrown by what is asked next. Throws Interrupted.
  void finish_opening();
  /// `last_use`: these weights will not be loaded again.
  void load(const std::string& key, const Problem& problem, const std::vector<TensorPlace>& weights,
            const std::vector<std::vector<TensorPlace>>& sets, bool last_use);
  Made make(const std::string& key, const MakeRequest& request);
  Ran run(const std::string& key, int set, bool reset, const std::vector<TensorPlace>& fetch);
  Timed time(const std::string& key, int discard, int samples, const std::string& cache,
             const std::vector<int>& sets, bool warmup);
  void fetch(const std::string& key, const std::vector<TensorPlace>& places);
  void profile(const std::string& key, const std::string& cache);
  Profile metrics(const std::string& key, const ProfileRequest& request);
  /// The metrics of a device; when empty, `why` says what is missing.
  std::vector<MetricInfo> known_metrics(Device device, int index, std::string& why);
  void drop(const std::string& key);
  std::vector<std::pair<std::string, std::string>> state();
  Peaks calibrate();
  ExchangeCosts exchange();
  /// Libraries that are opened late: name, and version or why it cannot be opened.
  std::vector<std::pair<std::string, std::string>> libraries();
  bool reference(const Problem& problem, const std::vector<TensorPlace>& in,
                 const std::vector<TensorPlace>& out);
  int pid() const { return process_.pid(); }

 private:
  Json ask(const Json& request);
  WorkerProcess process_;
  double timeout_s_;
  bool opening_ = false;
  std::exception_ptr not_opened_;
};

}  // namespace rnnbench
