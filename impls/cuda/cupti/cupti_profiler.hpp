// The profiler of a real chip.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "impls/cuda/cupti/counters.hpp"
#include "impls/cuda/cupti/profiler.hpp"

namespace rnnbench::cupti {

class CuptiProfiler final : public Profiler {
 public:
  explicit CuptiProfiler(const Chip& chip) : chip_(chip) {}
  int passes_of(const std::vector<std::string>& names) override;
  std::unique_ptr<Session> open(const std::vector<std::string>& names, Way way,
                                std::size_t most_ranges) override;
  void observe(LaunchHooks& hooks, const std::function<void()>& work) override;
  void synchronize() override;
  std::string attempt(const std::function<void()>& work) override;

 private:
  const Chip& chip_;
};

}  // namespace rnnbench::cupti
