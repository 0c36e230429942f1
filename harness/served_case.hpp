// One case inside a worker: its instances, its input sets, and how they are run and timed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/instance.hpp"
#include "harness/protocol.hpp"
#include "harness/shared_memory.hpp"
#include "harness/weight_store.hpp"

namespace rnnbench {

enum class CacheMode { hot, cold, rotate };
CacheMode parse_cache_mode(const std::string& text);

/// How one series of calls is timed.
struct TimeRequest {
  int discard = 1;
  int samples = 1;
  CacheMode cache = CacheMode::hot;
  std::vector<int> sets;  // input sets to go through, one a call
  bool warmup = false;    // what these calls are called on a profiler's timeline
};

class ServedCase {
 public:
  /// `weights`: one place per weight; `sets`: for each input set one place per input tensor.
  /// `last_use`: nobody loads these weights after this case, so `store` need not keep them.
  ServedCase(Session& session, WeightStore& store, const Problem& problem,
             const std::vector<TensorPlace>& weights,
             const std::vector<std::vector<TensorPlace>>& sets, bool last_use);

  /// Makes the kernel; with `rotate`, as many instances as cover twice the last cache level.
  /// `ranges`: what a profiler shows its calls under, the outermost first.
  void make(const Impl& impl, const Options& options, bool graph, CacheMode cache,
            std::vector<std::string> ranges);
  std::string note() const { return instances_.front().note(); }
  /// The first one that a kernel of this case has; see Kernel::complaint.
  std::string complaint() const;
  std::size_t instance_count() const { return instances_.size(); }
  /// Bytes of all instances' tensors.
  std::size_t covered_bytes() const { return instances_.size() * instances_.front().bytes(); }

  /// One checked call on input set `set`: outputs poisoned before, zones and inputs checked after.
  /// Returns what was violated; fills `wall_s`.
  std::optional<std::string> run(int set, bool reset, const std::vector<TensorPlace>& fetch,
                                 double& wall_s);
  /// Sample::escaped_s of a call that does nothing: median of a few.
  double empty_wait_s();
  /// Timed calls; `last_set` is the set whose outputs are in place afterwards.
  std::vector<Sample> time(const TimeRequest& request, int& last_set);
  std::optional<std::string> violation() const;
  void fetch(const std::vector<TensorPlace>& places);
  /// For outside profilers: one call as the next timed one would find the device, nothing else.
  void profile(CacheMode cache);
  /// Counters, in calls after those that were timed.
  Profile metrics(const ProfileRequest& request);

 private:
  void load_weights(Instance& instance);
  void use_set(Instance& instance, int set);
  std::optional<std::string> changed_input(int set, bool weights_too);
  std::size_t stored_bytes(const TensorPlace& place) const;
  std::vector<std::byte> stored(const TensorPlace& place);
  void copy_in(GuardedBuffer& buffer, const TensorPlace& place);
  void prepare(Instance& instance, int set);
  void flush();
  SharedMemory& mapped(const TensorPlace& place);

  Session& session_;
  WeightStore& store_;
  Problem problem_;
  std::vector<TensorPlace> weights_;
  std::vector<std::vector<TensorPlace>> sets_;
  std::vector<SharedMemory> maps_;
  std::vector<std::string> map_paths_;
  std::vector<std::vector<GuardedBuffer>> set_buffers_;  // [set][input], on the device
  std::vector<Instance> instances_;
  std::optional<GuardedBuffer> flush_;
  std::size_t last_instance_ = 0;
  std::size_t next_call_ = 0;
  bool weights_checked_ = false;
  std::vector<std::string> ranges_;
  bool last_use_;
};

}  // namespace rnnbench
