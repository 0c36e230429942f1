// Stands in for the CUDA module of a machine without a device: the tests put it in its place.
#include "harness/impl.hpp"

namespace rnnbench {
namespace {

std::vector<DeviceInfo> none(std::string& why) {
  why = "no CUDA device: this module is a test's";
  return {};
}

std::unique_ptr<Session> refuse(const SessionOptions&) { throw Error("no CUDA device"); }

RNNBENCH_BACKEND({.kind = Device::cuda, .list = none, .open = refuse});
RNNBENCH_LATE_LIBRARY({.name = "cuDNN",
                       .state = [] { return std::string("absent: install cuDNN 9"); }});
RNNBENCH_LATE_LIBRARY({.name = "another", .state = []() -> std::string { return "1.2.3"; }});

}  // namespace
}  // namespace rnnbench
