// Auto: whichever of this project's own implementations should be fastest for the problem, by their
// planners' predictions (auto/plan.cpp), or as `rnnbench tune` found. Never a peer.
#include <cmath>

#include "harness/impl.hpp"
#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"
#include "impls/cuda/auto/plan.hpp"

namespace rnnbench {
namespace {

using automatic::Choice;

std::string predicted(const Choice& choice) {
  return "predicted " + std::to_string(std::llround(choice.total_s * 1e6)) + " us";
}

/// The chosen kernel, with its name before its note.
class Auto final : public Kernel {
 public:
  Auto(std::unique_ptr<Kernel> kernel, std::string why)
      : kernel_(std::move(kernel)), why_(std::move(why)) {}
  void launch(Stream stream) override { kernel_->launch(stream); }
  void reset(Stream stream) override { kernel_->reset(stream); }
  std::string complaint() const override { return kernel_->complaint(); }
  std::string note() const override { return why_ + ": " + kernel_->note(); }

 private:
  std::unique_ptr<Kernel> kernel_;
  std::string why_;
};

const Impl& impl_of(const Choice& choice) {
  const Impl* const impl = Registry::instance().find("cuda:" + choice.impl);
  if (!impl) throw Error("cuda:" + choice.impl + " is not in this build");
  return *impl;
}

/// Those that take the problem, the fastest by the models first.
std::vector<Choice> usable(const Problem& p, const DeviceInfo& device) {
  std::vector<Choice> found;
  for (const Choice& choice : automatic::choices(p, device)) {
    const Impl& impl = impl_of(choice);
    if (!impl.unsupported || !impl.unsupported(p, device)) found.push_back(choice);
  }
  return found;
}

std::unique_ptr<Kernel> make_auto(const Problem& p, const Tensors& t, const Options& options) {
  int index = 0;
  RNNBENCH_CUDA(cudaGetDevice(&index));
  const auto all = usable(p, cuda_device(index));
  Options inner = options;
  const std::string config = options.more.contains("config") ? options.more.at("config") : "";
  inner.more.erase("config");
  const auto make = [&](const Choice& choice, const std::string& why) {
    return std::make_unique<Auto>(impl_of(choice).make(p, t, inner),
                                  "cuda:" + choice.impl + " (" + why + ")");
  };
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (!config.empty()) {
      if (all[k].impl == config) return make(all[k], "as asked");
      continue;
    }
    try {
      std::string why = predicted(all[k]);
      if (k + 1 < all.size()) why += "; cuda:" + all[k + 1].impl + " " + predicted(all[k + 1]);
      return make(all[k], why);
    } catch (const UsageError&) {
      throw;
    } catch (const Error&) {  // no room for its clusters, or for its weights a second time
      if (k + 1 == all.size()) throw;
    }
  }
  std::string known;
  for (const Choice& choice : all) known += (known.empty() ? "" : ", ") + choice.impl;
  throw UsageError("cuda:auto has no config '" + config + "' for this problem; it has " + known);
}

Reason unsupported(const Problem& p, const DeviceInfo& device) {
  if (!usable(p, device).empty()) return std::nullopt;
  return impl_of({"cublas", 0}).unsupported(p, device);
}

/// The choice first, and cublas, the conservative one, always among them.
std::vector<Candidate> candidates(const Problem& p, const DeviceInfo& device, const Options&) {
  std::vector<Candidate> found;
  for (const Choice& choice : usable(p, device)) found.push_back({choice.impl, predicted(choice)});
  return found;
}

RNNBENCH_IMPL({.name = "auto",
               .device = Device::cuda,
               .summary = "whichever of persistent, fused and cublas should be fastest",
               .unsupported = unsupported,
               .make = make_auto,
               .candidates = candidates});

}  // namespace
}  // namespace rnnbench
