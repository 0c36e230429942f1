// Weights that a worker keeps on its device from case to case.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/instance.hpp"
#include "harness/protocol.hpp"
#include "harness/shared_memory.hpp"

namespace rnnbench {

/// `count` f32 values of the host to `to` on the device, in the storage type of `dtype`.
void copy_values_in(Session& session, void* to, const float* from, std::size_t count, Dtype dtype);

/// Verifying loads one problem's weights many times: for each twin, for the full length, for what
/// is timed. They can be gigabytes, so they cross the bus once, are converted once, and are copied
/// and compared on the device from then on. Holds the weights of one problem, and none while its
/// kernel is timed: every implementation has a worker of its own with a store like this.
class WeightStore {
 public:
  explicit WeightStore(Session& session) : session_(session) {}

  /// Frees what is of other shared memory than `path`, before room is made for what is there.
  void expect(const std::string& path);
  void clear();
  /// The values of `place` on the device, in the storage type; valid until weights in other shared
  /// memory are asked for. Null where keeping them is of no use (the host's own memory, no
  /// conversion) or would leave the device short of memory. Throws Error where `place` is wrong.
  const void* values(const TensorPlace& place, Dtype dtype);

 private:
  struct Kept {
    std::size_t offset;
    Dtype dtype;
    GuardedBuffer buffer;
  };
  Session& session_;
  std::uint64_t memory_ = 0;         // which shared memory
  std::optional<SharedMemory> map_;  // held, so that no other gets the same number
  std::vector<Kept> kept_;
};

}  // namespace rnnbench
