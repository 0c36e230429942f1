// cuDNN, opened when it is first needed: optional at build time and at run time.
#pragma once

#include <cudnn.h>
#include <dlfcn.h>

#include <array>
#include <string>

#include "impls/common/cuda_check.cuh"

namespace rnnbench {

/// The functions used here, of the major version this was compiled against.
#define RNNBENCH_CUDNN_FUNCTIONS(X) \
  X(cudnnCreate)                    \
  X(cudnnDestroy)                   \
  X(cudnnSetStream)                 \
  X(cudnnGetVersion)                \
  X(cudnnGetErrorString)            \
  X(cudnnGetLastErrorString)        \
  X(cudnnCreateDropoutDescriptor)   \
  X(cudnnDestroyDropoutDescriptor)  \
  X(cudnnSetDropoutDescriptor)      \
  X(cudnnCreateTensorDescriptor)    \
  X(cudnnDestroyTensorDescriptor)   \
  X(cudnnSetTensorNdDescriptor)     \
  X(cudnnGetTensorNdDescriptor)     \
  X(cudnnCreateRNNDataDescriptor)   \
  X(cudnnDestroyRNNDataDescriptor)  \
  X(cudnnSetRNNDataDescriptor)      \
  X(cudnnCreateRNNDescriptor)       \
  X(cudnnDestroyRNNDescriptor)      \
  X(cudnnSetRNNDescriptor_v8)       \
  X(cudnnBuildRNNDynamic)           \
  X(cudnnGetRNNWeightSpaceSize)     \
  X(cudnnGetRNNTempSpaceSizes)      \
  X(cudnnGetRNNWeightParams)        \
  X(cudnnRNNForward)

struct CudnnApi {
#define X(function) decltype(&::function) function;
  RNNBENCH_CUDNN_FUNCTIONS(X)
#undef X
};

/// Opens libcudnn.so.<major> through the loader's search and this module's run path. Throws Error
/// in one line where it is missing.
inline const CudnnApi& cudnn() {
  static const CudnnApi api = [] {
    const std::string file = "libcudnn.so." + std::to_string(CUDNN_MAJOR);
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      throw Unsupported("cuDNN cannot be opened (" + std::string(dlerror()) + "): install cuDNN " +
                        std::to_string(CUDNN_MAJOR) + " or put its folder on LD_LIBRARY_PATH");
    CudnnApi found{};
#define X(function)                                                                    \
  found.function = reinterpret_cast<decltype(&::function)>(dlsym(library, #function)); \
  if (!found.function) throw Unsupported(file + " has no " #function);
    RNNBENCH_CUDNN_FUNCTIONS(X)
#undef X
    return found;
  }();
  return api;
}

/// cuDNN's own words for what it refused or failed at.
inline std::string cudnn_words(cudnnStatus_t status) {
  std::array<char, 512> detail{};
  cudnn().cudnnGetLastErrorString(detail.data(), detail.size());
  std::string text = cudnn().cudnnGetErrorString(status);
  const std::string more(detail.data());
  if (!more.empty()) text += " (" + more.substr(0, more.find('\n')) + ")";
  return text;
}

/// A refusal (not supported, bad parameter) is Unsupported in cuDNN's own words, else Error.
inline void cudnn_check(cudnnStatus_t status, const char* call, const char* file, int line) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  (void)cudaGetLastError();
  const int kind = static_cast<int>(status) / 1000;  // 2xxx: bad parameter, 3xxx: not supported
  if (kind == 2 || kind == 3) throw Unsupported("cuDNN refuses: " + cudnn_words(status));
  throw Error(cuda_message(cudnn_words(status), call, file, line));
}
/// RNNBENCH_CUDNN(cudnnCreate(...)): calls the opened library's function, throws on failure.
#define RNNBENCH_CUDNN(call) \
  ::rnnbench::cudnn_check(::rnnbench::cudnn().call, #call, __FILE__, __LINE__)

/// One of cuDNN's descriptors.
template <class T, auto create, auto destroy>
class CudnnDescriptor {
 public:
  CudnnDescriptor() {
    cudnn_check((cudnn().*create)(&descriptor_), "create descriptor", __FILE__, __LINE__);
  }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;
  ~CudnnDescriptor() { (void)(cudnn().*destroy)(descriptor_); }
  operator T() const { return descriptor_; }

 private:
  T descriptor_ = nullptr;
};

#define RNNBENCH_CUDNN_DESCRIPTOR(name, T) \
  using name = CudnnDescriptor<cudnn##T##_t, &CudnnApi::cudnnCreate##T, &CudnnApi::cudnnDestroy##T>
using CudnnHandle = CudnnDescriptor<cudnnHandle_t, &CudnnApi::cudnnCreate, &CudnnApi::cudnnDestroy>;
RNNBENCH_CUDNN_DESCRIPTOR(CudnnTensor, TensorDescriptor);
RNNBENCH_CUDNN_DESCRIPTOR(CudnnDropout, DropoutDescriptor);
RNNBENCH_CUDNN_DESCRIPTOR(CudnnRnnData, RNNDataDescriptor);
RNNBENCH_CUDNN_DESCRIPTOR(CudnnRnn, RNNDescriptor);

}  // namespace rnnbench
