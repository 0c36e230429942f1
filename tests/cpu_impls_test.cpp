// The CPU's implementations against the tests' own float64 loop.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "harness/impl.hpp"
#include "tests/plain_loop.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

/// The module, opened once as a worker opens it.
class CpuImpls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string file = RNNBENCH_BUILD_DIR "/lib/rnnbench/cpu.so";
    ASSERT_TRUE(dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) << dlerror();
  }
  static const Backend& backend() { return *Registry::instance().backend(Device::cpu); }
  static std::vector<const Impl*> impls() {
    std::vector<const Impl*> found;
    for (const char* name : {"cpu:naive", "cpu:blas", "cpu:fused", "cpu:persistent", "cpu:onednn"})
      if (const Impl* impl = Registry::instance().find(name)) found.push_back(impl);
    return found;
  }
};

/// One problem's tensors on the device, and what three calls must give.
class Bench {
 public:
  Bench(Session& session, const Problem& p, std::mt19937& random)
      : session_(session), p_(p), specs_(tensor_specs(p)) {
    std::uniform_real_distribution<double> unit(0, 1);
    for (const auto& spec : specs_) {
      auto* data = static_cast<float*>(session.allocate(spec.elements() * sizeof(float)));
      pointers_.push_back(data);
      values_.emplace_back();
      if (spec.role == Role::output) continue;
      const double bound = 1 / std::sqrt(static_cast<double>(p.hidden));
      for (std::size_t k = 0; k < spec.elements(); ++k) {
        const double value =
            spec.fill == Fill::unit ? unit(random) : bound * (2 * unit(random) - 1);
        data[k] = static_cast<float>(value);
        values_.back().push_back(data[k]);
      }
    }
    PlainLoop plain(p_, values_);
    h_ = plain.tensor("h_0"), c_ = plain.tensor("c_0");
    for (Values& expected : expected_) {
      if (!p_.stateful) h_ = plain.tensor("h_0"), c_ = plain.tensor("c_0");
      plain.run(h_, c_);
      for (const auto& spec : specs_)
        expected.push_back(spec.role == Role::output ? plain.result(spec.name)
                                                     : std::vector<double>());
    }
  }
  ~Bench() {
    for (void* pointer : pointers_) session_.release(pointer);
  }

  /// Three calls, a reset, and the first call again.
  void check(const Impl& impl, int threads) {
    Options options;
    options.threads = threads;
    const auto kernel = impl.make(p_, bind_tensors(p_, pointers_), options);
    kernel->reset(nullptr);
    for (const int call : {0, 1, 2}) check_call(*kernel, call);
    kernel->reset(nullptr);
    check_call(*kernel, 0);
    const auto first = outputs();
    kernel->reset(nullptr);
    check_call(*kernel, 0);
    if (impl.deterministic) {
      EXPECT_EQ(first, outputs()) << "two calls differ";
    }
  }

 private:
  static constexpr int calls = 3;

  std::vector<unsigned char> outputs() const {
    std::vector<unsigned char> bytes;
    for (std::size_t k = 0; k < specs_.size(); ++k) {
      if (specs_[k].role != Role::output) continue;
      const auto* data = static_cast<const unsigned char*>(pointers_[k]);
      bytes.insert(bytes.end(), data, data + specs_[k].elements() * sizeof(float));
    }
    return bytes;
  }

  void check_call(Kernel& kernel, int call) {
    for (std::size_t k = 0; k < specs_.size(); ++k)
      if (specs_[k].role == Role::output)
        session_.fill(pointers_[k], 0xFF, specs_[k].elements() * sizeof(float));
    session_.time(kernel);
    for (std::size_t k = 0; k < specs_.size(); ++k) {
      const auto* got = static_cast<const float*>(pointers_[k]);
      if (specs_[k].role != Role::output) {
        for (std::size_t e = 0; e < specs_[k].elements(); ++e)
          ASSERT_EQ(got[e], values_[k][e]) << specs_[k].name << " was overwritten";
        continue;
      }
      const auto& want = expected_[call][k];
      ASSERT_EQ(want.size(), specs_[k].elements());
      for (std::size_t e = 0; e < want.size(); ++e)
        ASSERT_LE(std::abs(got[e] - want[e]), 1e-5 * (1 + std::abs(want[e])))
            << specs_[k].name << "[" << e << "] in call " << call << ": " << got[e] << " for "
            << want[e];
    }
  }

  Session& session_;
  const Problem p_;
  const std::vector<TensorSpec> specs_;
  std::vector<void*> pointers_;
  Values values_;
  std::vector<double> h_, c_;
  Values expected_[calls];
};

TEST_F(CpuImpls, TheFourFamiliesAreThere) {
  for (const char* name : {"cpu:naive", "cpu:blas", "cpu:fused", "cpu:persistent"})
    EXPECT_TRUE(Registry::instance().find(name)) << name;
}

TEST_F(CpuImpls, RandomProblemsAgreeWithThePlainLoop) {
  const auto session = backend().open({});
  std::mt19937 random(11);
  const std::int64_t sizes[] = {1, 2, 7, 33, 65};
  int done = 0;
  while (done < 300) {
    Problem p = random_problem(random, sizes);
    p.dtype = Dtype::f32;
    if (flops(p) > 4e6) continue;  // keeps the suite to seconds; larger ones come below
    Bench bench(*session, p, random);
    for (const Impl* impl : impls()) {
      SCOPED_TRACE(impl->name + " on " + id(p));
      // A peer's OpenMP threads spin, which on a busy machine takes minutes: one is enough here.
      bench.check(*impl, impl->peer ? 1 : static_cast<int>(random() % 4));
      if (HasFailure()) return;
    }
    ++done;
  }
}

TEST_F(CpuImpls, WorkSharedByThreadsAgreesWithThePlainLoop) {
  std::mt19937 random(12);
  const auto session = backend().open({});
  const char* ids[] = {"gru-bi_b33_t3_i7_h100_l2_f32",
                       "gru_b65_t2_i3_h130_l2_f32_btc_stateful",
                       "lstm-bi_b40_t3_i33_h97_l2_f32_head5-every_want-out+hn+cn_stateful",
                       "lstm_b65_t3_i33_h65_l3_f32_btc_nobias_head7-last",
                       "rnn_tanh-bi_b65_t3_i65_h130_l2_f32_btc_head3-last",
                       "rnn_relu_b65_t3_i65_h130_l2_f32_head3-every_stateful"};
  for (const char* text : ids) {
    const Problem p = parse_id(text);
    Bench bench(*session, p, random);
    for (const int threads : {1, 2, 3, 4, 7})
      for (const Impl* impl : impls()) {
        if (impl->name == "naive" || (impl->peer && threads > 2)) continue;
        SCOPED_TRACE(impl->name + " with " + std::to_string(threads) + " threads on " + text);
        bench.check(*impl, threads);
        if (HasFailure()) return;
      }
  }
}

TEST_F(CpuImpls, OtherDtypesAreRefusedWithAReason) {
  std::string why;
  const auto devices = backend().list(why);
  ASSERT_EQ(devices.size(), 1u);
  for (const Impl* impl : impls())
    for (const Dtype dtype : {Dtype::f32, Dtype::tf32, Dtype::f16, Dtype::bf16}) {
      Problem p;
      p.dtype = dtype;
      const Reason reason = impl->unsupported(p, devices[0]);
      const bool packed = impl->name == "fused" || impl->name == "persistent";
      const bool has = dtype == Dtype::f32 || (packed && dtype == Dtype::bf16);
      EXPECT_EQ(reason.has_value(), !has) << impl->name;
      if (reason) {
        EXPECT_NE(reason->find(name(dtype)), std::string::npos) << *reason;
      }
    }
}

TEST_F(CpuImpls, TheDeviceKnowsItself) {
  std::string why;
  const auto device = backend().list(why).at(0);
  EXPECT_TRUE(why.empty());
  EXPECT_GE(device.units, 1);
  EXPECT_GT(device.memory_bytes, 1e8);
  EXPECT_FALSE(device.card.empty());
  for (const auto& [label, value] : device.card) EXPECT_FALSE(label.empty() || value.empty());
}

TEST_F(CpuImpls, ASessionSaysWhatItCannotDo) {
  const auto session = backend().open({});
  struct Nothing final : Kernel {
    void launch(Stream) override {}
  } nothing;
  EXPECT_THROW(session->record(nothing), Error);
  EXPECT_THROW(backend().open({.index = 1}), Error);
  EXPECT_FALSE(session->reference(Problem{}, {}, {}));
  try {
    // All of it: at sizes that get as far as the allocator, sanitizers abort.
    session->allocate(~std::size_t{0});
    ADD_FAILURE() << "the whole address space was allocated";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("MiB"), std::string::npos) << error.what();
  }
}

TEST_F(CpuImpls, MemoryIsAligned) {
  const auto session = backend().open({});
  for (const std::size_t bytes : {0u, 1u, 255u, 4097u}) {
    void* pointer = session->allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pointer) % 256, 0u);
    session->release(pointer);
  }
}

TEST_F(CpuImpls, CalibrationGivesUsableCeilings) {
  const auto session = backend().open({.threads = 2});
  const Peaks peaks = session->calibrate();
  EXPECT_GT(peaks.copy_bytes_per_s, 1e8);
  EXPECT_GT(peaks.gemm_flops_per_s.at("f32"), 1e8);
  ASSERT_EQ(peaks.exchange_s.size(), 2u);
  EXPECT_EQ(peaks.exchange_s[0], (std::pair<int, double>{1, 0.0}));
  EXPECT_GT(peaks.exchange_s[1].second, 0);
  EXPECT_FALSE(peaks.how.empty());
}

}  // namespace
}  // namespace rnnbench
