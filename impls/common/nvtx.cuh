// A named range on a profiler's timeline; costs a few nanoseconds when no profiler listens.
#pragma once

#include <nvtx3/nvToolsExt.h>

namespace rnnbench {

inline nvtxDomainHandle_t nvtx_domain() {
  static const nvtxDomainHandle_t domain = nvtxDomainCreateA("rnnbench");
  return domain;
}

inline void nvtx_push(const char* name) {
  nvtxEventAttributes_t event{};
  event.version = NVTX_VERSION;
  event.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  event.messageType = NVTX_MESSAGE_TYPE_ASCII;
  event.message.ascii = name;
  nvtxDomainRangePushEx(nvtx_domain(), &event);
}

class NvtxRange {
 public:
  explicit NvtxRange(const char* name) { nvtx_push(name); }
  NvtxRange(const NvtxRange&) = delete;
  NvtxRange& operator=(const NvtxRange&) = delete;
  ~NvtxRange() { nvtxDomainRangePop(nvtx_domain()); }
};

}  // namespace rnnbench
