#include "harness/weight_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/storage.hpp"

namespace rnnbench {
namespace {

/// As many workers as a problem may have, each with its weights and copies that kernels make.
constexpr std::size_t room_for_others = 32;

}  // namespace

void copy_values_in(Session& session, void* to, const float* from, std::size_t count, Dtype dtype) {
  const std::size_t bytes = count * static_cast<std::size_t>(bytes_per_element(dtype));
  if (bytes == count * sizeof(float)) return session.copy_in(to, from, bytes);
  std::vector<std::byte> converted(bytes);
  to_storage(dtype, from, count, converted.data());
  session.copy_in(to, converted.data(), bytes);
}

void WeightStore::clear() {
  kept_.clear();
  map_.reset();
}

void WeightStore::expect(const std::string& path) {
  if (map_ && shared_memory_id(path) != memory_) clear();
}

const void* WeightStore::values(const TensorPlace& place, Dtype dtype) {
  const std::size_t count = place.bytes / sizeof(float);
  const std::size_t bytes = count * static_cast<std::size_t>(bytes_per_element(dtype));
  if (!session_.own_memory() && bytes == place.bytes) return nullptr;
  expect(place.path);
  if (!map_) {
    memory_ = shared_memory_id(place.path);
    map_.emplace(place.path, place.map_bytes);
  }
  if (place.offset + place.bytes > map_->size())
    throw Error(fmt::format("tensor {} lies outside its shared memory", place.name));
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.offset == place.offset && kept.dtype == dtype && kept.buffer.bytes() == bytes;
  });
  if (found != kept_.end()) return found->buffer.data();
  if (session_.available_bytes() < room_for_others * place.map_bytes) return nullptr;
  Kept kept{place.offset, dtype, GuardedBuffer(session_, place.name, bytes)};
  const auto* from = reinterpret_cast<const float*>(map_->data() + place.offset);
  copy_values_in(session_, kept.buffer.data(), from, count, dtype);
  return kept_.emplace_back(std::move(kept)).buffer.data();
}

}  // namespace rnnbench
