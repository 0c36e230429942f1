#include <array>

#include "impls/common/cuda_check.cuh"
#include "impls/cuda/fused/maps.hpp"

namespace rnnbench::fused {
namespace {

/// Of the driver, which is not linked: a machine without a GPU has none.
decltype(&::cuTensorMapEncodeTiled) encoder() {
  static const auto found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 13000  // the older function is gone
    RNNBENCH_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                   cudaEnableDefault, &result));
#else
    RNNBENCH_CUDA(
        cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &result));
#endif
    if (!function) throw Error("this driver has no tensor maps: it is older than CUDA 12.0");
    return reinterpret_cast<decltype(&::cuTensorMapEncodeTiled)>(function);
  }();
  return found;
}

/// data: [sizes[2], sizes[1], sizes[0]], `strides` of the first two in elements; a box is a chunk
/// of `rows` rows.
CUtensorMap map_of(const void* data, std::array<std::int64_t, 3> sizes,
                   std::array<std::int64_t, 2> strides, int rows, Product product) {
  const int bytes = element_bytes(product);
  const auto type = product == Product::f16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                    : product == Product::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                    : product == Product::tf32 ? CU_TENSOR_MAP_DATA_TYPE_TFLOAT32
                                               : CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  std::array<cuuint64_t, 3> dims{};
  std::array<cuuint64_t, 2> pitches{};
  for (std::size_t k = 0; k < 3; ++k) dims[k] = cuuint64_t(sizes[k]);
  for (std::size_t k = 0; k < 2; ++k) pitches[k] = cuuint64_t(strides[k] * bytes);
  const std::array<cuuint32_t, 3> box{cuuint32_t(WideTile::chunk_bytes / bytes), cuuint32_t(rows),
                                      1};
  const std::array<cuuint32_t, 3> every{1, 1, 1};
  CUtensorMap map{};
  const CUresult result =
      encoder()(&map, type, 3, const_cast<void*>(data), dims.data(), pitches.data(), box.data(),
                every.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    throw Error("cuTensorMapEncodeTiled refused a tensor (" + std::to_string(result) + ")");
  return map;
}

}  // namespace

JobMaps maps_of(const Job& job, int gates, const WideTile& tile, Product product) {
  const int share = tile.batch / tile.cluster;
  const auto weights = [&](const void* w, std::int64_t width) {
    return map_of(w, {width, job.hidden, gates}, {width, job.hidden * width}, tile.units, product);
  };
  const auto steps = [&](int mask) -> std::int64_t { return mask == -1 ? job.steps : mask + 1; };
  // Where there is one step, its stride is never used, but it has to be one that a map can have.
  const auto rows = [&](const void* data, std::int64_t width, std::int64_t count,
                        std::int64_t row_stride, std::int64_t step_stride) {
    return map_of(data, {width, job.rows, count},
                  {row_stride, count > 1 ? step_stride : row_stride}, share, product);
  };
  JobMaps maps{};
  if (job.x) {
    maps.w_ih = weights(job.w_ih, job.x_width);
    maps.x = rows(job.x, job.x_width, steps(job.x_mask), job.x_row, job.x_step);
  }
  if (job.w_hh) {
    maps.w_hh = weights(job.w_hh, job.hidden);
    maps.h = rows(job.h, job.hidden, steps(job.h_mask), job.h_row, job.h_step);
    maps.h_0 = rows(job.h_0, job.hidden, 1, job.hidden, job.hidden);
  }
  return maps;
}

}  // namespace rnnbench::fused
