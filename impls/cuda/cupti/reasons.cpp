#include "impls/cuda/cupti/reasons.hpp"

#include <fmt/format.h>

namespace rnnbench::cupti {
namespace {

/// What a person can do about it; empty where CUPTI's words are all there is to say.
std::string_view mend(int code) {
  switch (code) {
    case 8:  // out of memory
      return "free device or host memory, or ask for fewer metrics";
    case 15:  // not initialised: its host library was not found
      return "libnvperf_host.so must lie beside libcupti.so; install the toolkit's CUPTI package";
    case 26:  // hardware busy
      return "another process reads this device's counters: stop it (dcgm, nsys, ncu), or "
             "--metrics none";
    case 35:  // insufficient privileges
      return "run as root, or load the driver with `options nvidia "
             "NVreg_RestrictProfilingToAdminUsers=0`; in a container also with --cap-add SYS_ADMIN";
    case 39:  // a second subscriber
      return "another profiler is attached to this process (ncu, nsys, cuda-gdb, "
             "compute-sanitizer): leave it out, or --metrics none";
    case 40:  // insufficient privileges on a virtual device
      return "the hypervisor must allow profiling of this virtual GPU";
    case 27:  // not supported
    case 33:  // virtual device
    case 38:  // the older interface on a new chip
    case 41:  // confidential computing
    case 42:  // mining card
    case 43:  // MIG
    case 44:  // SLI
    case 45:  // WSL
      return "counters cannot be read on this device as it is set up: --metrics none";
    case 46:  // chip name
      return "this CUPTI does not know the chip: install the CUPTI of a newer toolkit";
    default:
      return {};
  }
}

}  // namespace

std::string reason_for(int code, std::string_view words, std::string_view call) {
  const auto what = mend(code);
  return fmt::format("{}: error {}{}{}{}{}", call, code, words.empty() ? "" : " ", words,
                     what.empty() ? "" : ": ", what);
}

}  // namespace rnnbench::cupti
