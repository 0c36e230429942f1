#include "harness/worker.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <new>
#include <optional>
#include <set>

#include "harness/impl.hpp"
#include "harness/protocol.hpp"
#include "harness/served_case.hpp"

namespace rnnbench {
namespace {

using Clock = std::chrono::steady_clock;

void load_library(const std::string& file) {
  if (!dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL))
    throw UsageError(fmt::format("cannot load {}: {}", file, dlerror()));
}

class Worker {
 public:
  explicit Worker(const WorkerOptions& options) {
    for (const auto& module : options.modules) load_library(module);
    std::set<std::string> hidden;
    if (!options.plugins.empty())
      for (const auto& impl : Registry::instance().impls()) hidden.insert(full_name(impl));
    for (const auto& plugin : options.plugins) load_library(plugin);
    for (const auto& impl : Registry::instance().impls())
      if (!hidden.contains(full_name(impl))) offered_.push_back(&impl);
  }

  Json answer(const Json& request) {
    const auto op = request.at("op").get<std::string>();
    const auto found = operations.find(op);
    if (found == operations.end()) throw Error("operation '" + op + "' is not known");
    return (this->*found->second)(request);
  }

  /// What a kernel of any case says of a launch that failed.
  std::string complaint() const {
    for (const auto& [name, served] : cases_)
      if (std::string text = served.complaint(); !text.empty()) return text;
    return {};
  }

 private:
  using Operation = Json (Worker::*)(const Json&);
  static const std::map<std::string, Operation> operations;

  Json describe(const Json&) {
    Json devices = Json::array(), missing = Json::object(), impls = Json::array();
    for (const auto& backend : Registry::instance().backends()) {
      std::string why;
      for (const auto& info : list(backend, why)) devices.push_back(info);
      if (!why.empty()) missing[std::string(name(backend.kind))] = why;
    }
    for (const Impl* impl : offered_)
      impls.push_back(ImplInfo{full_name(*impl), impl->summary, impl->peer, impl->deterministic,
                               impl->candidates != nullptr});
    return {{"protocol", protocol_version},
            {"impls", impls},
            {"devices", devices},
            {"no_device", missing}};
  }

  const std::vector<DeviceInfo>& list(const Backend& backend, std::string& why) {
    auto& known = devices_[backend.kind];
    if (!known.asked) {
      known.infos = backend.list(known.why);
      known.asked = true;
    }
    why = known.why;
    return known.infos;
  }

  /// For every offered implementation, one reason or null a problem.
  Json supports(const Json& request) {
    const int index = request.value("index", 0);
    std::vector<Problem> problems;
    for (const auto& text : request.at("problems"))
      problems.push_back(parse_id(text.get<std::string>()));
    Json reasons = Json::object();
    for (const Impl* impl : offered_) {
      Json list_of = Json::array();
      for (const auto& problem : problems) {
        const Reason reason = unsupported(*impl, problem, index);
        list_of.push_back(reason ? Json(*reason) : Json());
      }
      reasons[full_name(*impl)] = std::move(list_of);
    }
    return {{"reasons", reasons}};
  }

  Reason unsupported(const Impl& impl, const Problem& problem, int index) {
    const Backend* backend = Registry::instance().backend(impl.device);
    std::string why = "no backend for this device is loaded";
    if (!backend) return why;
    const auto& infos = list(*backend, why);
    if (infos.empty()) return why;
    if (index >= static_cast<int>(infos.size()))
      return fmt::format("device {} is not there: {} found", index, infos.size());
    return impl.unsupported ? impl.unsupported(problem, infos[static_cast<std::size_t>(index)])
                            : std::nullopt;
  }

  Json candidates(const Json& request) {
    const Impl& impl = impl_of(request);
    if (!impl.candidates) throw Error(full_name(impl) + " has nothing to tune");
    const auto problem = parse_id(request.at("problem").get<std::string>());
    const int index = request.value("index", 0);
    if (const Reason reason = unsupported(impl, problem, index)) throw Unsupported(*reason);
    std::string why;
    const auto& infos = list(*Registry::instance().backend(impl.device), why);
    Options options;
    options.threads = request.value("threads", 0);
    options.more = request.value("options", options.more);
    return {
        {"candidates", impl.candidates(problem, infos[static_cast<std::size_t>(index)], options)}};
  }

  Json open(const Json& request) {
    const auto kind = request.at("device") == "cuda" ? Device::cuda : Device::cpu;
    const Backend* backend = Registry::instance().backend(kind);
    std::string why = "no backend for this device is loaded";
    if (!backend || list(*backend, why).empty()) throw Error(why);
    cases_.clear();
    store_.reset();
    session_.reset();
    session_ = backend->open({request.value("index", 0), request.value("threads", 0)});
    store_.emplace(*session_);
    threads_ = request.value("threads", 0);
    return Json::object();
  }

  Json load(const Json& request) {
    const auto key = request.at("case").get<std::string>();
    cases_.erase(key);
    cases_.emplace(std::piecewise_construct, std::forward_as_tuple(key),
                   std::forward_as_tuple(
                       session(), store(), parse_id(request.at("problem").get<std::string>()),
                       request.at("weights").get<std::vector<TensorPlace>>(),
                       request.at("sets").get<std::vector<std::vector<TensorPlace>>>(),
                       request.value("last_use", false)));
    return Json::object();
  }

  Json make(const Json& request) {
    const Impl& impl = impl_of(request);
    Options options;
    options.threads = threads_;
    options.more = request.value("options", options.more);
    ServedCase& served = case_of(request);
    const auto start = Clock::now();
    served.make(impl, options, request.value("graph", false),
                parse_cache_mode(request.value("cache", "hot")),
                request.value("ranges", std::vector<std::string>{}));
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    return {{"setup_s", took / static_cast<double>(served.instance_count())},
            {"note", served.note()},
            {"instances", served.instance_count()},
            {"covered_bytes", served.covered_bytes()}};
  }

  Json run(const Json& request) {
    double wall_s = 0;
    const auto violation =
        case_of(request).run(request.value("set", 0), request.value("reset", false),
                             request.value("fetch", std::vector<TensorPlace>{}), wall_s);
    return {{"wall_s", wall_s}, {"violation", violation ? Json(*violation) : Json()}};
  }

  Json time(const Json& request) {
    TimeRequest wanted;
    wanted.discard = request.value("discard", 1);
    wanted.samples = request.value("samples", 1);
    wanted.warmup = request.value("warmup", false);
    wanted.cache = parse_cache_mode(request.value("cache", "hot"));
    wanted.sets = request.value("sets", std::vector<int>{0});
    ServedCase& served = case_of(request);
    int last_set = 0;
    Json device = Json::array(), wall = Json::array(), escaped = Json::array();
    for (const Sample& sample : served.time(wanted, last_set)) {
      device.push_back(sample.device_s);
      wall.push_back(sample.wall_s);
      escaped.push_back(sample.escaped_s);
    }
    const auto violation = served.violation();
    return {{"escaped_s", escaped}, {"empty_wait_s", served.empty_wait_s()},
            {"device_s", device},   {"wall_s", wall},
            {"last_set", last_set}, {"violation", violation ? Json(*violation) : Json()}};
  }

  Json fetch(const Json& request) {
    case_of(request).fetch(request.at("fetch").get<std::vector<TensorPlace>>());
    return Json::object();
  }

  Json profile(const Json& request) {
    case_of(request).profile(parse_cache_mode(request.value("cache", "hot")));
    return Json::object();
  }

  Json metrics(const Json& request) {
    ProfileRequest wanted;
    wanted.metrics = request.value("metrics", wanted.metrics);
    wanted.timeline = request.value("timeline", false);
    wanted.budget_s = request.value("budget_s", wanted.budget_s);
    return {{"profile", case_of(request).metrics(wanted)}};
  }

  Json known_metrics(const Json& request) {
    const auto kind = request.at("device") == "cuda" ? Device::cuda : Device::cpu;
    const Backend* backend = Registry::instance().backend(kind);
    std::string why = "no backend for this device is loaded";
    Json known = Json::array();
    if (backend && backend->metrics)
      for (const auto& metric : backend->metrics(request.value("index", 0), why))
        known.push_back({metric.name, metric.about});
    return {{"metrics", known}, {"why", known.empty() ? why : ""}};
  }

  Json drop(const Json& request) {
    cases_.erase(request.at("case").get<std::string>());
    return Json::object();
  }

  Json state(const Json&) { return {{"state", session().state()}}; }
  Json calibrate(const Json&) { return {{"peaks", session().calibrate()}}; }
  Json exchange(const Json&) { return {{"exchange", session().exchange()}}; }

  Json libraries(const Json&) {
    Json all = Json::array();
    for (const auto& library : Registry::instance().libraries())
      all.push_back({library.name, library.state()});
    return {{"libraries", all}};
  }

  Json reference(const Json& request) {
    const auto inputs = request.at("in").get<std::vector<TensorPlace>>();
    const auto outputs = request.at("out").get<std::vector<TensorPlace>>();
    std::vector<SharedMemory> maps;
    const auto address = [&](const TensorPlace& place) {
      return maps.emplace_back(place.path, place.map_bytes).data() + place.offset;
    };
    std::vector<const float*> in;
    std::vector<double*> out;
    for (const auto& place : inputs) in.push_back(reinterpret_cast<const float*>(address(place)));
    for (const auto& place : outputs) out.push_back(reinterpret_cast<double*>(address(place)));
    return {
        {"done", session().reference(parse_id(request.at("problem").get<std::string>()), in, out)}};
  }

  Session& session() {
    if (!session_) throw Error("no device was opened");
    return *session_;
  }

  WeightStore& store() {
    if (!store_) throw Error("no device was opened");
    return *store_;
  }

  static const Impl& impl_of(const Json& request) {
    const Impl* impl = Registry::instance().find(request.at("impl").get<std::string>());
    if (!impl) throw Error("implementation " + request.at("impl").dump() + " is not here");
    return *impl;
  }

  ServedCase& case_of(const Json& request) {
    const auto found = cases_.find(request.at("case").get<std::string>());
    if (found == cases_.end()) throw Error("case " + request.at("case").dump() + " is not loaded");
    return found->second;
  }

  struct Known {
    bool asked = false;
    std::vector<DeviceInfo> infos;
    std::string why;
  };
  std::vector<const Impl*> offered_;
  std::map<Device, Known> devices_;
  std::unique_ptr<Session> session_;
  int threads_ = 0;
  std::optional<WeightStore> store_;         // after session_: freed before it closes
  std::map<std::string, ServedCase> cases_;  // likewise
};

const std::map<std::string, Worker::Operation> Worker::operations{
    {"describe", &Worker::describe},
    {"supports", &Worker::supports},
    {"open", &Worker::open},
    {"load", &Worker::load},
    {"make", &Worker::make},
    {"run", &Worker::run},
    {"time", &Worker::time},
    {"fetch", &Worker::fetch},
    {"profile", &Worker::profile},
    {"drop", &Worker::drop},
    {"state", &Worker::state},
    {"calibrate", &Worker::calibrate},
    {"exchange", &Worker::exchange},
    {"reference", &Worker::reference},
    {"candidates", &Worker::candidates},
    {"libraries", &Worker::libraries},
    {"metrics", &Worker::metrics},
    {"known_metrics", &Worker::known_metrics}};

/// Replies go to a copy of standard output; standard output itself becomes standard error.
std::FILE* take_standard_output() {
  const int fd = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return fdopen(fd, "w");
}

/// Dies with the parent, and is the first to go when the machine runs out of memory.
void tie_to_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::ofstream("/proc/self/oom_score_adj") << "1000";
}

/// For OpenMP libraries and OpenBLAS, before one is loaded. Binding would leave this thread one
/// core, so that nothing here could count the cores any more. Waiting threads spin, but not for the
/// milliseconds that GCC's do by default: where another process needs a core, they would hold up
/// their own team. Nor for OpenBLAS's 2^26 clocks, all of the next implementation's turn: 2^18
/// bridge the time between two products.
void settle_thread_pools() {
  for (const char* name : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"}) unsetenv(name);
  if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "10000", 0);
  setenv("OPENBLAS_THREAD_TIMEOUT", "18", 0);
}

Json failure(const char* kind, const std::string& text) {
  return {{"ok", false}, {"kind", kind}, {"error", text}};
}

Json guarded_answer(Worker& worker, const std::string& line) {
  try {
    Json reply = worker.answer(Json::parse(line));
    reply["ok"] = true;
    return reply;
  } catch (const std::bad_alloc&) {
    return failure("memory", "out of memory");
  } catch (const Unsupported& refusal) {
    return failure("unsupported", refusal.what());
  } catch (const Json::exception& error) {
    return failure("protocol", fmt::format("request not understood: {}", error.what()));
  } catch (const std::exception& error) {
    const std::string complaint = worker.complaint();
    return failure("error", complaint.empty() ? std::string(error.what())
                                              : fmt::format("{} ({})", complaint, error.what()));
  }
}

}  // namespace

int run_worker(const WorkerOptions& options) {
  tie_to_parent();
  settle_thread_pools();
  std::FILE* replies = take_standard_output();
  const auto reply = [&](const Json& json) {
    std::fputs((json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n").c_str(), replies);
    std::fflush(replies);
  };
  try {
    Worker worker(options);
    for (std::string line; std::getline(std::cin, line);) {
      const Json request = Json::parse(line, nullptr, false);
      if (request.is_object() && request.value("op", "") == "quit") break;
      reply(guarded_answer(worker, line));
    }
    return 0;
  } catch (const std::exception& error) {  // a library that does not load
    reply(failure("library", error.what()));
    return 1;
  }
}

}  // namespace rnnbench
