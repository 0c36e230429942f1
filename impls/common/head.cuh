// y = h · W_headᵀ + b_head through cuBLAS, in every number format: for implementations that leave
// the head to a library.
#pragma once

#include "impls/common/cublas_product.cuh"
#include "impls/common/layer_stack.cuh"

namespace rnnbench {

/// The rows of the last layer's sequence [T, B, D*H] or [B, T, D*H] that the head reads, all or
/// those of the last step, as a product; `first` is the first one's first element.
struct HeadRows {
  ProductShape shape;
  std::int64_t first;
};

inline HeadRows head_rows(const Problem& p) {
  const std::int64_t features = p.directions * p.hidden;
  if (p.head_at == HeadAt::every_step) return {{p.seq * p.batch, p.head, features, features}, 0};
  const auto strides = sequence_strides(p, features);
  return {{p.batch, p.head, features, strides.batch}, (p.seq - 1) * strides.step};
}

class HeadProduct {
 public:
  HeadProduct(const Problem& p, const Tensors& t) : p_(p), t_(t) {}

  /// `sequence`: the last layer's, in the storage type.
  void launch(const void* sequence, cudaStream_t stream) {
    const HeadRows rows = head_rows(p_);
    const ProductShape& shape = rows.shape;
    with_storage(p_.dtype, [&](auto type) {
      using T = decltype(type);
      constexpr unsigned threads = 256;
      auto* y = static_cast<T*>(t_.y);
      fill_rows<T><<<blocks_for(std::size_t(shape.m * shape.n), threads), threads, 0, stream>>>(
          y, static_cast<const T*>(t_.b_head), shape.m, int(shape.n));
      RNNBENCH_LAUNCHED(fill_rows);
      handle_.use(stream);
      cublas_multiply(handle_, p_.dtype, shape, static_cast<const T*>(sequence) + rows.first,
                      static_cast<const T*>(t_.w_head), WeightForm::given, y, 1);
    });
  }

 private:
  Problem p_;
  Tensors t_;
  CublasHandle handle_;
};

}  // namespace rnnbench
