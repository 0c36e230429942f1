// cuda:persistent on the device, and the ways that it can do a problem.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "impls/cuda/persistent/plan.hpp"
#include "tests/cuda_fixture.hpp"

namespace rnnbench::persistent_fixture {

using cuda_fixture::Gpu;

/// The name of the fastest configuration of that form, by the model; nothing where the problem has
/// none on this device.
inline std::optional<std::string> config_of(const Problem& p, persistent::Form form,
                                            const DeviceInfo& device) {
  for (const auto& plan : persistent::plans(p, device))
    if (plan.form == form) return plan.config();
  return {};
}

class GpuPersistent : public Gpu {
 protected:
  void SetUp() override {
    Gpu::SetUp();
    if (IsSkipped()) return;
    impl = Registry::instance().find("cuda:persistent");
    if (info.cc < 80) GTEST_SKIP() << "needs compute capability 8.0 or later";
  }
  /// The problem's forms and tiles, each with few and with many slices.
  std::vector<Options> ways(const Problem& p) const {
    std::vector<Options> all;
    for (const auto& plan : persistent::plans(p, info)) {
      all.push_back({.more = {{"config", plan.config()}}});
      const std::string form = plan.config().substr(0, plan.config().rfind('s') + 1);
      for (const int slices : {1, 2, 3}) try {
          std::string config = form;
          if (plan.form == persistent::Form::rows) {  // which is for as many rows as these have
            const int rows = persistent::rows_of(p.batch, slices, 0);
            config = "rows-u" + std::to_string(plan.shape.units) + "-r" +
                     std::to_string(rows < 3 ? rows : 4) + "-s";
          }
          config += std::to_string(slices);
          if (slices != plan.slices) (void)persistent::plan_named(config, p, info);
          if (slices != plan.slices) all.push_back({.more = {{"config", config}}});
        } catch (const UsageError&) {  // it does not fit
        }
    }
    return all;
  }
  const Impl* impl = nullptr;
};

}  // namespace rnnbench::persistent_fixture
