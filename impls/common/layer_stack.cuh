// What every implementation that goes layer by layer needs around its steps: where sequences lie,
// the states, and the sequences between layers.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "harness/impl.hpp"
#include "impls/common/cuda_check.cuh"

namespace rnnbench {

/// Element (t, b, feature) of a sequence is at t * step + b * batch + feature.
struct SequenceStrides {
  std::int64_t step = 0, batch = 0;
};

inline SequenceStrides sequence_strides(const Problem& p, std::int64_t features) {
  if (p.layout == Layout::tbc) return {p.batch * features, features};
  return {features, p.seq * features};
}

/// The states [L*D, B, H], which live from one launch to the next, and the outputs of the layers,
/// in the storage type T.
template <class T>
class LayerStack {
 public:
  LayerStack(const Problem& p, const Tensors& t)
      : p_(p),
        t_(t),
        state_(std::size_t(p.batch * p.hidden)),
        h_(state_ * std::size_t(p.layers * p.directions)),
        c_(p.cell == Cell::lstm ? DeviceArray<T>(h_.size()) : DeviceArray<T>()) {
    const std::size_t sequence = state_ * std::size_t(p.seq * p.directions);
    const int kept = p.layers - 1 + (last_is_kept() ? 1 : 0);
    for (int k = 0; k < std::min(kept, 2); ++k)
      sequences_[std::size_t(k)] = zeroed_array<T>(sequence);  // trial products may read them
  }

  /// Start of a launch: takes h_0 and c_0, unless the problem continues from the last call.
  void begin(cudaStream_t stream) {
    if (!p_.stateful) reset(stream);
  }
  void reset(cudaStream_t stream) {
    copy(h_.get(), t_.h_0, stream);
    if (c_.get()) copy(c_.get(), t_.c_0, stream);
  }
  /// End of a launch: hands out h_n and c_n.
  void end(cudaStream_t stream) {
    if (t_.h_n) copy(t_.h_n, h_.get(), stream);
    if (t_.c_n) copy(t_.c_n, c_.get(), stream);
  }

  /// [B, H] of one layer and direction; c is null but for lstm.
  T* h(int layer, int direction) const { return h_.get() + state_ * place(layer, direction); }
  T* c(int layer, int direction) const {
    return c_.get() ? c_.get() + state_ * place(layer, direction) : nullptr;
  }
  const LayerWeights& weights(int layer, int direction) const {
    return t_.layers[place(layer, direction)];
  }

  /// What a layer reads: x, or the sequence below.
  const T* input(int layer) const {
    return layer == 0 ? static_cast<const T*>(t_.x) : sequence_of(layer - 1);
  }
  /// Where a layer writes its sequence [.., D*H]; null for a last layer that nobody reads.
  T* output(int layer) const {
    if (layer < p_.layers - 1 || last_is_kept()) return sequence_of(layer);
    return static_cast<T*>(t_.output);
  }

 private:
  std::size_t place(int layer, int direction) const {
    return std::size_t(layer * p_.directions + direction);
  }
  /// The head reads an output that is not asked for.
  bool last_is_kept() const { return !t_.output && p_.head_at != HeadAt::none; }
  T* sequence_of(int layer) const { return sequences_[std::size_t(layer % 2)].get(); }
  void copy(void* to, const void* from, cudaStream_t stream) {
    RNNBENCH_CUDA(cudaMemcpyAsync(to, from, h_.bytes(), cudaMemcpyDeviceToDevice, stream));
  }

  Problem p_;
  Tensors t_;
  std::size_t state_;  // elements of one layer's and direction's state
  DeviceArray<T> h_, c_;
  std::array<DeviceArray<T>, 2> sequences_;
};

}  // namespace rnnbench
