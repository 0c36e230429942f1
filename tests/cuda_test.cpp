// The CUDA module through the door its users take: opened at run time, no CUDA header here.
// CudaModule runs anywhere the module was built; suites that begin with Gpu need a GPU.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "harness/impl.hpp"
#include "harness/reference.hpp"
#include "harness/verify.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

constexpr const char* module_file = RNNBENCH_BUILD_DIR "/lib/rnnbench/cuda.so";

/// Opens the module once; empty, or why it could not be opened.
const std::string& module_failure() {
  static const std::string failure = [] {
    if (!std::filesystem::exists(module_file)) return std::string("built without the CUDA side");
    if (!dlopen(module_file, RTLD_NOW | RTLD_GLOBAL)) return std::string(dlerror());
    return std::string();
  }();
  return failure;
}

std::vector<Impl> cuda_impls() {
  std::vector<Impl> found;
  for (const Impl& impl : Registry::instance().impls())
    if (impl.device == Device::cuda && !impl.peer) found.push_back(impl);
  return found;
}

bool maps(const std::string& library) {
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);)
    if (line.find(library) != std::string::npos) return true;
  return false;
}

class CudaModule : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(module_file)) GTEST_SKIP() << module_failure();
    ASSERT_EQ(module_failure(), "");
  }
};

TEST_F(CudaModule, NamesItsImplementationsWithoutLoadingCublas) {
  ASSERT_NE(Registry::instance().find("cuda:naive"), nullptr);
  ASSERT_NE(Registry::instance().find("cuda:cublas"), nullptr);
  for (const Impl& impl : cuda_impls()) EXPECT_NE(impl.make, nullptr) << impl.name;
  EXPECT_FALSE(maps("libcublas"));
}

TEST_F(CudaModule, ListsDevicesOrSaysWhyThereAreNone) {
  const Backend* backend = Registry::instance().backend(Device::cuda);
  ASSERT_NE(backend, nullptr);
  std::string why;
  const auto devices = backend->list(why);
  if (devices.empty()) {
    EXPECT_EQ(why.rfind("no CUDA device: ", 0), 0u) << why;
    EXPECT_EQ(why.find('\n'), std::string::npos) << why;
    EXPECT_THROW(backend->open({}), Error);
  }
  for (const DeviceInfo& device : devices) {
    EXPECT_EQ(device.kind, Device::cuda);
    EXPECT_GT(device.units, 0);
    EXPECT_GE(device.cc, 50);
    EXPECT_GT(device.clock_hz, 1e8);
    EXPECT_GT(device.memory_bytes, 1e9);
    EXPECT_GT(device.llc_bytes, 0);
    EXPECT_GT(device.on_chip_bytes, 48e3);
    EXPECT_GE(device.card.size(), 12u);
  }
  EXPECT_FALSE(maps("libcublas"));
}

TEST_F(CudaModule, SaysWhichTypesItDoesNotCompute) {
  Problem p;
  p.dtype = Dtype::bf16;
  for (const char* name : {"cuda:naive", "cuda:cublas"}) {
    const Impl* impl = Registry::instance().find(name);
    ASSERT_NE(impl->unsupported, nullptr);
    const Reason reason = impl->unsupported(p, {});
    ASSERT_TRUE(reason.has_value());
    EXPECT_NE(reason->find("bf16"), std::string::npos);
    p.dtype = Dtype::f32;
    EXPECT_FALSE(impl->unsupported(p, {}).has_value());
    p.dtype = Dtype::bf16;
  }
}

std::vector<HostTensor> random_inputs(const Problem& p, std::mt19937& random) {
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
    for (float& value : tensor.values) value = values(random);
  }
  return inputs;
}

/// A problem's tensors on the device; outputs hold NaN until a launch writes them.
class DeviceProblem {
 public:
  DeviceProblem(Session& session, const Problem& p, const std::vector<HostTensor>& inputs)
      : session_(session), specs_(tensor_specs(p)) {
    for (const TensorSpec& spec : specs_)
      pointers_.push_back(session.allocate(spec.elements() * sizeof(float)));
    for (std::size_t k = 0; k < inputs.size(); ++k)
      session.copy_in(pointers_[k], inputs[k].values.data(), specs_[k].elements() * sizeof(float));
    tensors = bind_tensors(p, pointers_);
  }
  DeviceProblem(const DeviceProblem&) = delete;
  ~DeviceProblem() {
    for (void* pointer : pointers_) session_.release(pointer);
  }
  void poison() {
    for (std::size_t k = 0; k < specs_.size(); ++k)
      if (specs_[k].role == Role::output)
        session_.fill(pointers_[k], 0xFF, specs_[k].elements() * sizeof(float));
  }
  /// Empty, or the first output element that is not what the reference says.
  std::string difference(const Reference& want, double tolerance) {
    for (std::size_t k = 0; k < specs_.size(); ++k) {
      if (specs_[k].role != Role::output) continue;
      std::vector<float> got(specs_[k].elements());
      session_.copy_out(got.data(), pointers_[k], got.size() * sizeof(float));
      for (const ReferenceOutput& output : want) {
        if (output.spec.name != specs_[k].name) continue;
        std::string why;
        compare(specs_[k], got.data(), output.values.data(), tolerance, 0, why);
        if (!why.empty()) return why;
      }
    }
    return {};
  }
  Tensors tensors;

 private:
  Session& session_;
  std::vector<TensorSpec> specs_;
  std::vector<void*> pointers_;
};

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    if (!module_failure().empty()) GTEST_SKIP() << module_failure();
    const Backend* backend = Registry::instance().backend(Device::cuda);
    std::string why;
    if (backend->list(why).empty()) GTEST_SKIP() << why;
    session = backend->open({});
  }
  /// Calls of one kernel, each compared with the reference; a stateful problem goes on from its
  /// last.
  void check(const Impl& impl, const Problem& p, bool graph, int calls, std::mt19937& random) {
    SCOPED_TRACE(full_name(impl) + (graph ? " graph " : " ") + id(p));
    const auto inputs = random_inputs(p, random);
    DeviceProblem device(*session, p, inputs);
    auto kernel = impl.make(p, device.tensors, {});
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
};

using GpuImpls = Gpu;
using GpuReference = Gpu;
using GpuSession = Gpu;

constexpr std::array<std::int64_t, 9> small_sizes{1, 2, 3, 5, 7, 16, 31, 33, 65};

TEST_F(GpuImpls, AgreeWithTheReferenceOnRandomProblems) {
  std::mt19937 random(7);
  for (int k = 0; k < 120; ++k) {
    Problem p = random_problem(random, small_sizes);
    p.dtype = Dtype::f32;
    for (const Impl& impl : cuda_impls())
      for (const bool graph : {false, true}) check(impl, p, graph, p.stateful ? 3 : 1, random);
    if (HasFatalFailure()) return;
  }
}

TEST_F(GpuImpls, AgreeWithTheReferenceOnLargerSizes) {
  std::mt19937 random(8);
  for (const char* text :
       {"gru-bi_b10_t20_i128_h256_l2_f32", "lstm_b64_t9_i257_h257_l2_f32_btc",
        "rnn_tanh_b8_t12_i1024_h256_l1_f32_head128-every", "gru_b33_t5_i1000_h1000_l1_f32"}) {
    const Problem p = parse_id(text);
    for (const Impl& impl : cuda_impls())
      for (const bool graph : {false, true}) check(impl, p, graph, 2, random);
  }
}

TEST_F(GpuImpls, StartAgainFromTheFirstStateAfterReset) {
  std::mt19937 random(9);
  Problem p = parse_id("lstm-bi_b3_t4_i5_h17_l2_f32_stateful");
  p = with_all_outputs(p);
  const auto inputs = random_inputs(p, random);
  for (const Impl& impl : cuda_impls()) {
    DeviceProblem device(*session, p, inputs);
    auto kernel = impl.make(p, device.tensors, {});
    auto graph = session->record(*kernel);
    const Reference first = reference(p, inputs);
    for (int round = 0; round < 2; ++round) {
      graph->reset(session->stream());
      graph->launch(session->stream());
      session->synchronize();
      EXPECT_EQ(device.difference(first, 1e-5), "") << impl.name;
      graph->launch(session->stream());
      session->synchronize();
      EXPECT_NE(device.difference(first, 1e-5), "") << impl.name << " forgot its state";
    }
  }
}

/// The two references on one problem: every output, every element.
void compare_references(Session& session, const Problem& p, std::mt19937& random) {
  const auto inputs = random_inputs(p, random);
  std::vector<const float*> in;
  for (const HostTensor& tensor : inputs) in.push_back(tensor.values.data());
  const Reference want = reference(p, inputs);
  std::vector<std::vector<double>> got;
  std::vector<double*> out;
  for (const ReferenceOutput& output : want)
    got.emplace_back(output.values.size(), std::numeric_limits<double>::quiet_NaN());
  for (auto& values : got) out.push_back(values.data());
  ASSERT_TRUE(session.reference(p, in, out));
  for (std::size_t k = 0; k < want.size(); ++k)
    for (std::size_t i = 0; i < got[k].size(); ++i)
      ASSERT_LE(std::abs(got[k][i] - want[k].values[i]), 1e-11)
          << id(p) << " " << want[k].spec.name << "[" << i << "]";
}

TEST_F(GpuReference, AgreesWithTheCpuReferenceOnRandomProblems) {
  std::mt19937 random(10);
  for (int k = 0; k < 80 && !HasFatalFailure(); ++k)
    compare_references(*session, random_problem(random, small_sizes), random);
}

TEST_F(GpuReference, AgreesWithTheCpuReferenceOnLargerSizes) {
  std::mt19937 random(11);
  for (const char* text : {"gru-bi_b10_t20_i128_h256_l2_f32", "lstm_b130_t6_i200_h300_l1_f32_btc",
                           "rnn_relu_b65_t3_i2000_h70_l1_f32_head33-last"})
    compare_references(*session, parse_id(text), random);
}

/// A kernel that waits for the device, which no graph can hold.
struct Waiting final : Kernel {
  explicit Waiting(Session& on) : session(on) {}
  void launch(Stream) override { session.synchronize(); }
  Session& session;
};

TEST_F(GpuSession, SaysWhatCannotBeRecordedAndGoesOn) {
  Waiting kernel(*session);
  try {
    session->record(kernel);
    FAIL() << "recorded a synchronisation";
  } catch (const Error& failure) {
    EXPECT_NE(std::string(failure.what()).find("cudaDeviceSynchronize"), std::string::npos)
        << failure.what();
  }
  std::mt19937 random(11);
  check(*Registry::instance().find("cuda:naive"), parse_id("gru_b2_t3_i4_h5_l1_f32"), true, 1,
        random);
}

TEST_F(GpuSession, SaysHowMuchMemoryIsMissing) {
  try {
    session->release(session->allocate(std::size_t{1} << 50));
    FAIL() << "allocated a pebibyte";
  } catch (const Error& failure) {
    EXPECT_NE(std::string(failure.what()).find("not enough GPU memory: 1073741824 MiB needed"),
              std::string::npos)
        << failure.what();
  }
}

TEST_F(GpuSession, TimesALaunchByEventsAndByTheWall) {
  std::mt19937 random(12);
  const Problem p = parse_id("gru_b10_t50_i64_h64_l1_f32");
  DeviceProblem device(*session, p, random_inputs(p, random));
  auto kernel = Registry::instance().find("cuda:cublas")->make(p, device.tensors, {});
  session->time(*kernel);
  const Sample sample = session->time(*kernel);
  EXPECT_GT(sample.device_s, 20e-6);
  EXPECT_GE(sample.wall_s, sample.device_s);
  EXPECT_LT(sample.wall_s, 1);
}

TEST_F(GpuSession, MeasuresItsPeaks) {
  const Peaks peaks = session->calibrate();
  EXPECT_GT(peaks.copy_bytes_per_s, 1e10);
  EXPECT_GT(peaks.gemm_flops_per_s.at("f32"), 1e11);
  EXPECT_GE(peaks.gemm_flops_per_s.at("tf32"), peaks.gemm_flops_per_s.at("f32"));
  ASSERT_FALSE(peaks.exchange_s.empty());
  EXPECT_EQ(peaks.exchange_s.front(), (std::pair<int, double>{1, 0.0}));
  for (std::size_t k = 1; k < peaks.exchange_s.size(); ++k) {
    EXPECT_GT(peaks.exchange_s[k].second, 1e-8);
    EXPECT_LT(peaks.exchange_s[k].second, 1e-4);
  }
  EXPECT_FALSE(peaks.how.empty());
}

}  // namespace
}  // namespace rnnbench
