// The CUDA module itself: what it says without a GPU, its session and its reference with one.
#include <fstream>
#include <limits>

#include "tests/cuda_fixture.hpp"

namespace rnnbench {
namespace {

using namespace cuda_fixture;
using GpuReference = Gpu;
using GpuSession = Gpu;

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

TEST_F(CudaModule, SaysWhatCublasCannotCount) {
  const Impl* impl = Registry::instance().find("cuda:cublas");
  ASSERT_NE(impl->unsupported, nullptr);
  EXPECT_FALSE(impl->unsupported(parse_id("gru_b16_t100_i8_h8_l1_bf16"), {}).has_value());
  const Reason reason = impl->unsupported(parse_id("gru_b65536_t65536_i8_h8_l1_f32"), {});
  ASSERT_TRUE(reason.has_value());
  EXPECT_NE(reason->find("2^31"), std::string::npos);
}

TEST_F(CudaModule, SaysWhichWordsTheOptionsOfCublasTake) {
  const Impl* impl = Registry::instance().find("cuda:cublas");
  const Problem p = parse_id("gru_b1_t2_i3_h4_l2_f32");
  for (const char* option : {"schedule", "streams", "products"}) try {
      impl->make(p, {}, {.more = {{option, "sideways"}}});
      FAIL() << option << " took any word";
    } catch (const UsageError& refusal) {
      EXPECT_NE(std::string(refusal.what()).find("not 'sideways'"), std::string::npos);
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

TEST_F(GpuSession, FindsOneByteThatDiffersAnywhere) {
  constexpr std::size_t bytes = (std::size_t{17} << 20) + 5;  // more than the grid takes at once
  const std::vector<unsigned char> values(bytes, 0x5A);
  void *a = session->allocate(bytes), *b = session->allocate(bytes);
  session->copy_in(a, values.data(), bytes);
  session->copy_in(b, values.data(), bytes);
  EXPECT_TRUE(session->equal(a, b, bytes));
  for (const std::size_t at : {std::size_t{0}, bytes / 2, bytes - 6, bytes - 5, bytes - 1}) {
    auto* const place = static_cast<unsigned char*>(b) + at;
    session->fill(place, 0x5B, 1);
    EXPECT_FALSE(session->equal(a, b, bytes)) << at;
    session->fill(place, 0x5A, 1);
    EXPECT_TRUE(session->equal(a, b, bytes)) << at;
  }
  session->release(a);
  session->release(b);
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
