// A case on its way through the stages: one implementation, in one mode, on one problem.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/catalog.hpp"
#include "harness/check.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// Whose worker: an implementation (index into catalog.offers()) in one mode. What one mode does
/// costs the other nothing. `copy` tells the candidates of one implementation apart.
struct Seat {
  std::size_t offer = 0;
  bool graph = false;
  int copy = 0;
  auto operator<=>(const Seat&) const = default;
};

/// One worker for each seat, started when first needed and again after a failure.
class WorkerPool {
 public:
  WorkerPool(Catalog& catalog, int device_index, int threads, double timeout_s)
      : catalog_(catalog), index_(device_index), threads_(threads), timeout_s_(timeout_s) {}
  /// The worker of one seat, its device opened.
  Remote& worker(const Seat& seat);
  /// Starts those that are not there yet, all at the same time: opening a GPU is slow. What
  /// goes wrong is left to `worker` to find.
  void start_all(const std::vector<Seat>& seats);
  /// Until the devices of all these are open, so that nothing is timed beside that.
  void finish_opening(const std::vector<Seat>& seats);
  /// One more worker, run by another program: `before` are its words, before the worker's own.
  std::unique_ptr<Remote> worker_under(const Seat& seat, std::vector<std::string> before);
  /// Ends it; the next call of `worker` starts a fresh one.
  void retire(const Seat& seat);
  /// Frees what the worker holds under `key`, where there is a worker; one that cannot is ended.
  void drop(const Seat& seat, const std::string& key);
  void drop_all(const Seat& seat);
  /// A worker of the device's own module, for references, calibration and device state.
  Remote& service(Device device);
  void retire_services() { services_.clear(); }
  bool has_service(Device device) const;

 private:
  std::unique_ptr<Remote> start(std::size_t provider, Device device);
  Catalog& catalog_;
  int index_, threads_;
  double timeout_s_;
  std::map<Seat, std::unique_ptr<Remote>> workers_;
  std::map<Device, std::unique_ptr<Remote>> services_;
};

struct LiveCase {
  CaseResult result;
  Seat seat;
  std::string remote_name;                     // of the implementation, as its worker knows it
  std::map<std::string, std::string> options;  // for `make`
  bool deterministic = true;
  bool live = true;       // false: has its outcome
  double call_s = 0;      // last known time of one call at full length
  double expected_s = 0;  // as projected from short twins; 0: unknown
  int samples = 1;        // a turn
  int rounds = 1;
  double empty_wait_s = 0;  // for the device after a call that does nothing: the largest seen
  std::vector<double> escaped_s = {};  // of the samples
  int last_set = 0;                    // input set of the last timed call

  /// Ends the case with an outcome and its reason.
  void end(Outcome outcome, std::string reason);
};

/// What kernels are called in their workers: twins, all outputs at full length, and the timed one.
inline constexpr const char* twin_key = "twin";
inline constexpr const char* full_key = "full";
inline constexpr const char* timed_key = "timed";

/// Does one stage of a case; whatever goes wrong becomes its outcome, and the worker is replaced.
/// Only Interrupted passes through.
template <class Stage>
void attempt(LiveCase& live, WorkerPool& pool, const Stage& stage) {
  if (!live.live) return;
  try {
    stage(pool.worker(live.seat));
    return;
  } catch (const Interrupted&) {
    throw;
  } catch (const Incorrect& wrong) {
    live.end(Outcome::incorrect, wrong.what());
  } catch (const WorkerFailure& failure) {
    live.end(failure.outcome, failure.what());
    if (failure.outcome == Outcome::unsupported) {  // a polite no: the worker is as good as before
      pool.drop_all(live.seat);
      return;
    }
  } catch (const std::exception& error) {
    live.end(Outcome::failed, error.what());
  }
  pool.retire(live.seat);
}

}  // namespace rnnbench
