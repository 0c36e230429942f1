// The input products of a layer's steps, made before them: by cuBLAS, or in f32 of f16 parts
// (split_product.hpp) where that is faster here.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "impls/common/cuda_graph.cuh"
#include "impls/common/input_products.cuh"
#include "impls/common/split_product.hpp"

namespace rnnbench {

template <class T>
class HoistedInputs {
 public:
  /// As InputProducts. overlap: whether launches may begin before the ones before have ended.
  HoistedInputs(const Problem& p, const Tensors& t, const std::function<const T*(int)>& input_of,
                int layers, bool overlap)
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
        made = std::make_unique<SplitProduct>(w.get(), m, n, k, overlap, own);
        RNNBENCH_CUDA(cudaStreamSynchronize(own));  // before W's copy goes
        if (layer > 1) continue;
        const auto known = choices().find(key_of(m, n, k));
        if (known != choices().end()) {
          if (!known->second) made.reset();
          continue;
        }
        const double seconds =
            seconds_as_graph(own, double(m) * double(n) * double(k) > 1e9 ? 2 : 20,
                             [&](int) { made->launch(x, products_.array(), own); });
        choices()[key_of(m, n, k)] = seconds <= 0.97 * products_.seconds(layer);
        if (!choices()[key_of(m, n, k)]) made.reset();
      }
    }
  }

  void launch(int layer, const T* input, cudaStream_t stream) {
    if constexpr (std::is_same_v<T, float>)
      if (const auto& split = split_[std::size_t(layer)])
        return split->launch(input, products_.array(), stream);
    products_.launch(layer, input, stream);
  }

  /// Whether the launch after this layer's may begin before it has ended.
  bool allows_next(int layer) const { return bool(split_[std::size_t(layer)]); }

  const float* gates(int direction) const { return products_.gates(direction); }
  SequenceStrides strides(int layer) const { return products_.strides(layer); }
  std::string note() const {
    const auto of = [&](std::size_t layer) {
      return split_[layer] ? std::string("in f16 parts") : products_.note();
    };
    if (split_.size() < 2 || bool(split_[0]) == bool(split_[1])) return of(0);
    return of(0) + (split_[1] ? ", above layer 0 in f16 parts" : ", above layer 0 by cuBLAS");
  }

 private:
  static int gates(Cell cell) { return rnnbench::gates(cell); }
  /// Whether parts are faster, by shape: instances of one problem that are timed together should
  /// not differ.
  using Key = std::array<std::int64_t, 4>;
  static std::map<Key, bool>& choices() {
    static std::map<Key, bool> all;
    return all;
  }
  static Key key_of(std::int64_t m, std::int64_t n, std::int64_t k) {
    int device = 0;
    RNNBENCH_CUDA(cudaGetDevice(&device));
    return {device, m, n, k};
  }

  InputProducts<T> products_;
  std::vector<std::unique_ptr<SplitProduct>> split_;
};

}  // namespace rnnbench
