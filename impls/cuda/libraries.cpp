// Libraries that this module opens only when they are needed, for `rnnbench doctor`.
#include <fmt/format.h>

#include "harness/impl.hpp"
#include "impls/common/cuda_backend.cuh"
#if __has_include(<cudnn.h>)
#include "impls/common/cudnn.cuh"
#endif

namespace rnnbench {
namespace {

std::string cudnn_state() {
#if __has_include(<cudnn.h>)
  try {
    const auto version = cudnn().cudnnGetVersion();
    constexpr std::size_t major =
        CUDNN_MAJOR >= 9 ? 10000 : 1000;  // 9.14.0 is 91400, 8.9.7 is 8907
    return fmt::format("{}.{}.{}", version / major, version % major / 100, version % 100);
  } catch (const Error& error) {
    return fmt::format("absent: {}", error.what());
  }
#else
  return "absent: this build found no cudnn.h; install cuDNN with its headers, or name their "
         "folder "
         "in CUDNN_INCLUDE_DIR, and configure again";
#endif
}

RNNBENCH_LATE_LIBRARY({.name = "cuDNN", .state = cudnn_state});
RNNBENCH_LATE_LIBRARY({.name = "CUPTI", .state = cupti_state});

}  // namespace
}  // namespace rnnbench
