// Named ranges on an outside profiler's timeline: scenario, problem, implementation, stage.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/device.hpp"

namespace rnnbench {

/// A name that filters of Nsight Compute take as it is: what they give a meaning becomes '_'.
std::string range_name(std::string_view text);

/// The ranges of one call, `outer` ones and its stage in them: open while it lives. Costs
/// nanoseconds where no profiler listens.
class CallRanges {
 public:
  CallRanges(Session& session, const std::vector<std::string>& outer, std::string_view stage)
      : session_(session) {
    for (const auto& name : outer) begin(name);
    begin(stage);
  }
  CallRanges(const CallRanges&) = delete;
  CallRanges& operator=(const CallRanges&) = delete;
  ~CallRanges() {
    for (int k = 0; k < open_; ++k) session_.end_range();
  }

 private:
  void begin(std::string_view name) {
    session_.begin_range(range_name(name));
    ++open_;
  }

  Session& session_;
  int open_ = 0;
};

}  // namespace rnnbench
