// One problem's inputs, weights and expected outputs, made once and shared by all its cases.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/protocol.hpp"
#include "harness/reference.hpp"
#include "harness/shared_memory.hpp"

namespace rnnbench {

/// Computes the float64 answer to a problem whose inputs lie in shared memory: `in` has all inputs
/// and weights in tensor_specs order.
using ReferenceMaker = std::function<Reference(const Problem&, const std::vector<TensorPlace>& in)>;

/// The reference on this machine's CPU; `threads` 0: all cores.
ReferenceMaker cpu_reference(int threads);

/// The weights of one problem in shared memory; the same for every T and every batch.
struct Weights {
  SharedMemory memory;
  std::vector<TensorPlace> places;
};
std::shared_ptr<const Weights> make_weights(const Problem& problem, std::uint64_t seed);

class ProblemData {
 public:
  /// Input set k is the pool's rows k … k+B-1 (see inputs.hpp), so every set differs in every row.
  static constexpr int set_count = 3;
  /// `seed` is that of the inputs; `weights` may be shared by problems that differ in T alone.
  ProblemData(const Problem& problem, std::uint64_t seed, std::shared_ptr<const Weights> weights);

  const Problem& problem() const { return problem_; }
  const std::vector<TensorPlace>& weights() const { return weights_->places; }
  const std::vector<std::vector<TensorPlace>>& sets() const { return sets_; }

  /// Computes the expected outputs; stateful problems also get those of a second and third call.
  void compute(const ReferenceMaker& make);
  /// Expected outputs of a first call (after a reset) on input set `set`. They can be gigabytes:
  /// the last set's are kept, so callers ask for one set after another.
  std::shared_ptr<const Reference> first_call(int set) const;
  /// Expected outputs of call `call` of the sequence: set 0, set 1, set 2, with the state carried
  /// over where the problem is stateful. call < set_count.
  std::shared_ptr<const Reference> call(int call) const;
  /// Expected outputs of a first call on set 0 with other initial states: nothing may match them.
  Reference with_other_state(const ReferenceMaker& make) const;

  /// Where fetched outputs of `p`, this problem or one that wants fewer outputs, are put.
  std::vector<TensorPlace> output_places(const Problem& p) const;
  /// The values last fetched there.
  const float* fetched(const TensorPlace& place) const;
  const float* input(const TensorPlace& place) const;
  const float* weight(const TensorPlace& place) const;

 private:
  std::vector<TensorPlace> with_weights(const std::vector<TensorPlace>& inputs) const;

  Problem problem_;
  Problem pool_;
  std::shared_ptr<const Weights> weights_;
  SharedMemory memory_;   // pool inputs, sets
  SharedMemory outputs_;  // all outputs, f32
  std::vector<TensorPlace> pool_inputs_;
  std::vector<std::vector<TensorPlace>> sets_;
  std::vector<TensorPlace> outputs_places_;
  std::shared_ptr<const Reference> pool_reference_;
  std::vector<std::shared_ptr<const Reference>> later_calls_;  // stateful: calls 1 and 2
  mutable int kept_set_ = 0;
  mutable std::shared_ptr<const Reference> kept_;  // first_call's last answer
};

}  // namespace rnnbench
