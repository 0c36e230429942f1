#include "harness/remote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "harness/interrupt.hpp"

namespace rnnbench {
namespace {

std::string text_or_empty(const Json& reply, const char* key) {
  return reply.contains(key) && reply.at(key).is_string() ? reply.at(key).get<std::string>() : "";
}

}  // namespace

Json Remote::ask(const Json& request) {
  finish_opening();
  if (auto failure = std::exchange(not_opened_, nullptr)) std::rethrow_exception(failure);
  return process_.ask(request, timeout_s_);
}

void Remote::finish_opening() {
  if (!std::exchange(opening_, false)) return;
  try {
    process_.reply(timeout_s_);
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    not_opened_ = std::current_exception();
  }
}

Description Remote::describe() {
  const Json reply = ask({{"op", "describe"}});
  if (reply.value("protocol", 0) != protocol_version)
    throw WorkerFailure(Outcome::failed, fmt::format("it speaks protocol {}, this program {}",
                                                     reply.value("protocol", 0), protocol_version));
  Description d;
  d.impls = reply.value("impls", d.impls);
  d.devices = reply.value("devices", d.devices);
  d.no_device = reply.value("no_device", d.no_device);
  return d;
}

std::map<std::string, std::vector<std::string>> Remote::supports(
    const std::vector<std::string>& ids, int index) {
  const Json reply = ask({{"op", "supports"}, {"problems", ids}, {"index", index}});
  std::map<std::string, std::vector<std::string>> reasons;
  for (const auto& [impl, list] : reply.at("reasons").items())
    for (const auto& reason : list)
      reasons[impl].push_back(reason.is_string() ? reason.get<std::string>() : "");
  return reasons;
}

std::vector<Candidate> Remote::candidates(const std::string& impl, const Problem& problem,
                                          int index,
                                          const std::map<std::string, std::string>& options) {
  return ask({{"op", "candidates"},
              {"impl", impl},
              {"problem", id(problem)},
              {"index", index},
              {"options", options}})
      .at("candidates")
      .get<std::vector<Candidate>>();
}

void Remote::open(Device device, int index, int threads) {
  process_.request({{"op", "open"},
                    {"device", std::string(name(device))},
                    {"index", index},
                    {"threads", threads}},
                   timeout_s_);
  opening_ = true;
}

void Remote::load(const std::string& key, const Problem& problem,
                  const std::vector<TensorPlace>& weights,
                  const std::vector<std::vector<TensorPlace>>& sets, bool last_use) {
  ask({{"op", "load"},
       {"case", key},
       {"problem", id(problem)},
       {"weights", weights},
       {"sets", sets},
       {"last_use", last_use}});
}

Made Remote::make(const std::string& key, const MakeRequest& request) {
  const Json reply = ask({{"op", "make"},
                          {"case", key},
                          {"impl", request.impl},
                          {"options", request.options},
                          {"graph", request.graph},
                          {"cache", request.cache},
                          {"ranges", request.ranges}});
  return {reply.value("setup_s", 0.0), reply.value("note", ""), reply.value("instances", 1),
          reply.value("covered_bytes", 0.0)};
}

Ran Remote::run(const std::string& key, int set, bool reset,
                const std::vector<TensorPlace>& fetch) {
  const Json reply =
      ask({{"op", "run"}, {"case", key}, {"set", set}, {"reset", reset}, {"fetch", fetch}});
  return {reply.value("wall_s", 0.0), text_or_empty(reply, "violation")};
}

Timed Remote::time(const std::string& key, int discard, int samples, const std::string& cache,
                   const std::vector<int>& sets, bool warmup) {
  const Json reply = ask({{"op", "time"},
                          {"case", key},
                          {"discard", discard},
                          {"samples", samples},
                          {"cache", cache},
                          {"sets", sets},
                          {"warmup", warmup}});
  Timed timed;
  const auto device = reply.at("device_s").get<std::vector<double>>();
  const auto wall = reply.at("wall_s").get<std::vector<double>>();
  if (device.size() != static_cast<std::size_t>(samples) || wall.size() != device.size())
    throw WorkerFailure(Outcome::failed,
                        fmt::format("{} samples were asked for, {} came", samples, device.size()));
  auto escaped = reply.value("escaped_s", std::vector<double>{});
  escaped.resize(device.size());
  for (std::size_t k = 0; k < device.size(); ++k)
    timed.samples.push_back({device[k], wall[k], escaped[k]});
  timed.empty_wait_s = reply.value("empty_wait_s", 0.0);
  timed.last_set = reply.at("last_set").get<int>();
  if (std::find(sets.begin(), sets.end(), timed.last_set) == sets.end())
    throw WorkerFailure(
        Outcome::failed,
        fmt::format("its last call had input set {}, which was not asked for", timed.last_set));
  timed.violation = text_or_empty(reply, "violation");
  return timed;
}

void Remote::fetch(const std::string& key, const std::vector<TensorPlace>& places) {
  ask({{"op", "fetch"}, {"case", key}, {"fetch", places}});
}

void Remote::profile(const std::string& key, const std::string& cache) {
  ask({{"op", "profile"}, {"case", key}, {"cache", cache}});
}

Profile Remote::metrics(const std::string& key, const ProfileRequest& request) {
  return ask({{"op", "metrics"},
              {"case", key},
              {"metrics", request.metrics},
              {"timeline", request.timeline},
              {"budget_s", request.budget_s}})
      .at("profile")
      .get<Profile>();
}

std::vector<MetricInfo> Remote::known_metrics(Device device, int index, std::string& why) {
  const Json reply =
      ask({{"op", "known_metrics"}, {"device", std::string(name(device))}, {"index", index}});
  why = reply.value("why", "");
  std::vector<MetricInfo> known;
  for (const auto& [metric, about] :
       reply.at("metrics").get<std::vector<std::pair<std::string, std::string>>>())
    known.push_back({metric, about});
  return known;
}

void Remote::drop(const std::string& key) { ask({{"op", "drop"}, {"case", key}}); }

std::vector<std::pair<std::string, std::string>> Remote::state() {
  return ask({{"op", "state"}}).at("state").get<std::vector<std::pair<std::string, std::string>>>();
}

Peaks Remote::calibrate() { return ask({{"op", "calibrate"}}).at("peaks").get<Peaks>(); }

ExchangeCosts Remote::exchange() {
  return ask({{"op", "exchange"}}).at("exchange").get<ExchangeCosts>();
}

std::vector<std::pair<std::string, std::string>> Remote::libraries() {
  return ask({{"op", "libraries"}})
      .at("libraries")
      .get<std::vector<std::pair<std::string, std::string>>>();
}

bool Remote::reference(const Problem& problem, const std::vector<TensorPlace>& in,
                       const std::vector<TensorPlace>& out) {
  return ask({{"op", "reference"}, {"problem", id(problem)}, {"in", in}, {"out", out}})
      .value("done", false);
}

}  // namespace rnnbench
