#include "harness/product.hpp"

#include <algorithm>

namespace rnnbench {
namespace {

#define RNNBENCH_INLINE inline __attribute__((always_inline))

template <class T, int lanes>
using Lanes __attribute__((vector_size(sizeof(T) * lanes), aligned(alignof(T)), may_alias)) = T;

/// One tile, [height, vectors * lanes]: its sums stay in registers while k runs.
template <int lanes, int vectors, int height>
RNNBENCH_INLINE void tile(const double* a, std::int64_t lda, const float* w, std::int64_t depth,
                          double* c, std::int64_t ldc) {
  using Double = Lanes<double, lanes>;
  using Sum __attribute__((vector_size(sizeof(double) * lanes))) = double;
  Sum sum[height][vectors];
#pragma GCC unroll 8
  for (int m = 0; m < height; ++m)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
      sum[m][v] = *reinterpret_cast<const Double*>(c + m * ldc + v * lanes);
  for (std::int64_t k = 0; k < depth; ++k, w += vectors * lanes) {
    // One lane at a time in the source is one conversion in the code; __builtin_convertvector gets
    // split before the instruction set is known.
    Sum weight[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
      for (int l = 0; l < lanes; ++l) weight[v][l] = w[v * lanes + l];
#pragma GCC unroll 8
    for (int m = 0; m < height; ++m) {
      const double value = a[m * lda + k];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[m][v] += value * weight[v];
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < height; ++m)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
      *reinterpret_cast<Double*>(c + m * ldc + v * lanes) = sum[m][v];
}

/// The last rows, fewer than a full tile: the height that fits exactly.
template <int lanes, int vectors, int height>
RNNBENCH_INLINE void last_tile(std::int64_t rows, const double* a, std::int64_t lda, const float* w,
                               std::int64_t depth, double* c, std::int64_t ldc) {
  if constexpr (height > 0) {
    if (rows == height)
      tile<lanes, vectors, height>(a, lda, w, depth, c, ldc);
    else
      last_tile<lanes, vectors, height - 1>(rows, a, lda, w, depth, c, ldc);
  }
}

template <int lanes, int vectors, int height>
RNNBENCH_INLINE void multiply(const double* a, std::int64_t lda, const float* w,
                              std::int64_t panels, std::int64_t depth, double* c, std::int64_t ldc,
                              std::int64_t rows) {
  constexpr std::int64_t width = lanes * vectors;
  for (std::int64_t panel = 0; panel < panels; ++panel, w += depth * width, c += width) {
    std::int64_t m = 0;
    for (; m + height <= rows; m += height)
      tile<lanes, vectors, height>(a + m * lda, lda, w, depth, c + m * ldc, ldc);
    last_tile<lanes, vectors, height - 1>(rows - m, a + m * lda, lda, w, depth, c + m * ldc, ldc);
  }
}

#define RNNBENCH_PRODUCT_KERNEL(function, lanes, vectors, height)                       \
  void function(const double* a, std::int64_t lda, const float* w, std::int64_t panels, \
                std::int64_t depth, double* c, std::int64_t ldc, std::int64_t rows) {   \
    multiply<lanes, vectors, height>(a, lda, w, panels, depth, c, ldc, rows);           \
  }

// Tile shapes fill the registers: sums, one row of weights, one broadcast value.
RNNBENCH_PRODUCT_KERNEL(multiply_portable, 2, 4, 3)
#if defined(__x86_64__)
// Chosen by hand at run time, not by target_clones, whose resolver runs before sanitizers are
// ready.
__attribute__((target("avx2,fma")))
RNNBENCH_PRODUCT_KERNEL(multiply_avx2, 4, 3, 4) __attribute__((target("avx512f")))
RNNBENCH_PRODUCT_KERNEL(multiply_avx512, 8, 3, 8)
#endif

    constexpr std::int64_t depth_block = 256;  // one packed panel of it stays in the first cache
constexpr std::int64_t row_block = 64;   // rows of A copied at a time: they stay in the second
constexpr std::int64_t tile_rows = 512;  // a tile is large enough to pay for packing its weights
constexpr std::int64_t tile_panels = 32;

/// Panels of `kernel` for the columns and the depths given; columns past the last one are zeros.
void pack(const ProductKernel& kernel, const float* w, std::int64_t ldw, std::int64_t columns,
          std::int64_t first_k, std::int64_t depth, float* to) {
  const std::int64_t width = kernel.width;
  for (std::int64_t n = 0; n < columns; n += width, to += depth * width) {
    const std::int64_t filled = std::min(width, columns - n);
    if (filled < width) std::fill(to, to + depth * width, 0.0f);
    for (std::int64_t j = 0; j < filled; ++j) {
      const float* row = w + (n + j) * ldw + first_k;
      for (std::int64_t k = 0; k < depth; ++k) to[k * width + j] = row[k];
    }
  }
}

void copy_row(const Rows& rows, std::int64_t r, std::int64_t first_k, std::int64_t depth,
              double* to) {
  const std::int64_t at =
      r / rows.batch * rows.step_stride + r % rows.batch * rows.batch_stride + first_k;
  if (rows.f64)
    std::copy_n(rows.f64 + at, depth, to);
  else
    std::copy_n(rows.f32 + at, depth, to);
}

}  // namespace

const std::vector<ProductKernel>& product_kernels() {
  static const std::vector<ProductKernel> kernels = [] {
    std::vector<ProductKernel> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) found.push_back({"avx512", 24, multiply_avx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      found.push_back({"avx2", 12, multiply_avx2});
#endif
    found.push_back({"portable", 8, multiply_portable});
    return found;
  }();
  return kernels;
}

std::int64_t padded(std::int64_t columns, const ProductKernel& kernel) {
  return (columns + kernel.width - 1) / kernel.width * kernel.width;
}

PackedWeights::PackedWeights(const ProductKernel& kernel, const float* w, std::int64_t columns,
                             std::int64_t depth)
    : kernel_(&kernel),
      panels_(padded(columns, kernel) / kernel.width),
      depth_(depth),
      blocks_(static_cast<std::size_t>(padded(columns, kernel) * depth)) {
  float* to = blocks_.data();
  for (std::int64_t k = 0; k < depth; k += depth_block) {
    const std::int64_t part = std::min(depth_block, depth - k);
    pack(kernel, w, depth, columns, k, part, to);
    to += panels_ * kernel.width * part;
  }
}

void PackedWeights::multiply(const double* a, double* c, std::int64_t rows) const {
  const std::int64_t ldc = panels_ * kernel_->width;
  const float* w = blocks_.data();
  for (std::int64_t k = 0; k < depth_; k += depth_block) {
    const std::int64_t part = std::min(depth_block, depth_ - k);
    for (std::int64_t m = 0; m < rows; m += row_block)
      kernel_->multiply(a + m * depth_ + k, depth_, w, panels_, part, c + m * ldc, ldc,
                        std::min(row_block, rows - m));
    w += ldc * part;
  }
}

std::int64_t BlockedProduct::tiles() const {
  const std::int64_t tile_columns = tile_panels * kernel->width;
  return (rows + tile_rows - 1) / tile_rows * ((columns + tile_columns - 1) / tile_columns);
}

void BlockedProduct::run(std::int64_t tile) const {
  const std::int64_t tile_columns = tile_panels * kernel->width;
  const std::int64_t across = (columns + tile_columns - 1) / tile_columns;
  const std::int64_t n = tile % across * tile_columns, m = tile / across * tile_rows;
  const std::int64_t width = std::min(tile_columns, columns - n);
  const std::int64_t last_row = std::min(rows, m + tile_rows);
  const std::int64_t ldc = padded(columns, *kernel), tile_width = padded(width, *kernel);

  for (std::int64_t row = m; row < last_row; ++row) {
    double* to = c + row * ldc + n;
    if (bias) std::copy_n(bias + n, width, to);
    std::fill(to + (bias ? width : 0), to + tile_width, 0.0);
  }
  const std::int64_t deepest = std::min(depth_block, depth);
  std::vector<float> weights(static_cast<std::size_t>(tile_width * deepest));
  std::vector<double> block(static_cast<std::size_t>(std::min(row_block, rows) * deepest));
  for (std::int64_t k = 0; k < depth; k += depth_block) {
    const std::int64_t part = std::min(depth_block, depth - k);
    pack(*kernel, w + n * depth, depth, width, k, part, weights.data());
    for (std::int64_t row = m; row < last_row; row += row_block) {
      const std::int64_t count = std::min(row_block, last_row - row);
      for (std::int64_t r = 0; r < count; ++r)
        copy_row(a, first_row + row + r, k, part, block.data() + r * part);
      kernel->multiply(block.data(), part, weights.data(), tile_width / kernel->width, part,
                       c + row * ldc + n, ldc, count);
    }
  }
}

}  // namespace rnnbench
