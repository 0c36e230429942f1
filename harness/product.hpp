// The one product of the reference: C += A · Wᵀ in float64, as fast as plain C++ gets it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rnnbench {

/// Rows of a matrix wherever they lie, in f32 or f64 (the other pointer is null): row r is time
/// step r / batch, batch row r % batch.
struct Rows {
  const float* f32 = nullptr;
  const double* f64 = nullptr;
  std::int64_t batch = 1;
  std::int64_t step_stride = 0, batch_stride = 0;  // in elements
};

/// The product's inner loop for one instruction set. Every kernel adds up over k in ascending order
/// with one accumulator for each element, so how rows, columns and threads are split changes no
/// bit.
struct ProductKernel {
  std::string_view name;
  int width;  // columns of a panel: the packed layout depends on it
  /// c[m][n] += sum over k < depth of a[m][k] * w, for `rows` rows and `panels` panels of columns.
  /// a: [rows, lda]; w: [panels][depth][width]; c: [rows, ldc], ldc >= panels * width.
  void (*multiply)(const double* a, std::int64_t lda, const float* w, std::int64_t panels,
                   std::int64_t depth, double* c, std::int64_t ldc, std::int64_t rows);
};

/// Kernels this processor can run, the fastest first.
const std::vector<ProductKernel>& product_kernels();

/// `columns` rounded up to whole panels.
std::int64_t padded(std::int64_t columns, const ProductKernel& kernel);

/// Weights packed once for many products. w: [columns, depth] row-major.
class PackedWeights {
 public:
  PackedWeights() = default;
  PackedWeights(const ProductKernel& kernel, const float* w, std::int64_t columns,
                std::int64_t depth);
  /// c[m] += a[m] · Wᵀ for `rows` rows; a: [rows, depth], c: [rows, padded(columns)].
  void multiply(const double* a, double* c, std::int64_t rows) const;

 private:
  const ProductKernel* kernel_ = nullptr;
  std::int64_t panels_ = 0, depth_ = 0;
  std::vector<float> blocks_;  // [depth block][panel][k][width]
};

/// One product over many rows, cut into independent tiles so that a caller can share them out.
/// Packs the weights a tile at a time: no copy of the whole of A or W is made.
struct BlockedProduct {
  const ProductKernel* kernel = nullptr;
  Rows a;
  std::int64_t first_row = 0, rows = 0;  // of A
  const float* w = nullptr;              // [columns, depth]
  const float* bias = nullptr;           // [columns]; null for none
  std::int64_t columns = 0, depth = 0;
  double* c = nullptr;  // [rows, padded(columns)]: bias + A · Wᵀ

  std::int64_t tiles() const;
  void run(std::int64_t tile) const;
};

}  // namespace rnnbench
