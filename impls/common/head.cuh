// y = h · W_headᵀ + b_head through cuBLAS, in every number format: for implementations that leave
// the head to a library.
#pragma once

#include "impls/common/cublas_product.cuh"
#include "impls/common/layer_stack.cuh"

namespace rnnbench {

/// Every row of y becomes the bias: the head's GEMM adds to it. y: [count, outputs].
template <class T>
__global__ void fill_rows(T* y, const T* bias, std::int64_t count, int outputs) {
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index < count * outputs) y[index] = bias[index % outputs];
}

class HeadProduct {
 public:
  HeadProduct(const Problem& p, const Tensors& t) : p_(p), t_(t) {}

  /// `sequence`: the last layer's [T, B, D*H] or [B, T, D*H] in the storage type.
  void launch(const void* sequence, cudaStream_t stream) {
    const std::int64_t features = p_.directions * p_.hidden;
    const auto strides = sequence_strides(p_, features);
    const bool every = p_.head_at == HeadAt::every_step;
    const std::int64_t rows = every ? p_.seq * p_.batch : p_.batch;
    const std::int64_t stride = every ? features : strides.batch;
    const std::int64_t first = every ? 0 : (p_.seq - 1) * strides.step;
    with_storage(p_.dtype, [&](auto type) {
      using T = decltype(type);
      constexpr unsigned threads = 256;
      auto* y = static_cast<T*>(t_.y);
      fill_rows<T><<<blocks_for(std::size_t(rows * p_.head), threads), threads, 0, stream>>>(
          y, static_cast<const T*>(t_.b_head), rows, int(p_.head));
      RNNBENCH_LAUNCHED(fill_rows);
      handle_.use(stream);
      cublas_multiply(handle_, p_.dtype, {rows, p_.head, features, stride},
                      static_cast<const T*>(sequence) + first, static_cast<const T*>(t_.w_head),
                      WeightForm::given, y, 1);
    });
  }

 private:
  Problem p_;
  Tensors t_;
  CublasHandle handle_;
};

}  // namespace rnnbench
