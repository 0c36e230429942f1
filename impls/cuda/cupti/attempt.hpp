// Doing what may fail without taking the rest of a profile with it.
#pragma once

#include <exception>
#include <string>

#include "impls/common/cuda_check.cuh"

namespace rnnbench::cupti {

/// Does it: empty, or why that failed. Throws only where the device is lost.
template <class Work>
std::string attempt(const Work& work) {
  std::string why;
  try {
    work();
    return why;
  } catch (const std::exception& failure) {
    why = failure.what();
  }
  (void)cudaGetLastError();
  RNNBENCH_CUDA(cudaDeviceSynchronize());
  return why.empty() ? "failed without a word" : why;
}

}  // namespace rnnbench::cupti
