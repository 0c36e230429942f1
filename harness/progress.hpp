// What a person sees while a run goes on.
#pragma once

#include <chrono>
#include <string>

namespace rnnbench {

/// On a terminal one line that is drawn over: a bar, the case, elapsed and remaining time.
/// Elsewhere one plain line a step. All on standard error, so that standard output holds results
/// alone.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  /// `done` of `all` cases are finished, `what` is being worked on.
  void show(const std::string& what, std::size_t done, std::size_t all);
  /// A line of its own that stays.
  void say(const std::string& text);
  void clear();

 private:
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace rnnbench
