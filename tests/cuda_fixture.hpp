// The CUDA module opened at run time, as workers open it, and problems on its device. No CUDA
// header here. Suites that begin with Gpu need a GPU and are skipped without one.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "harness/impl.hpp"
#include "harness/inputs.hpp"
#include "harness/reference.hpp"
#include "harness/storage.hpp"
#include "harness/verify.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench::cuda_fixture {

inline constexpr const char* module_file = RNNBENCH_BUILD_DIR "/lib/rnnbench/cuda.so";

/// Opens the module once; empty, or why it could not be opened.
inline const std::string& module_failure() {
  static const std::string failure = [] {
    if (!std::filesystem::exists(module_file)) return std::string("built without the CUDA side");
    if (!dlopen(module_file, RTLD_NOW | RTLD_GLOBAL)) return std::string(dlerror());
    return std::string();
  }();
  return failure;
}

inline std::vector<Impl> cuda_impls(bool peers = false) {
  std::vector<Impl> found;
  for (const Impl& impl : Registry::instance().impls())
    if (impl.device == Device::cuda && impl.peer == peers) found.push_back(impl);
  return found;
}

inline constexpr std::array<std::int64_t, 9> small_sizes{1, 2, 3, 5, 7, 16, 31, 33, 65};

inline std::vector<HostTensor> random_inputs(const Problem& p, std::mt19937& random) {
  std::vector<HostTensor> inputs;
  for (const TensorSpec& spec : tensor_specs(p)) {
    if (spec.role == Role::output) continue;
    const double bound =
        1 / std::sqrt(double(spec.fill == Fill::head ? p.directions * p.hidden : p.hidden));
    std::uniform_real_distribution<float> values(
        spec.fill == Fill::unit ? 0.0f : static_cast<float>(-bound),
        spec.fill == Fill::unit ? 1.0f : static_cast<float>(bound));
    HostTensor& tensor = inputs.emplace_back(HostTensor{spec, {}});
    tensor.values.resize(spec.elements());
    for (float& value : tensor.values) value = round_to(p.dtype, values(random));
  }
  return inputs;
}

/// A problem's tensors on the device; outputs hold NaN until a launch writes them.
class DeviceProblem {
 public:
  DeviceProblem(Session& session, const Problem& p, const std::vector<HostTensor>& inputs)
      : session_(session), dtype_(p.dtype), specs_(tensor_specs(p)) {
    for (const TensorSpec& spec : specs_) pointers_.push_back(session.allocate(bytes(spec)));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      std::vector<std::byte> stored(bytes(specs_[k]));
      to_storage(dtype_, inputs[k].values.data(), inputs[k].values.size(), stored.data());
      session.copy_in(pointers_[k], stored.data(), stored.size());
    }
    tensors = bind_tensors(p, pointers_);
  }
  DeviceProblem(const DeviceProblem&) = delete;
  ~DeviceProblem() {
    for (void* pointer : pointers_) session_.release(pointer);
  }
  void poison() {
    for (std::size_t k = 0; k < specs_.size(); ++k)
      if (specs_[k].role == Role::output) session_.fill(pointers_[k], 0xFF, bytes(specs_[k]));
  }
  /// Where the outputs lie, and their bytes.
  std::vector<std::pair<void*, std::size_t>> outputs() const {
    std::vector<std::pair<void*, std::size_t>> found;
    for (std::size_t k = 0; k < specs_.size(); ++k)
      if (specs_[k].role == Role::output) found.emplace_back(pointers_[k], bytes(specs_[k]));
    return found;
  }
  /// Empty, or the first output element that is not what the reference says.
  std::string difference(const Reference& want, double tolerance) {
    for (std::size_t k = 0; k < specs_.size(); ++k) {
      if (specs_[k].role != Role::output) continue;
      const std::vector<float> got = read(k);
      for (const ReferenceOutput& output : want) {
        if (output.spec.name != specs_[k].name) continue;
        std::string why;
        compare(specs_[k], got.data(), output.values.data(), tolerance, 0, why);
        if (!why.empty()) return why;
      }
    }
    return {};
  }
  /// The largest absolute difference of any output element.
  double largest_error(const Reference& want) {
    double largest = 0;
    for (std::size_t k = 0; k < specs_.size(); ++k) {
      if (specs_[k].role != Role::output) continue;
      const std::vector<float> got = read(k);
      for (const ReferenceOutput& output : want)
        if (output.spec.name == specs_[k].name)
          for (std::size_t i = 0; i < got.size(); ++i)
            largest = std::max(largest, std::abs(double(got[i]) - output.values[i]));
    }
    return largest;
  }
  Tensors tensors;

 private:
  std::vector<float> read(std::size_t k) {
    std::vector<float> values(specs_[k].elements());
    std::vector<std::byte> stored(bytes(specs_[k]));
    session_.copy_out(stored.data(), pointers_[k], stored.size());
    from_storage(dtype_, stored.data(), values.size(), values.data());
    return values;
  }
  std::size_t bytes(const TensorSpec& spec) const {
    return spec.elements() * static_cast<std::size_t>(bytes_per_element(dtype_));
  }
  Session& session_;
  Dtype dtype_;
  std::vector<TensorSpec> specs_;
  std::vector<void*> pointers_;
};

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!module_failure().empty()) GTEST_SKIP() << module_failure();
    const Backend* backend = Registry::instance().backend(Device::cuda);
    std::string why;
    const auto devices = backend->list(why);
    if (devices.empty()) GTEST_SKIP() << why;
    info = devices.front();
    session = backend->open({});
  }
  /// Calls of one kernel, each compared with the reference; a stateful problem goes on from its
  /// last. One that the kernel does not take is left out.
  void check(const Impl& impl, const Problem& p, bool graph, int calls, std::mt19937& random,
             const Options& options = {}) {
    SCOPED_TRACE(full_name(impl) + (graph ? " graph " : " ") + id(p));
    if (impl.unsupported && impl.unsupported(p, info)) return;
    const auto inputs = random_inputs(p, random);
    DeviceProblem device(*session, p, inputs);
    auto kernel = impl.make(p, device.tensors, options);
    auto recorded = graph ? session->record(*kernel) : nullptr;
    Kernel& launched = graph ? *recorded : *kernel;
    const double tolerance = tolerance_for(p, Protocol{}).value;
    Reference want;
    launched.reset(session->stream());
    for (int call = 0; call < calls; ++call) {
      device.poison();
      launched.launch(session->stream());
      session->synchronize();
      want = reference(p, inputs, 0, p.stateful && call > 0 ? &want : nullptr);
      ASSERT_EQ(device.difference(want, tolerance), "") << "call " << call;
    }
  }
  std::unique_ptr<Session> session;
  DeviceInfo info;
};

}  // namespace rnnbench::cuda_fixture
