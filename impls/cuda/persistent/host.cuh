// What the host sides of both strategies share: where states and the sequences between layers lie,
// and a place for a kernel's last words.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "impls/common/head.cuh"
#include "impls/common/layer_stack.cuh"
#include "impls/common/nvtx.cuh"
#include "impls/cuda/persistent/plan.hpp"

namespace rnnbench::persistent {

inline constexpr double watchdog_s = 10;  // far above any wait, and below a person's patience

/// Words of host memory that a kernel can write.
class HostNote {
 public:
  HostNote() {
    RNNBENCH_CUDA(cudaHostAlloc(&words_, 4 * sizeof(std::uint32_t), cudaHostAllocMapped));
    std::fill_n(words_, 4, 0u);
  }
  HostNote(const HostNote&) = delete;
  HostNote& operator=(const HostNote&) = delete;
  ~HostNote() { (void)cudaFreeHost(words_); }
  std::uint32_t* get() const { return words_; }
  /// What check_wait wrote there; empty where no wait was given up.
  std::string text() const {
    const volatile std::uint32_t* const words = words_;
    if (words[0] == 0) return {};
    const bool below = words[1] == std::uint32_t(Waits::below);
    return "block " + std::to_string(words[3]) + " waited " + std::to_string(int(watchdog_s)) +
           " s in vain for " + (below ? "the layer below" : "h") + " at step " +
           std::to_string(words[2]) + ": is the GPU busy with something that does not end?";
  }

 private:
  std::uint32_t* words_ = nullptr;
};

/// Fewer blocks run at once than blocks that wait on each other.
class NoRoom : public Error {
 public:
  using Error::Error;
};

inline Activation activation_of(Cell cell) {
  return cell == Cell::rnn_relu ? Activation::relu : Activation::tanh;
}

/// "grid-u16-b8-s2 (predicted 512 us): ".
inline std::string note_of(const Plan& plan) {
  return plan.config() + " (predicted " +
         std::to_string(std::int64_t(std::llround(plan.total_s * 1e6))) + " us): ";
}

/// As high for all as it can be: the limit belongs to the function, not to who launches it.
inline void allow_shared_memory(const void* function) {
  int device = 0, most = 0;
  RNNBENCH_CUDA(cudaGetDevice(&device));
  RNNBENCH_CUDA(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  cudaFuncAttributes attributes{};
  RNNBENCH_CUDA(cudaFuncGetAttributes(&attributes, function));
  RNNBENCH_CUDA(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     most - int(attributes.sharedSizeBytes)));
}

/// States that live from call to call, the layers' sequences, and the head.
template <class T>
class LayerTensors {
 public:
  /// every: each such layer hands its sequence on through these, the others in other ways.
  LayerTensors(const Problem& p, const Tensors& t, int every)
      : p_(p), t_(t), every_(every), state_(std::size_t(p.batch * p.hidden)) {
    const std::size_t states = state_ * std::size_t(p.layers * p.directions);
    if (p.stateful) {
      h_now_ = DeviceArray<T>(states);
      if (p.cell == Cell::lstm) c_now_ = DeviceArray<T>(states);
      reset(nullptr);
    }
    for (int layer = 0; layer < p.layers; ++layer) {
      DeviceArray<T>& own = sequences_[std::size_t(layer % 2)];
      if (keeps_sequence(layer) && !(layer == p.layers - 1 && t.output) && !own.get())
        own = zeroed_array<T>(state_ * std::size_t(p.seq * p.directions));  // trials read it
    }
    if (p.head_at != HeadAt::none) head_ = std::make_unique<HeadProduct>(p, t);
  }

  void reset(cudaStream_t stream) {
    if (!p_.stateful) return;
    RNNBENCH_CUDA(
        cudaMemcpyAsync(h_now_.get(), t_.h_0, h_now_.bytes(), cudaMemcpyDeviceToDevice, stream));
    if (c_now_.get())
      RNNBENCH_CUDA(
          cudaMemcpyAsync(c_now_.get(), t_.c_0, c_now_.bytes(), cudaMemcpyDeviceToDevice, stream));
  }

  void launch_head(cudaStream_t stream) {
    if (!head_) return;
    const NvtxRange range("head");
    head_->launch(sequence(p_.layers - 1), stream);
  }

  const T* input_of(int layer) {
    return layer == 0 ? static_cast<const T*>(t_.x) : sequence(layer - 1);
  }
  /// Sequences between layers lie [T, B, D*H]; the last layer's as the problem has it.
  SequenceStrides strides(int layer) const {
    const std::int64_t features = p_.directions * p_.hidden;
    if (layer == p_.layers - 1) return sequence_strides(p_, features);
    return {p_.batch * features, features};
  }

  /// What a Chain and a GridJob both have: hidden weights, states and the layer's sequence, from
  /// row `first` of the batch on.
  template <class Job>
  void place(Job& job, int layer, int direction, std::int64_t first) {
    const std::size_t place = std::size_t(layer * p_.directions + direction);
    const LayerWeights& w = t_.layers[place];
    job.w_hh = w.w_hh, job.b_ih = w.b_ih, job.b_hh = w.b_hh;
    job.reverse = direction == 1;
    const std::size_t own = place * state_ + std::size_t(first * p_.hidden);
    const auto at = [&](auto* array) {
      using Value =
          std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(array)>>, const T, T>;
      return array ? static_cast<Value*>(array) + own : nullptr;
    };
    job.h_0 = at(p_.stateful ? static_cast<const void*>(h_now_.get()) : t_.h_0);
    job.c_0 = at(p_.stateful ? static_cast<const void*>(c_now_.get()) : t_.c_0);
    job.h_n = at(t_.h_n), job.c_n = at(t_.c_n);
    job.h_next = at(static_cast<void*>(h_now_.get()));
    job.c_next = at(static_cast<void*>(c_now_.get()));
    if (!keeps_sequence(layer)) return;
    job.y_step = strides(layer).step, job.y_row = strides(layer).batch;
    job.y = sequence(layer) + direction * p_.hidden + first * job.y_row;
  }

 private:
  bool keeps_sequence(int layer) const {
    if (layer < p_.layers - 1) return (layer + 1) % every_ == 0;
    return t_.output || p_.head_at != HeadAt::none;
  }
  T* sequence(int layer) {
    if (layer == p_.layers - 1 && t_.output) return static_cast<T*>(t_.output);
    return sequences_[std::size_t(layer % 2)].get();
  }

  Problem p_;
  Tensors t_;
  int every_;
  std::size_t state_;  // elements of one layer's and direction's state
  DeviceArray<T> h_now_, c_now_;
  std::array<DeviceArray<T>, 2> sequences_;
  std::unique_ptr<HeadProduct> head_;
};

}  // namespace rnnbench::persistent
