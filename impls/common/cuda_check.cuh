// CUDA calls that throw, and owners of what CUDA hands out.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "harness/error.hpp"

namespace rnnbench {

/// "file.cu:12: call: what CUDA says"; the base name is enough to find a file here.
inline std::string cuda_message(const std::string& what, const char* call, const char* file,
                                int line) {
  const char* slash = std::strrchr(file, '/');
  return std::string(slash ? slash + 1 : file) + ":" + std::to_string(line) + ": " + call + ": " +
         what;
}

/// Throws Error unless `error` is cudaSuccess. Clears an error that is not sticky.
inline void cuda_check(cudaError_t error, const char* call, const char* file, int line) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();
  throw Error(cuda_message(cudaGetErrorString(error), call, file, line));
}

#define RNNBENCH_CUDA(call) ::rnnbench::cuda_check((call), #call, __FILE__, __LINE__)
/// After kernel<<<...>>>(...): reports a launch that was refused.
#define RNNBENCH_LAUNCHED(kernel) \
  ::rnnbench::cuda_check(cudaGetLastError(), "launch of " #kernel, __FILE__, __LINE__)

inline std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

/// Device memory; throws Error with the bytes needed and free when there is not enough.
inline void* cuda_allocate(std::size_t bytes) {
  void* pointer = nullptr;
  const cudaError_t error = cudaMalloc(&pointer, bytes ? bytes : 1);
  if (error == cudaSuccess) return pointer;
  (void)cudaGetLastError();
  if (error != cudaErrorMemoryAllocation) cuda_check(error, "cudaMalloc", __FILE__, __LINE__);
  std::size_t available = 0, total = 0;
  (void)cudaMemGetInfo(&available, &total);
  throw Error("not enough GPU memory: " + mebibytes(bytes) + " needed, " + mebibytes(available) +
              " of " + mebibytes(total) + " free");
}

/// `count` elements of T in device memory, uninitialised.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::size_t count)
      : data_(static_cast<T*>(cuda_allocate(count * sizeof(T)))), count_(count) {}
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~DeviceArray() {
    if (data_) (void)cudaFree(data_);
  }
  T* get() const { return data_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

/// `count` zeros in device memory.
template <class T>
DeviceArray<T> zeroed_array(std::size_t count) {
  DeviceArray<T> array(count);
  RNNBENCH_CUDA(cudaMemset(array.get(), 0, array.bytes()));
  RNNBENCH_CUDA(cudaStreamSynchronize(nullptr));
  return array;
}

/// A stream that does not wait for the default stream.
class CudaStream {
 public:
  CudaStream() { RNNBENCH_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  ~CudaStream() { (void)cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class CudaEvent {
 public:
  explicit CudaEvent(unsigned flags = cudaEventDefault) {
    RNNBENCH_CUDA(cudaEventCreateWithFlags(&event_, flags));
  }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;
  ~CudaEvent() { (void)cudaEventDestroy(event_); }
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Seconds between two events that have both happened.
inline double seconds_between(cudaEvent_t start, cudaEvent_t stop) {
  float milliseconds = 0;
  RNNBENCH_CUDA(cudaEventElapsedTime(&milliseconds, start, stop));
  return milliseconds * 1e-3;
}

/// Blocks of `threads` that cover `work`.
inline unsigned blocks_for(std::size_t work, unsigned threads) {
  return static_cast<unsigned>((work + threads - 1) / threads);
}

}  // namespace rnnbench
