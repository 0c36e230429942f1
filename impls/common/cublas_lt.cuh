// cublasLt, the layer below cuBLAS that lets its caller choose among a product's algorithms. Opened
// when it is first needed, and not missed where it is not there.
#pragma once

#include <cublasLt.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "impls/common/cublas_product.cuh"

namespace rnnbench {

/// The functions used here, of the major version this was compiled against.
#define RNNBENCH_CUBLASLT_FUNCTIONS(X) \
  X(cublasLtCreate)                    \
  X(cublasLtDestroy)                   \
  X(cublasLtMatmul)                    \
  X(cublasLtMatmulAlgoGetHeuristic)    \
  X(cublasLtMatmulDescCreate)          \
  X(cublasLtMatmulDescDestroy)         \
  X(cublasLtMatmulDescSetAttribute)    \
  X(cublasLtMatrixLayoutCreate)        \
  X(cublasLtMatrixLayoutDestroy)       \
  X(cublasLtMatrixLayoutSetAttribute)  \
  X(cublasLtMatmulPreferenceCreate)    \
  X(cublasLtMatmulPreferenceDestroy)   \
  X(cublasLtMatmulPreferenceSetAttribute)

struct CublasLtApi {
#define X(function) decltype(&::function) function;
  RNNBENCH_CUBLASLT_FUNCTIONS(X)
#undef X
};

/// Opens libcublasLt.so.<major> as cublas() opens its library; null where it, or one of the
/// functions, is missing.
inline const CublasLtApi* cublas_lt() {
  static const std::unique_ptr<const CublasLtApi> api = []() -> std::unique_ptr<CublasLtApi> {
    void* library =
        dlopen("libcublasLt.so." RNNBENCH_TEXT(CUBLAS_VER_MAJOR), RTLD_NOW | RTLD_LOCAL);
    if (!library) return nullptr;
    auto found = std::make_unique<CublasLtApi>();
#define X(function)                                                                     \
  found->function = reinterpret_cast<decltype(&::function)>(dlsym(library, #function)); \
  if (!found->function) return nullptr;
    RNNBENCH_CUBLASLT_FUNCTIONS(X)
#undef X
    return found;
  }();
  return api.get();
}

/// RNNBENCH_CUBLASLT(cublasLtMatmul(...)): calls the opened library's function, throws on failure.
#define RNNBENCH_CUBLASLT(call) \
  ::rnnbench::cublas_check(::rnnbench::cublas_lt()->call, #call, __FILE__, __LINE__)

template <auto destroy>
struct CublasLtDelete {
  template <class T>
  void operator()(T* object) const {
    (void)(cublas_lt()->*destroy)(object);
  }
};
template <class Handle, auto destroy>
using CublasLtOwned = std::unique_ptr<std::remove_pointer_t<Handle>, CublasLtDelete<destroy>>;
using CublasLtHandle = CublasLtOwned<cublasLtHandle_t, &CublasLtApi::cublasLtDestroy>;
using CublasLtOperation =
    CublasLtOwned<cublasLtMatmulDesc_t, &CublasLtApi::cublasLtMatmulDescDestroy>;
using CublasLtLayout =
    CublasLtOwned<cublasLtMatrixLayout_t, &CublasLtApi::cublasLtMatrixLayoutDestroy>;
using CublasLtPreference =
    CublasLtOwned<cublasLtMatmulPreference_t, &CublasLtApi::cublasLtMatmulPreferenceDestroy>;

/// A handle, or null without the library.
inline CublasLtHandle cublas_lt_handle() {
  cublasLtHandle_t handle = nullptr;
  if (cublas_lt()) RNNBENCH_CUBLASLT(cublasLtCreate(&handle));
  return CublasLtHandle(handle);
}

/// Addresses and strides in bytes, or-ed: what divides them divides every operand's address.
struct ProductAddresses {
  std::uintptr_t a = 0, w = 0, c = 0;
};

/// The largest power of two that divides all of them, at most what cudaMalloc gives.
inline std::uint32_t alignment_of(std::uintptr_t addresses) {
  return static_cast<std::uint32_t>((addresses | 256) & ~((addresses | 256) - 1));
}

/// Named, because nvcc 13.0 fails on a vector of the library's own, which has no name.
struct CublasLtAlgorithm {
  cublasLtMatmulAlgo_t value;
};

/// A product as cublasLt is told it: its operation and its three matrices, not its algorithm.
class CublasLtProduct {
 public:
  /// `bias`: [n], added to every row of c and of its type; or null.
  CublasLtProduct(const ProductShape& s, WeightForm form, cudaDataType in, cudaDataType out,
                  cublasComputeType_t compute, const void* bias) {
    const bool given = form == WeightForm::given;
    // Column-major, as cublas_multiply: Cᵀ [n, m] = W [n, k] · Aᵀ [k, m].
    w_ = layout(in, given ? s.k : s.n, given ? s.n : s.k, given ? s.k : s.n, s.count, s.n * s.k);
    a_ = layout(in, s.k, s.m, s.lda, s.count, s.a_stride);
    c_ = layout(out, s.n, s.m, s.n, s.count, s.c_stride);
    cublasLtMatmulDesc_t operation = nullptr;
    RNNBENCH_CUBLASLT(cublasLtMatmulDescCreate(&operation, compute, CUDA_R_32F));
    operation_.reset(operation);
    set(CUBLASLT_MATMUL_DESC_TRANSA, given ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (!bias) return;
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  }

  static constexpr int most_algorithms = 16;

  /// The library's first `most` choices, up to 16, that it says will run. Partial sums only as
  /// scratch in f32: no algorithm whose result depends on which block comes first.
  std::vector<CublasLtAlgorithm> algorithms(cublasLtHandle_t handle,
                                            const ProductAddresses& addresses,
                                            std::size_t workspace, int most) const {
    cublasLtMatmulPreference_t created = nullptr;
    RNNBENCH_CUBLASLT(cublasLtMatmulPreferenceCreate(&created));
    const CublasLtPreference preference(created);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
      RNNBENCH_CUBLASLT(
          cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{workspace});
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(addresses.w));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(addresses.a));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(addresses.c));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(addresses.c));
    std::array<cublasLtMatmulHeuristicResult_t, most_algorithms> results{};
    int found = 0;
    // NOT_SUPPORTED says that there is none.
    if (cublas_lt()->cublasLtMatmulAlgoGetHeuristic(
            handle, operation_.get(), w_.get(), a_.get(), c_.get(), c_.get(), preference.get(),
            std::min(most, most_algorithms), results.data(), &found) != CUBLAS_STATUS_SUCCESS)
      return {};
    std::vector<CublasLtAlgorithm> algorithms;
    for (const auto& result : results)
      if (found-- > 0 && result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace)
        algorithms.push_back({result.algo});
    return algorithms;
  }

  cublasStatus_t launch(cublasLtHandle_t handle, const CublasLtAlgorithm& algorithm, const void* a,
                        const void* w, void* c, const DeviceArray<char>& workspace,
                        cudaStream_t stream) const {
    const float one = 1, zero = 0;
    return cublas_lt()->cublasLtMatmul(handle, operation_.get(), &one, w, w_.get(), a, a_.get(),
                                       &zero, c, c_.get(), c, c_.get(), &algorithm.value,
                                       workspace.get(), workspace.bytes(), stream);
  }

 private:
  static CublasLtLayout layout(cudaDataType type, std::int64_t rows, std::int64_t columns,
                               std::int64_t leading, std::int32_t count, std::int64_t stride) {
    cublasLtMatrixLayout_t created = nullptr;
    RNNBENCH_CUBLASLT(cublasLtMatrixLayoutCreate(&created, type, std::uint64_t(rows),
                                                 std::uint64_t(columns), leading));
    CublasLtLayout owned(created);
    if (count == 1) return owned;
    RNNBENCH_CUBLASLT(cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                       &count, sizeof count));
    RNNBENCH_CUBLASLT(cublasLtMatrixLayoutSetAttribute(
        created, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride));
    return owned;
  }
  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, Value value) {
    RNNBENCH_CUBLASLT(
        cublasLtMatmulDescSetAttribute(operation_.get(), attribute, &value, sizeof value));
  }

  CublasLtOperation operation_;
  CublasLtLayout w_, a_, c_;
};

}  // namespace rnnbench
