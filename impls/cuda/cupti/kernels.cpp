#include "impls/cuda/cupti/kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <utility>

#include "impls/common/cuda_check.cuh"
#include "impls/cuda/cupti/reasons.hpp"

namespace rnnbench::cupti {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr std::array launch_calls{CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz};

/// Called by CUPTI around each launch, through C: what fails is kept and thrown afterwards. Begins
/// before some launches what is to be ended after them, or after later ones.
class Watch {
 public:
  struct Chosen {
    std::function<bool(std::size_t)> opens;  // whether to begin before this ordinal
    std::function<void()> begin;
    std::function<bool(std::size_t)> closes;  // whether to end after it, if begun
    std::function<void(std::size_t)> end;     // of that ordinal
  };
  Watch(const std::vector<Launch>& expected, Chosen chosen)
      : expected_(expected), chosen_(std::move(chosen)) {
    RNNBENCH_CUPTI_CALL(cuptiSubscribe, &subscriber_,
                        reinterpret_cast<CUpti_CallbackFunc>(&Watch::called), this);
    try {
      for (const auto call : launch_calls)
        RNNBENCH_CUPTI_CALL(cuptiEnableCallback, 1, subscriber_, CUPTI_CB_DOMAIN_DRIVER_API, call);
    } catch (...) {
      (void)api().cuptiUnsubscribe(subscriber_);
      throw;
    }
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { (void)api().cuptiUnsubscribe(subscriber_); }

  /// Launches at whose place another kernel came; throws what a callback could not.
  std::size_t out_of_order() const {
    if (failure_) std::rethrow_exception(failure_);
    return out_of_order_;
  }

 private:
  static void CUPTIAPI called(void* self, CUpti_CallbackDomain domain, CUpti_CallbackId,
                              const void* data) {
    if (domain != CUPTI_CB_DOMAIN_DRIVER_API) return;
    static_cast<Watch*>(self)->at(*static_cast<const CUpti_CallbackData*>(data));
  }

  void at(const CUpti_CallbackData& call) noexcept {
    if (within_ || failure_) return;  // launches of the profiler's own are not counted
    if (inside_ && call.correlationId != correlation_) return;  // nor are the replays of one
    within_ = true;
    try {
      if (call.callbackSite == CUPTI_API_ENTER)
        enter(call);
      else
        leave();
    } catch (...) {
      failure_ = std::current_exception();
    }
    within_ = false;
  }

  void enter(const CUpti_CallbackData& call) {
    inside_ = true;
    correlation_ = call.correlationId;
    ordinal_ = next_++;
    const bool opens = !open_ && chosen_.opens(ordinal_);
    if (!opens && !open_) return;
    if (ordinal_ >= expected_.size() ||
        (call.symbolName && readable_name(call.symbolName) != expected_[ordinal_].name)) {
      ++out_of_order_;
      return;
    }
    if (!opens) return;
    RNNBENCH_CUDA(cudaDeviceSynchronize());  // what came before is not this kernel's
    chosen_.begin();
    open_ = true;
  }

  void leave() {
    inside_ = false;
    if (!open_ || !chosen_.closes(ordinal_)) return;
    open_ = false;
    RNNBENCH_CUDA(cudaDeviceSynchronize());
    chosen_.end(ordinal_);
  }

  const std::vector<Launch>& expected_;
  const Chosen chosen_;
  CUpti_SubscriberHandle subscriber_ = nullptr;
  std::exception_ptr failure_;
  std::size_t next_ = 0, ordinal_ = 0, out_of_order_ = 0;
  std::uint32_t correlation_ = 0;
  bool within_ = false;  // this
  bool inside_ = false;  // a launch
  bool open_ = false;    // begun, and not ended
};

}  // namespace

void Alone::look(const Visit& visit, Found& found) {
  const auto start = Clock::now();
  auto began = start;
  double expected = 0;
  const auto opens = [&](std::size_t ordinal) {
    const auto sample =
        std::find_if(visit.chosen.begin(), visit.chosen.end(),
                     [&](const Sample& chosen) { return chosen.ordinal == ordinal; });
    if (sample == visit.chosen.end()) return false;
    expected = sample->cost;
    if (since(start) + found.pace * expected <= visit.seconds) return true;
    ++found.out_of_time;
    return false;
  };
  const auto begin = [&] {
    began = Clock::now();
    ranges_.start();
  };
  const auto end = [&](std::size_t ordinal) {
    (void)ranges_.stop();
    if (ranges_.decode() > 0) found.values[ordinal] = ranges_.values(0);
    ranges_.clear();
    found.pace = std::max(found.pace, since(began) / expected);
  };
  const Watch watch(visit.expected, {opens, begin, [](std::size_t) { return true; }, end});
  visit.forward();
  found.out_of_order += watch.out_of_order();
}

void InPlace::look(const Visit& visit, Found& found) {
  const auto start = Clock::now();
  for (const Sample& sample : visit.chosen) {
    if (since(start) + found.pace * sample.cost > visit.seconds) {
      ++found.out_of_time;
      continue;
    }
    const auto began = Clock::now();
    ranges_.restart();
    bool done = false, came = true;
    for (int pass = 0; !done && came && pass < passes_ + 5;) {
      came = false;
      bool open = false;
      auto place = sample.places.begin();
      const auto opens = [&](std::size_t ordinal) {
        return !done && place != sample.places.end() && ordinal == *place - std::min(*place, lead);
      };
      const auto begin = [&] {
        ranges_.start();
        open = true;
      };
      const auto closes = [&](std::size_t ordinal) { return ordinal == *place; };
      const auto end = [&](std::size_t) {
        open = false;
        came = true;
        ++place, ++pass;
        done = ranges_.stop();
      };
      const Watch watch(visit.expected, {opens, begin, closes, end});
      visit.forward();
      if (open) (void)ranges_.stop();
      came = came && watch.out_of_order() == 0;
      found.out_of_order += watch.out_of_order();
    }
    const std::size_t count = done && came ? ranges_.decode() : 0;
    if (count == std::min(sample.places.front(), lead) + 1)
      found.values[sample.ordinal] = ranges_.values(count - 1);
    found.pace = std::max(found.pace, since(began) / sample.cost);
  }
}

Values look_at_all(const Chip& chip, Config& config, std::size_t launches,
                   const std::function<void()>& forward, int calls, double seconds) {
  const auto start = Clock::now();
  const std::size_t all = launches * static_cast<std::size_t>(calls);
  Ranges ranges(chip, config, CUPTI_AutoRange, CUPTI_UserReplay, all);
  bool done = false;
  double quickest = seconds;
  for (int pass = 0; !done; ++pass) {
    if (pass > config.passes() + 4)
      throw Error(fmt::format("not all of {} passes were collected", config.passes()));
    const double before = since(start);
    ranges.start();
    for (int call = 0; call < calls; ++call) forward();
    done = ranges.stop();
    // Code is patched in some of the passes, which tell nothing of the others.
    quickest = std::min(quickest, since(start) - before);
    if (!done && quickest * (config.passes() - pass - 1) > seconds - since(start))
      throw Error(fmt::format("{} passes of {:.2g} s do not fit", config.passes(), quickest));
  }
  const std::size_t count = ranges.decode();
  if (count != all) throw Error(fmt::format("{} ranges were collected of {} launches", count, all));
  Values values;
  for (std::size_t k = 0; k < count; ++k) {
    const std::string name = ranges.name(k);  // "0", "1", ... in the order of launching
    std::size_t ordinal = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), ordinal);
    if (error != std::errc() || end != name.data() + name.size() || ordinal >= all)
      throw Error("a range without a number: " + name);
    const std::size_t before = all - launches;  // of the calls that are not counted
    if (ordinal >= before) values[ordinal - before] = ranges.values(k);
  }
  return values;
}

}  // namespace rnnbench::cupti
