#include "harness/problem_data.hpp"

#include <algorithm>
#include <cstring>

#include "harness/error.hpp"
#include "harness/parallel.hpp"

namespace rnnbench {
namespace {

/// Lays tensors out in one piece of shared memory, each on a boundary of 256 bytes.
class Layouter {
 public:
  TensorPlace add(const TensorSpec& spec) {
    TensorPlace place;
    place.name = spec.name;
    place.shape = spec.shape;
    place.offset = used_;
    place.bytes = spec.elements() * sizeof(float);
    used_ += (place.bytes + 255) / 256 * 256;
    return place;
  }
  std::size_t used() const { return used_; }

 private:
  std::size_t used_ = 0;
};

void locate(std::vector<TensorPlace>& places, const SharedMemory& memory) {
  for (auto& place : places) {
    place.path = memory.path();
    place.map_bytes = memory.size();
  }
}

void store(const SharedMemory& memory, const TensorPlace& place, const std::vector<float>& values) {
  // The first touch of shared memory costs more than the copy: all cores take part.
  const auto* from = reinterpret_cast<const std::byte*>(values.data());
  parallel_pieces(place.bytes, std::size_t{4} << 20, [&](std::size_t first, std::size_t last) {
    std::memcpy(memory.data() + place.offset + first, from + first, last - first);
  });
}

/// What is left of a value that is stored between two calls.
float in_storage(Dtype dtype, double value) {
  const auto single = static_cast<float>(value);
  return bytes_per_element(dtype) == sizeof(float) ? single : round_to(dtype, single);
}

Reference take_reference_rows(const Problem& p, const Reference& pool, int first) {
  Reference rows;
  for (const auto& spec : tensor_specs(with_all_outputs(p))) {
    if (spec.role != Role::output) continue;
    for (const auto& pooled : pool)
      if (pooled.spec.name == spec.name)
        rows.push_back({spec, take_rows(pooled.values, pooled.spec.shape, batch_axis(p, spec.name),
                                        first, p.batch)});
  }
  return rows;
}

}  // namespace

ReferenceMaker cpu_reference(int threads) {
  return [threads](const Problem& p, const std::vector<TensorPlace>& in) {
    std::vector<HostTensor> tensors;
    std::vector<SharedMemory> maps;
    std::vector<std::string> paths;
    std::size_t next = 0;
    for (const auto& spec : tensor_specs(p)) {
      if (spec.role == Role::output) continue;
      const auto& place = in.at(next++);
      auto found = std::find(paths.begin(), paths.end(), place.path);
      if (found == paths.end()) {
        maps.emplace_back(place.path, place.map_bytes);
        paths.push_back(place.path);
        found = paths.end() - 1;
      }
      const auto& map = maps[static_cast<std::size_t>(found - paths.begin())];
      const auto* values = reinterpret_cast<const float*>(map.data() + place.offset);
      tensors.push_back({spec, {values, values + spec.elements()}});
    }
    return reference(p, tensors, threads);
  };
}

std::shared_ptr<const Weights> make_weights(const Problem& problem, std::uint64_t seed) {
  auto weights = std::make_shared<Weights>();
  const Inputs made = make_inputs(problem, seed, 0, Role::weight);
  Layouter layout;
  for (const auto& tensor : made.tensors) weights->places.push_back(layout.add(tensor.spec));
  weights->memory = SharedMemory(layout.used());
  locate(weights->places, weights->memory);
  for (std::size_t k = 0; k < made.tensors.size(); ++k)
    store(weights->memory, weights->places[k], made.tensors[k].values);
  return weights;
}

ProblemData::ProblemData(const Problem& problem, std::uint64_t seed,
                         std::shared_ptr<const Weights> weights)
    : problem_(problem), pool_(problem), weights_(std::move(weights)) {
  const Inputs inputs = make_inputs(problem, seed, 0, Role::input);
  pool_ = inputs.pool;
  std::vector<std::vector<HostTensor>> sets(set_count);
  parallel_for(usable_threads(0), set_count, [&](std::int64_t k) {
    sets[static_cast<std::size_t>(k)] = input_set(problem, inputs, static_cast<int>(k));
  });

  Layouter layout;
  for (const auto& tensor : inputs.tensors) pool_inputs_.push_back(layout.add(tensor.spec));
  for (const auto& set : sets) {
    auto& places = sets_.emplace_back();
    for (const auto& tensor : set) places.push_back(layout.add(tensor.spec));
  }
  memory_ = SharedMemory(layout.used());
  locate(pool_inputs_, memory_);
  for (std::size_t k = 0; k < inputs.tensors.size(); ++k)
    store(memory_, pool_inputs_[k], inputs.tensors[k].values);
  for (std::size_t k = 0; k < sets.size(); ++k) {
    locate(sets_[k], memory_);
    for (std::size_t t = 0; t < sets[k].size(); ++t) store(memory_, sets_[k][t], sets[k][t].values);
  }

  Layouter output_layout;
  for (const auto& spec : tensor_specs(with_all_outputs(problem))) {
    if (spec.role != Role::output) continue;
    outputs_places_.push_back(output_layout.add(spec));
  }
  outputs_ = SharedMemory(output_layout.used());
  locate(outputs_places_, outputs_);
}

std::vector<TensorPlace> ProblemData::with_weights(const std::vector<TensorPlace>& inputs) const {
  std::vector<TensorPlace> all = inputs;
  all.insert(all.end(), weights_->places.begin(), weights_->places.end());
  return all;
}

void ProblemData::compute(const ReferenceMaker& make) {
  pool_reference_ = std::make_shared<const Reference>(make(pool_, with_weights(pool_inputs_)));
  if (!problem_.stateful) return;
  // The state between calls is stored in the problem's storage type, so the next call's reference
  // starts from the rounded state.
  SharedMemory memory;
  auto before = first_call(0);
  for (std::size_t k = 1; k < set_count; ++k) {
    Layouter layout;
    std::vector<TensorPlace> inputs = sets_[k];
    for (auto& place : inputs)
      if (place.name != "x")
        place.offset = layout.add({"", Role::input, Fill::unit, place.shape}).offset;
    memory = SharedMemory(layout.used());
    for (auto& place : inputs) {
      if (place.name == "x") continue;
      place.path = memory.path();
      place.map_bytes = memory.size();
      for (const auto& output : *before) {
        if (output.spec.name != (place.name == "h_0" ? "h_n" : "c_n")) continue;
        auto* to = reinterpret_cast<float*>(memory.data() + place.offset);
        for (std::size_t i = 0; i < output.values.size(); ++i)
          to[i] = in_storage(problem_.dtype, output.values[i]);
      }
    }
    before = later_calls_.emplace_back(
        std::make_shared<const Reference>(make(problem_, with_weights(inputs))));
  }
}

std::shared_ptr<const Reference> ProblemData::first_call(int set) const {
  if (set == 0 && pool_.batch == problem_.batch) return pool_reference_;
  if (!kept_ || kept_set_ != set) {
    kept_.reset();
    kept_ = std::make_shared<const Reference>(take_reference_rows(problem_, *pool_reference_, set));
    kept_set_ = set;
  }
  return kept_;
}

std::shared_ptr<const Reference> ProblemData::call(int call) const {
  if (call == 0 || !problem_.stateful) return first_call(call);
  return later_calls_.at(static_cast<std::size_t>(call - 1));
}

Reference ProblemData::with_other_state(const ReferenceMaker& make) const {
  std::vector<TensorPlace> inputs = sets_[0];
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (inputs[k].name != "x") inputs[k] = sets_[1][k];
  return make(problem_, with_weights(inputs));
}

std::vector<TensorPlace> ProblemData::output_places(const Problem& p) const {
  std::vector<TensorPlace> places;
  for (const auto& spec : tensor_specs(p))
    for (const auto& place : outputs_places_)
      if (spec.role == Role::output && place.name == spec.name) places.push_back(place);
  return places;
}

const float* ProblemData::fetched(const TensorPlace& place) const {
  return reinterpret_cast<const float*>(outputs_.data() + place.offset);
}

const float* ProblemData::input(const TensorPlace& place) const {
  return reinterpret_cast<const float*>(memory_.data() + place.offset);
}

const float* ProblemData::weight(const TensorPlace& place) const {
  return reinterpret_cast<const float*>(weights_->memory.data() + place.offset);
}

}  // namespace rnnbench
