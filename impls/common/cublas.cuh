// cuBLAS, opened when it is first needed: loading its half gigabyte takes longer than describing
// every implementation, and a machine without it can still run the rest.
#pragma once

#include <cublas_v2.h>
#include <dlfcn.h>

#include <string>

#include "impls/common/cuda_check.cuh"

namespace rnnbench {

#define RNNBENCH_TEXT_(x) #x
#define RNNBENCH_TEXT(x) RNNBENCH_TEXT_(x)  // cublas_v2.h renames by macro: the real symbol's name

/// cublasGemmEx has C++ overloads in its header; this is the library's own function.
using CublasGemmEx = cublasStatus_t(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m,
                                    int n, int k, const void* alpha, const void* a,
                                    cudaDataType a_type, int lda, const void* b,
                                    cudaDataType b_type, int ldb, const void* beta, void* c,
                                    cudaDataType c_type, int ldc, cublasComputeType_t compute,
                                    cublasGemmAlgo_t algorithm);

/// The same for cublasGemmStridedBatchedEx.
using CublasGemmStridedBatchedEx = cublasStatus_t(
    cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k, const void* alpha,
    const void* a, cudaDataType a_type, int lda, long long a_stride, const void* b,
    cudaDataType b_type, int ldb, long long b_stride, const void* beta, void* c,
    cudaDataType c_type, int ldc, long long c_stride, int count, cublasComputeType_t compute,
    cublasGemmAlgo_t algorithm);

/// The functions used here, of the major version this was compiled against: X(type, name).
#define RNNBENCH_CUBLAS_FUNCTIONS(X)                         \
  X(decltype(&::cublasCreate), cublasCreate)                 \
  X(decltype(&::cublasDestroy), cublasDestroy)               \
  X(decltype(&::cublasSetStream), cublasSetStream)           \
  X(decltype(&::cublasSetWorkspace), cublasSetWorkspace)     \
  X(CublasGemmEx*, cublasGemmEx)                             \
  X(CublasGemmStridedBatchedEx*, cublasGemmStridedBatchedEx) \
  X(decltype(&::cublasGetStatusString), cublasGetStatusString)

struct CublasApi {
#define X(type, function) type function;
  RNNBENCH_CUBLAS_FUNCTIONS(X)
#undef X
};

/// Opens libcublas.so.<major> through the loader's search and this module's run path. Throws Error
/// in one line where it is missing; a later call tries again.
inline const CublasApi& cublas() {
  static const CublasApi api = [] {
    const char* file = "libcublas.so." RNNBENCH_TEXT(CUBLAS_VER_MAJOR);
    void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw Error(std::string("cuBLAS cannot be opened (") + dlerror() +
                  "): install the CUDA toolkit's cuBLAS or put its folder on LD_LIBRARY_PATH");
    CublasApi found{};
#define X(type, function)                                                           \
  found.function = reinterpret_cast<type>(dlsym(library, RNNBENCH_TEXT(function))); \
  if (!found.function) throw Error(std::string(file) + " has no " RNNBENCH_TEXT(function));
    RNNBENCH_CUBLAS_FUNCTIONS(X)
#undef X
    return found;
  }();
  return api;
}

inline void cublas_check(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(cuda_message(cublas().cublasGetStatusString(status), call, file, line));
}
/// RNNBENCH_CUBLAS(cublasGemmEx(...)): calls the opened library's function, throws on failure.
#define RNNBENCH_CUBLAS(call) \
  ::rnnbench::cublas_check(::rnnbench::cublas().call, #call, __FILE__, __LINE__)

/// A handle with a workspace of its own, so that its calls can be recorded in a graph.
class CublasHandle {
 public:
  CublasHandle() : workspace_(workspace_bytes) { RNNBENCH_CUBLAS(cublasCreate(&handle_)); }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  ~CublasHandle() { (void)cublas().cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

  /// Setting a stream gives the workspace back to the library's pool, so both are set together.
  void use(cudaStream_t stream) {
    RNNBENCH_CUBLAS(cublasSetStream(handle_, stream));
    RNNBENCH_CUBLAS(cublasSetWorkspace(handle_, workspace_.get(), workspace_.bytes()));
  }

 private:
  static constexpr std::size_t workspace_bytes = 32u << 20;  // what cuBLAS recommends for Hopper
  DeviceArray<char> workspace_;
  cublasHandle_t handle_ = nullptr;
};

}  // namespace rnnbench
