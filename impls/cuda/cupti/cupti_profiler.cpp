#include "impls/cuda/cupti/cupti_profiler.hpp"

#include <array>
#include <exception>
#include <utility>

#include "impls/common/cuda_check.cuh"
#include "impls/cuda/cupti/attempt.hpp"

namespace rnnbench::cupti {
namespace {

constexpr std::array launch_calls{CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel,
                                  CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz};

/// Called by CUPTI around each launch, through C: what the hooks throw is kept and thrown
/// afterwards, and they are not called again.
class Subscription {
 public:
  explicit Subscription(LaunchHooks& hooks) : hooks_(hooks) {
    RNNBENCH_CUPTI_CALL(cuptiSubscribe, &subscriber_,
                        reinterpret_cast<CUpti_CallbackFunc>(&Subscription::called), this);
    try {
      for (const auto call : launch_calls)
        RNNBENCH_CUPTI_CALL(cuptiEnableCallback, 1, subscriber_, CUPTI_CB_DOMAIN_DRIVER_API, call);
    } catch (...) {
      (void)api().cuptiUnsubscribe(subscriber_);
      throw;
    }
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription() { (void)api().cuptiUnsubscribe(subscriber_); }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static void CUPTIAPI called(void* self, CUpti_CallbackDomain domain, CUpti_CallbackId,
                              const void* data) {
    if (domain != CUPTI_CB_DOMAIN_DRIVER_API) return;
    static_cast<Subscription*>(self)->at(*static_cast<const CUpti_CallbackData*>(data));
  }

  void at(const CUpti_CallbackData& call) noexcept {
    if (within_ || failure_) return;  // launches of the profiler's own are not counted
    if (inside_ && call.correlationId != correlation_) return;  // nor are the replays of one
    within_ = true;
    try {
      inside_ = call.callbackSite == CUPTI_API_ENTER;
      correlation_ = call.correlationId;
      if (inside_)
        hooks_.enter(call.symbolName);
      else
        hooks_.leave();
    } catch (...) {
      failure_ = std::current_exception();
    }
    within_ = false;
  }

  LaunchHooks& hooks_;
  CUpti_SubscriberHandle subscriber_ = nullptr;
  std::exception_ptr failure_;
  std::uint32_t correlation_ = 0;
  bool within_ = false;  // this
  bool inside_ = false;  // a launch
};

class CuptiSession final : public Session {
 public:
  CuptiSession(const Chip& chip, const std::vector<std::string>& names,
               CUpti_ProfilerReplayMode replay, std::size_t most_ranges)
      : config_(chip, names), ranges_(chip, config_, CUPTI_AutoRange, replay, most_ranges) {}
  int passes() const override { return config_.passes(); }
  void start() override { ranges_.start(); }
  bool stop() override { return ranges_.stop(); }
  std::size_t decode() override { return ranges_.decode(); }
  std::string name(std::size_t range) const override { return ranges_.name(range); }
  std::vector<double> values(std::size_t range) override { return ranges_.values(range); }
  void clear() override { ranges_.clear(); }
  void restart() override { ranges_.restart(); }

 private:
  Config config_;
  Ranges ranges_;
};

}  // namespace

int CuptiProfiler::passes_of(const std::vector<std::string>& names) {
  return cupti::passes_of(chip_, names);
}

std::unique_ptr<Session> CuptiProfiler::open(const std::vector<std::string>& names, Way way,
                                             std::size_t most_ranges) {
  return std::make_unique<CuptiSession>(
      chip_, names, way == Way::alone ? CUPTI_KernelReplay : CUPTI_UserReplay, most_ranges);
}

void CuptiProfiler::observe(LaunchHooks& hooks, const std::function<void()>& work) {
  const Subscription subscription(hooks);
  work();
  subscription.rethrow();
}

void CuptiProfiler::synchronize() { RNNBENCH_CUDA(cudaDeviceSynchronize()); }

std::string CuptiProfiler::attempt(const std::function<void()>& work) {
  return cupti::attempt(work);
}

}  // namespace rnnbench::cupti
