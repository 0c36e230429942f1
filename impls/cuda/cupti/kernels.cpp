#include "impls/cuda/cupti/kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>

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

/// Called by CUPTI around each launch, through C: what fails is kept and thrown afterwards.
class Watch {
 public:
  Watch(Ranges& ranges, const std::vector<Launch>& expected, const std::vector<std::size_t>& chosen,
        double seconds)
      : ranges_(ranges), expected_(expected), chosen_(chosen), seconds_(seconds) {
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

  /// What was found; throws what a callback could not.
  Replayed found() const {
    if (failure_) std::rethrow_exception(failure_);
    return found_;
  }

 private:
  static void CUPTIAPI called(void* self, CUpti_CallbackDomain domain, CUpti_CallbackId,
                              const void* data) {
    if (domain != CUPTI_CB_DOMAIN_DRIVER_API) return;
    static_cast<Watch*>(self)->at(*static_cast<const CUpti_CallbackData*>(data));
  }

  void at(const CUpti_CallbackData& call) noexcept {
    if (within_ || failure_) return;  // launches of the profiler's own are not counted
    if (open_ && call.correlationId != correlation_) return;  // nor are the replays of one
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
    const std::size_t ordinal = next_++;
    if (!std::binary_search(chosen_.begin(), chosen_.end(), ordinal)) return;
    if (ordinal >= expected_.size() ||
        (call.symbolName && readable_name(call.symbolName) != expected_[ordinal].name)) {
      ++found_.out_of_order;
      return;
    }
    if (since(start_) + found_.longest_s > seconds_) {
      ++found_.out_of_time;
      return;
    }
    RNNBENCH_CUDA(cudaDeviceSynchronize());  // what came before is not this kernel's
    began_ = Clock::now();
    ranges_.start();
    ordinal_ = ordinal;
    correlation_ = call.correlationId;
    open_ = true;
  }

  void leave() {
    if (!open_) return;
    open_ = false;
    (void)ranges_.stop();
    if (ranges_.decode() > 0) found_.values[ordinal_] = ranges_.values(0);
    ranges_.clear();
    found_.longest_s = std::max(found_.longest_s, since(began_));
  }

  Ranges& ranges_;
  const std::vector<Launch>& expected_;
  const std::vector<std::size_t>& chosen_;
  const double seconds_;
  const Clock::time_point start_ = Clock::now();
  CUpti_SubscriberHandle subscriber_ = nullptr;
  std::exception_ptr failure_;
  std::size_t next_ = 0, ordinal_ = 0;
  std::uint32_t correlation_ = 0;
  bool within_ = false, open_ = false;
  Clock::time_point began_;
  Replayed found_;
};

}  // namespace

Replayed replay_launches(Ranges& ranges, const std::vector<Launch>& expected,
                         const std::vector<std::size_t>& chosen,
                         const std::function<void()>& forward, double seconds) {
  const Watch watch(ranges, expected, chosen, seconds);
  forward();
  return watch.found();
}

Values repeat_forward(const Chip& chip, Config& config, std::size_t launches,
                      const std::function<void()>& forward) {
  Ranges ranges(chip, config, CUPTI_AutoRange, CUPTI_UserReplay, launches);
  bool done = false;
  for (int pass = 0; !done; ++pass) {
    if (pass > config.passes() + 4)
      throw Error(fmt::format("not all of {} passes were collected", config.passes()));
    ranges.start();
    forward();
    done = ranges.stop();
  }
  const std::size_t count = ranges.decode();
  if (count != launches)
    throw Error(fmt::format("{} ranges were collected of {} launches", count, launches));
  Values values;
  for (std::size_t k = 0; k < count; ++k) {
    const std::string name = ranges.name(k);  // "0", "1", ... in the order of launching
    std::size_t ordinal = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), ordinal);
    if (error != std::errc() || end != name.data() + name.size() || ordinal >= launches)
      throw Error("a range without a number: " + name);
    values[ordinal] = ranges.values(k);
  }
  return values;
}

}  // namespace rnnbench::cupti
