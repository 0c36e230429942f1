#include "harness/live_case.hpp"

#include <utility>

namespace rnnbench {

std::unique_ptr<Remote> WorkerPool::start(std::size_t provider, Device device) {
  auto remote = catalog_.take_describer(provider);
  if (!remote) remote = std::make_unique<Remote>(catalog_.providers()[provider].argv, timeout_s_);
  remote->open(device, index_, threads_);
  return remote;
}

Remote& WorkerPool::worker(const Seat& seat) {
  auto& worker = workers_[seat];
  const Offer& wanted = catalog_.offers()[seat.offer];
  if (!worker) worker = start(wanted.provider, wanted.device);
  return *worker;
}

std::unique_ptr<Remote> WorkerPool::worker_under(const Seat& seat,
                                                 std::vector<std::string> before) {
  const Offer& wanted = catalog_.offers()[seat.offer];
  const auto& argv = catalog_.providers()[wanted.provider].argv;
  before.insert(before.end(), argv.begin(), argv.end());
  auto remote = std::make_unique<Remote>(before, timeout_s_);
  remote->open(wanted.device, index_, threads_);
  return remote;
}

void WorkerPool::start_all(const std::vector<Seat>& seats) {
  for (const Seat& seat : seats) {
    try {
      worker(seat);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception&) {
      retire(seat);
    }
  }
}

void WorkerPool::finish_opening(const std::vector<Seat>& seats) {
  for (const Seat& seat : seats)
    if (const auto found = workers_.find(seat); found != workers_.end() && found->second)
      found->second->finish_opening();
}

void WorkerPool::retire(const Seat& seat) { workers_.erase(seat); }

void WorkerPool::drop(const Seat& seat, const std::string& key) {
  const auto found = workers_.find(seat);
  if (found == workers_.end() || !found->second) return;
  try {
    found->second->drop(key);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception&) {
    workers_.erase(found);
  }
}

void WorkerPool::drop_all(const Seat& seat) {
  for (const char* key : {twin_key, full_key, timed_key}) drop(seat, key);
}

bool WorkerPool::has_service(Device device) const {
  for (const auto& provider : catalog_.providers())
    if (provider.name == name(device)) return true;
  return false;
}

Remote& WorkerPool::service(Device device) {
  auto& worker = services_[device];
  const auto& providers = catalog_.providers();
  for (std::size_t k = 0; !worker && k < providers.size(); ++k)
    if (providers[k].name == name(device)) worker = start(k, device);
  if (!worker) throw Error("no module for " + std::string(name(device)) + " is loaded");
  return *worker;
}

void LiveCase::end(Outcome outcome, std::string reason) {
  live = false;
  result.outcome = outcome;
  result.reason = std::move(reason);
}

}  // namespace rnnbench
