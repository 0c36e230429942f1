// The input products W_ih·x of all steps of a layer as one GEMM, for implementations whose steps
// make the hidden products alone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "impls/common/layer_stack.cuh"
#include "impls/common/packed_product.cuh"

namespace rnnbench {

/// The gates [.., D*G*H] in f32, rows in the order of the layer's input: row (t, b) of layer 0 lies
/// as x does, and of the others at t * B + b. One array for all layers, each in its turn.
template <class T>
class InputProducts {
 public:
  /// `input_of(layer)`: what that layer reads; tried here. Of the first `layers`. Allocates, and
  /// waits.
  InputProducts(const Problem& p, const Tensors& t, const std::function<const T*(int)>& input_of,
                int layers)
      : p_(p), t_(t), gates_(std::size_t(p.seq * p.batch * row())) {
    const CudaStream own;
    lane_.use(own);
    first_ = products(0, 1, input_of(0), own);
    if (layers > 1) inner_ = products(1, layers - 1, input_of(1), own);
    RNNBENCH_CUDA(cudaStreamSynchronize(own));
  }

  void launch(int layer, const T* input, cudaStream_t stream) {
    lane_.use(stream);
    (layer == 0 ? first_ : inner_)->launch(lane_, input, std::max(0, layer - 1), gates_.get());
  }

  /// Of one direction: [.., G*H] in rows of `strides`.
  const float* gates(int direction) const { return gates_.get() + direction * row_of_one(); }
  SequenceStrides strides(int layer) const {
    return layer == 0 ? sequence_strides(p_, row()) : SequenceStrides{p_.batch * row(), row()};
  }
  std::string note() const { return first_->note(); }
  /// Of one launch, as it was tried.
  double seconds(int layer) const { return (layer == 0 ? first_ : inner_)->seconds(); }
  /// All of it, for who makes them in another way.
  float* array() { return gates_.get(); }

 private:
  std::int64_t row_of_one() const { return rnnbench::gates(p_.cell) * p_.hidden; }
  std::int64_t row() const { return p_.directions * row_of_one(); }

  /// For `count` layers of one shape: place k is layer first + k, its directions stacked.
  std::unique_ptr<PackedProduct<T, float>> products(int first, int count, const T* input,
                                                    cudaStream_t stream) {
    constexpr int tries = 4;  // of cublasLt's algorithms: once a layer, it is one launch of many
    const std::int64_t features = layer_input(p_, first);
    std::vector<Piece> pieces;
    for (int k = first * p_.directions; k < (first + count) * p_.directions; ++k)
      pieces.push_back({t_.layers[std::size_t(k)].w_ih, row_of_one() * features});
    const ProductShape shape{p_.seq * p_.batch, row(), features, features};
    return std::make_unique<PackedProduct<T, float>>(
        lane_, p_.dtype, shape, input, joined<T>(pieces, stream), gates_.get(), tries);
  }

  Problem p_;
  Tensors t_;
  DeviceArray<float> gates_;
  ProductLane lane_;
  std::unique_ptr<PackedProduct<T, float>> first_, inner_;
};

}  // namespace rnnbench
