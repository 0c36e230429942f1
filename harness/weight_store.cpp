#include "harness/weight_store.hpp"

#include <algorithm>
#include <utility>

#include "harness/storage.hpp"

namespace rnnbench {
namespace {

/// A case needs its weights, and kernels make copies of them.
constexpr std::size_t room_for_others = 4;

}  // namespace

const void* WeightStore::values(const TensorPlace& place, Dtype dtype) {
  const std::size_t count = place.bytes / sizeof(float);
  const std::size_t bytes = count * static_cast<std::size_t>(bytes_per_element(dtype));
  if (!session_.own_memory() && bytes == place.bytes) return nullptr;
  if (const auto id = shared_memory_id(place.path); !map_ || id != memory_) {
    kept_.clear();
    map_.emplace(place.path, place.map_bytes);
    memory_ = id;
  }
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.offset == place.offset && kept.dtype == dtype && kept.buffer.bytes() == bytes;
  });
  if (found != kept_.end()) return found->buffer.data();
  if (session_.available_bytes() < room_for_others * place.map_bytes) return nullptr;
  Kept kept{place.offset, dtype, GuardedBuffer(session_, place.name, bytes)};
  const auto* from = reinterpret_cast<const float*>(map_->data() + place.offset);
  if (bytes == place.bytes) {
    session_.copy_in(kept.buffer.data(), from, bytes);
  } else {
    std::vector<std::byte> converted(bytes);
    to_storage(dtype, from, count, converted.data());
    session_.copy_in(kept.buffer.data(), converted.data(), bytes);
  }
  return kept_.emplace_back(std::move(kept)).buffer.data();
}

}  // namespace rnnbench
