#include "harness/served_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "harness/named_range.hpp"
#include "harness/statistics.hpp"
#include "harness/storage.hpp"

namespace rnnbench {
namespace {

/// Instances that `rotate` makes at most: each costs a kernel, and a graph of it.
constexpr std::size_t max_instances = 512;
constexpr double longest_making_s = 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

CacheMode parse_cache_mode(const std::string& text) {
  if (text == "hot") return CacheMode::hot;
  if (text == "cold") return CacheMode::cold;
  if (text == "rotate") return CacheMode::rotate;
  throw UsageError(fmt::format("cache mode '{}' is not known: expected hot, cold or rotate", text));
}

ServedCase::ServedCase(Session& session, WeightStore& store, const Problem& problem,
                       const std::vector<TensorPlace>& weights,
                       const std::vector<std::vector<TensorPlace>>& sets, bool last_use)
    : session_(session),
      store_(store),
      problem_(problem),
      weights_(weights),
      sets_(sets),
      last_use_(last_use) {
  if (!weights_.empty()) store_.expect(weights_.front().path);
  instances_.emplace_back(session_, problem_);
  load_weights(instances_.front());
  for (const auto& set : sets_) {
    auto& buffers = set_buffers_.emplace_back();
    for (const auto& place : set) {
      auto& buffer = buffers.emplace_back(session_, place.name, stored_bytes(place));
      copy_in(buffer, place);
    }
  }
  use_set(instances_.front(), 0);
}

SharedMemory& ServedCase::mapped(const TensorPlace& place) {
  if (place.offset + place.bytes > place.map_bytes)
    throw Error(fmt::format("tensor {} lies outside its shared memory", place.name));
  const auto found = std::find(map_paths_.begin(), map_paths_.end(), place.path);
  if (found != map_paths_.end()) return maps_[static_cast<std::size_t>(found - map_paths_.begin())];
  maps_.emplace_back(place.path, place.map_bytes);
  map_paths_.push_back(place.path);
  return maps_.back();
}

std::size_t ServedCase::stored_bytes(const TensorPlace& place) const {
  return place.bytes / sizeof(float) * static_cast<std::size_t>(bytes_per_element(problem_.dtype));
}

/// A place's values, f32 in shared memory, in the storage type.
std::vector<std::byte> ServedCase::stored(const TensorPlace& place) {
  std::vector<std::byte> bytes(stored_bytes(place));
  const auto* values = reinterpret_cast<const float*>(mapped(place).data() + place.offset);
  to_storage(problem_.dtype, values, place.bytes / sizeof(float), bytes.data());
  return bytes;
}

void ServedCase::copy_in(GuardedBuffer& buffer, const TensorPlace& place) {
  const auto* values = reinterpret_cast<const float*>(mapped(place).data() + place.offset);
  copy_values_in(session_, buffer.data(), values, place.bytes / sizeof(float), problem_.dtype);
}

void ServedCase::load_weights(Instance& instance) {
  for (const auto& place : weights_) {
    auto& buffer = instance.buffer(place.name);
    if (buffer.bytes() != stored_bytes(place))
      throw Error(fmt::format("tensor {} has {} bytes where {} needs {}", place.name,
                              stored_bytes(place), id(problem_), buffer.bytes()));
    if (const void* kept = store_.values(place, problem_.dtype))
      session_.copy_on_device(buffer.data(), kept, buffer.bytes());
    else
      copy_in(buffer, place);
  }
}

void ServedCase::use_set(Instance& instance, int set) {
  for (auto& buffer : set_buffers_.at(static_cast<std::size_t>(set)))
    session_.copy_on_device(instance.buffer(buffer.name()).data(), buffer.data(), buffer.bytes());
}

void ServedCase::make(const Impl& impl, const Options& options, bool graph, CacheMode cache,
                      std::vector<std::string> ranges) {
  ranges_ = std::move(ranges);
  const CallRanges open(session_, ranges_, "make");
  const auto start = std::chrono::steady_clock::now();
  const std::size_t before = session_.available_bytes();
  session_.synchronize();
  instances_.front().make(impl, options, graph);
  session_.synchronize();
  if (cache != CacheMode::rotate) return;
  // A kernel's own memory (workspaces, copies of weights) counts too: at most half of what is left.
  const std::size_t bytes = instances_.front().bytes(), after = session_.available_bytes();
  const std::size_t each = bytes + (before > after ? before - after : 0);
  const std::size_t wanted = 2 * session_.llc_bytes() / bytes + 2;
  const std::size_t most = std::min({wanted, max_instances, 1 + after / 2 / each});
  while (instances_.size() < most && seconds_since(start) < longest_making_s) {
    instances_.emplace_back(session_, problem_);
    load_weights(instances_.back());
    use_set(instances_.back(), 0);
    session_.synchronize();
    instances_.back().make(impl, options, graph);
  }
  session_.synchronize();
}

std::string ServedCase::complaint() const {
  for (const Instance& instance : instances_)
    if (std::string text = instance.complaint(); !text.empty()) return text;
  return {};
}

std::optional<std::string> ServedCase::run(int set, bool reset,
                                           const std::vector<TensorPlace>& fetched,
                                           double& wall_s) {
  Instance& instance = instances_.front();
  last_instance_ = 0;
  use_set(instance, set);
  instance.poison_outputs();
  if (reset) instance.reset_state();
  session_.synchronize();
  {
    const CallRanges open(session_, ranges_, "verify");
    const auto start = std::chrono::steady_clock::now();
    instance.kernel().launch(session_.stream());
    session_.synchronize();
    wall_s = seconds_since(start);
  }
  // Fetched at once: a kernel that returns before its work is done has not got the time to finish.
  fetch(fetched);
  if (auto found = violation()) return found;
  // Weights can be gigabytes: they are compared after the first call of a kernel.
  const bool weights_too = !std::exchange(weights_checked_, true);
  return changed_input(set, weights_too);
}

std::optional<std::string> ServedCase::changed_input(int set, bool weights_too) {
  Instance& instance = instances_.front();
  std::vector<std::byte> now;
  const auto check = [&](const TensorPlace& place) {
    now.resize(stored_bytes(place));
    session_.copy_out(now.data(), instance.buffer(place.name).data(), now.size());
    if (now.size() != place.bytes) return now == stored(place);
    return std::memcmp(now.data(), mapped(place).data() + place.offset, place.bytes) == 0;
  };
  // A device compares with its own copy of the set: inputs of long sequences are large.
  for (auto& kept : set_buffers_.at(static_cast<std::size_t>(set)))
    if (!session_.equal(instance.buffer(kept.name()).data(), kept.data(), kept.bytes()))
      return fmt::format("changed its input {}", kept.name());
  if (!weights_too) return std::nullopt;
  for (const auto& place : weights_) {
    const void* kept = store_.values(place, problem_.dtype);
    auto& buffer = instance.buffer(place.name);
    if (kept ? !session_.equal(buffer.data(), kept, buffer.bytes()) : !check(place))
      return fmt::format("changed its weights {}", place.name);
  }
  if (last_use_) store_.clear();
  return std::nullopt;
}

/// What goes before a timed call, and is not part of it.
void ServedCase::prepare(Instance& instance, int set) {
  use_set(instance, set);
  instance.poison_outputs();
  // Each timed call of a stateful problem is a first one, so that its outputs can be checked.
  if (problem_.stateful) instance.reset_state();
}

void ServedCase::flush() {
  const std::size_t bytes = 2 * session_.llc_bytes();
  if (!flush_) flush_.emplace(session_, "cache flush", bytes);
  session_.fill(flush_->data(), 0x3C, bytes);
}

double ServedCase::empty_wait_s() {
  struct Nothing final : Kernel {
    void launch(Stream) override {}
  } nothing;
  std::vector<double> waits;
  for (int k = 0; k < 5; ++k) {
    waits.push_back(session_.time(nothing).escaped_s);
  }
  return median(waits);
}

std::vector<Sample> ServedCase::time(const TimeRequest& request, int& last_set) {
  const std::size_t count = instances_.size();
  // The series goes on where the one before ended, so that short ones go round all instances too.
  const std::size_t begin = next_call_;
  const auto set_of = [&](std::size_t call) {
    return request.sets[(call - begin) % request.sets.size()];
  };
  const auto prepare_call = [&](std::size_t call) {
    prepare(instances_[call % count], set_of(call));
  };
  // With several instances the inputs of one are written half a round ahead, so that this does not
  // bring them into the cache that `rotate` means to keep them out of.
  const std::size_t ahead = count / 2;
  std::vector<Sample> samples;
  const auto discard = static_cast<std::size_t>(request.discard);
  const auto end = begin + discard + static_cast<std::size_t>(request.samples);
  for (std::size_t call = begin; call < std::min(begin + ahead, end); ++call) prepare_call(call);
  const char* const stage = request.warmup ? "warmup" : "measure";
  std::optional<CallRanges> open;
  open.emplace(session_, ranges_, discard > 0 ? "warmup" : stage);
  for (std::size_t call = begin; call < end; ++call) {
    if (discard > 0 && call == begin + discard) {
      open.reset();
      open.emplace(session_, ranges_, stage);
    }
    if (call + ahead < end) prepare_call(call + ahead);
    if (request.cache == CacheMode::cold) flush();
    const Sample sample = session_.time(instances_[call % count].kernel());
    if (call >= begin + discard) samples.push_back(sample);
  }
  next_call_ = end;
  last_instance_ = (end - 1) % count;
  last_set = set_of(end - 1);
  return samples;
}

std::optional<std::string> ServedCase::violation() const {
  for (const auto& instance : instances_)
    if (auto found = instance.violation()) return found;
  for (const auto& set : set_buffers_)  // what inputs are compared with
    for (const auto& kept : set)
      if (auto found = kept.violation()) return found;
  return std::nullopt;
}

void ServedCase::fetch(const std::vector<TensorPlace>& places) {
  for (const auto& place : places) {
    auto& buffer = instances_[last_instance_].buffer(place.name);
    if (buffer.bytes() != stored_bytes(place))
      throw Error(fmt::format("fetching {}: {} bytes asked for, it has {}", place.name,
                              stored_bytes(place), buffer.bytes()));
    auto* to = mapped(place).data() + place.offset;
    if (buffer.bytes() == place.bytes) {
      session_.copy_out(to, buffer.data(), place.bytes);
      continue;
    }
    std::vector<std::byte> bytes(buffer.bytes());
    session_.copy_out(bytes.data(), buffer.data(), bytes.size());
    from_storage(problem_.dtype, bytes.data(), place.bytes / sizeof(float),
                 reinterpret_cast<float*>(to));
  }
}

Profile ServedCase::metrics(const ProfileRequest& request) {
  Instance& instance = instances_.front();
  use_set(instance, 0);
  instance.reset_state();
  session_.synchronize();
  const CallRanges open(session_, ranges_, "metrics");
  return session_.profile(instance.kernel(), instance.recorded(), request);
}

void ServedCase::profile(CacheMode cache) {
  Instance& instance = instances_[next_call_ % instances_.size()];
  // After warm-up calls, and with several instances, there are inputs. Written again they would be
  // in the cache, and modified, and the counters would have the traffic of that in them.
  if (next_call_ == 0 && instances_.size() == 1) prepare(instance, 0);
  if (problem_.stateful) instance.reset_state();
  if (cache == CacheMode::cold) flush();
  session_.synchronize();
  const CallRanges open(session_, ranges_, "profile");
  instance.kernel().launch(session_.stream());
  session_.synchronize();
}

}  // namespace rnnbench
