// The input products of a layer's steps, made before them: by cuBLAS, or in f32 by split_gemm.cuh
// where that is faster here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "impls/common/cuda_graph.cuh"
#include "impls/common/input_products.cuh"
#include "impls/cuda/persistent/split_product.hpp"

namespace rnnbench::persistent {

template <class T>
class HoistedInputs {
 public:
  /// As InputProducts.
  HoistedInputs(const Problem& p, const Tensors& t, const std::function<const T*(int)>& input_of,
                int layers)
      : products_(p, t, input_of, layers), split_(std::size_t(layers)) {
    if (p.dtype != Dtype::f32) return;
    if constexpr (std::is_same_v<T, float>) {
      const CudaStream own;
      for (int layer = 0; layer < layers; ++layer) {
        const float* const x = input_of(layer);
        const std::int64_t m = p.seq * p.batch, k = layer_input(p, layer);
        const std::int64_t n = p.directions * gates(p.cell) * p.hidden;
        if (!SplitProduct::takes(m, n, k, x)) continue;
        if (layer > 1 && !split_[1]) continue;  // of one shape, and it was slower
        std::vector<Piece> pieces;
        for (int d = 0; d < p.directions; ++d)
          pieces.push_back(
              {t.layers[std::size_t(layer * p.directions + d)].w_ih, n / p.directions * k});
        const auto w = joined<float>(pieces, own);
        auto& made = split_[std::size_t(layer)];
        made = std::make_unique<SplitProduct>(w.get(), m, n, k, own);
        RNNBENCH_CUDA(cudaStreamSynchronize(own));  // before W's copy goes
        if (layer > 1) continue;
        const double seconds =
            seconds_as_graph(own, double(m) * double(n) * double(k) > 1e9 ? 2 : 20,
                             [&](int) { made->launch(x, products_.array(), own); });
        if (seconds > 0.97 * products_.seconds(layer)) made.reset();
      }
    }
  }

  void launch(int layer, const T* input, cudaStream_t stream) {
    if constexpr (std::is_same_v<T, float>)
      if (const auto& split = split_[std::size_t(layer)])
        return split->launch(input, products_.array(), stream);
    products_.launch(layer, input, stream);
  }

  const float* gates(int direction) const { return products_.gates(direction); }
  SequenceStrides strides(int layer) const { return products_.strides(layer); }
  std::string note() const { return split_[0] ? "in f16 parts" : products_.note(); }

 private:
  static int gates(Cell cell) { return rnnbench::gates(cell); }

  InputProducts<T> products_;
  std::vector<std::unique_ptr<SplitProduct>> split_;
};

}  // namespace rnnbench::persistent
