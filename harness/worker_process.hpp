// A child process that answers JSON lines: starting it, asking it, and finding out how it ended.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "harness/error.hpp"
#include "harness/protocol.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// A worker did not do what was asked. `outcome` is crashed, timed_out or failed.
class WorkerFailure : public Error {
 public:
  WorkerFailure(Outcome outcome, const std::string& what) : Error(what), outcome(outcome) {}
  Outcome outcome;
};

class WorkerProcess {
 public:
  /// Starts `argv` (argv[0] is a path) in a process group of its own. Throws Error.
  explicit WorkerProcess(const std::vector<std::string>& argv);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// One request, one reply. Throws WorkerFailure when it says no (failed), dies (crashed) or is
  /// silent for `timeout_s` (timed out, and then it is killed); Interrupted on Ctrl-C.
  Json ask(const Json& request, double timeout_s);
  /// The two halves of it: workers that open a device, which takes long, do it at the same time.
  void request(const Json& request, double timeout_s);
  Json reply(double timeout_s);
  bool alive() const { return pid_ > 0; }
  int pid() const { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;
  std::string read_line(double timeout_s);
  void send(const std::string& line, double timeout_s);
  void wait_for(int fd, short event, Clock::time_point deadline, double timeout_s);
  void stop(bool at_once);
  [[noreturn]] void report_death();
  std::string last_words() const;

  int pid_ = -1;
  int to_ = -1, from_ = -1, errors_ = -1;
  std::string buffered_;
};

}  // namespace rnnbench
