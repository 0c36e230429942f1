// In place of impls/cuda/cupti where the build found no CUPTI.
#include "impls/common/cuda_backend.cuh"

namespace rnnbench {
namespace {

constexpr const char* why =
    "built without CUPTI: install the toolkit's CUPTI with its headers (cupti_range_profiler.h "
    "among them), or name their folder in CUPTI_INCLUDE_DIR, and configure again";

}  // namespace

Profile cuda_profile(int, Kernel&, Kernel&, const ProfileRequest& request, cudaStream_t) {
  return unread(request, why);
}
std::vector<MetricInfo> cuda_metrics(int, std::string& reason) {
  reason = why;
  return {};
}
std::string cupti_state() { return std::string("absent: ") + why; }

}  // namespace rnnbench
