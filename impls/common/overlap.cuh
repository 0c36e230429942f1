// Launches that begin before the one before them is done (programmatic dependent launch, CC 9.0).
#pragma once

#include "harness/impl.hpp"
#include "impls/common/cuda_check.cuh"
#include "impls/common/launch_overlap.cuh"

namespace rnnbench {

/// Whether launches of `kernel` may overlap the one before: the device code that was loaded must
/// have been compiled for CC 9.0, for what was compiled for less does not wait.
inline bool can_overlap(const void* kernel) {
  cudaFuncAttributes attributes{};
  RNNBENCH_CUDA(cudaFuncGetAttributes(&attributes, kernel));
  return attributes.ptxVersion >= 90;
}

/// `--option overlap=no`: one launch after another, to see what overlapping them gains, and for
/// tools that cannot watch launches that overlap. Throws UsageError for another word.
inline bool overlaps(const Options& options, const char* impl) {
  const auto found = options.more.find("overlap");
  if (found == options.more.end()) return true;
  if (found->second == "no") return false;
  throw UsageError(std::string("option overlap of ") + impl + " is no, not '" + found->second +
                   "'");
}

/// Of a launch that may overlap the one before it in its stream.
inline cudaLaunchAttribute overlap_attribute() {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

}  // namespace rnnbench
