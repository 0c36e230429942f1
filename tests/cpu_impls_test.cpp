// The CPU's implementations against a plain float64 loop of this file's own.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "harness/impl.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

using Values = std::vector<std::vector<double>>;  // in tensor_specs order

double sigma(double v) { return 1 / (1 + std::exp(-v)); }

/// The formulas over tensors in tensor_specs order. `h` and `c` ([L*D, B, H]) are the state before
/// the call and become the state after it.
class PlainLoop {
 public:
  PlainLoop(const Problem& p, const Values& in) : p_(p), in_(in), specs_(tensor_specs(p)) {}

  const std::vector<double>& tensor(const std::string& name) const {
    for (std::size_t k = 0; k < specs_.size(); ++k)
      if (specs_[k].name == name) return in_[k];
    static const std::vector<double> none;
    return none;
  }

  void run(std::vector<double>& h, std::vector<double>& c) {
    const auto size = [](std::int64_t v) { return static_cast<std::size_t>(v); };
    auto below = tensor("x");
    for (int layer = 0; layer < p_.layers; ++layer) {
      output_.assign(size(p_.seq * p_.batch * p_.directions * p_.hidden), 0);
      for (int direction = 0; direction < p_.directions; ++direction)
        for (std::int64_t b = 0; b < p_.batch; ++b)
          for (std::int64_t s = 0; s < p_.seq; ++s)
            step(layer, direction, b, direction ? p_.seq - 1 - s : s, below, h, c);
      below = output_;
    }
    h_ = h, c_ = c;
  }

  std::vector<double> result(const std::string& name) const {
    if (name == "output") return output_;
    if (name == "h_n") return h_;
    if (name == "c_n") return c_;
    std::vector<double> y;
    const auto &w = tensor("head.weight"), &bias = tensor("head.bias");
    const std::int64_t features = p_.directions * p_.hidden;
    const auto add = [&](std::int64_t row) {
      for (std::int64_t o = 0; o < p_.head; ++o) {
        double sum = bias[static_cast<std::size_t>(o)];
        for (std::int64_t k = 0; k < features; ++k)
          sum += w[static_cast<std::size_t>(o * features + k)] *
                 output_[static_cast<std::size_t>(row * features + k)];
        y.push_back(sum);
      }
    };
    if (p_.head_at == HeadAt::every_step)
      for (std::int64_t row = 0; row < p_.seq * p_.batch; ++row) add(row);
    else
      for (std::int64_t b = 0; b < p_.batch; ++b) add(row(p_.seq - 1, b));
    return y;
  }

 private:
  std::int64_t row(std::int64_t t, std::int64_t b) const {
    return p_.layout == Layout::btc ? b * p_.seq + t : t * p_.batch + b;
  }

  void step(int layer, int direction, std::int64_t b, std::int64_t t,
            const std::vector<double>& below, std::vector<double>& h, std::vector<double>& c) {
    const std::string suffix = "_l" + std::to_string(layer) + (direction ? "_reverse" : "");
    const auto &w_ih = tensor("weight_ih" + suffix), &w_hh = tensor("weight_hh" + suffix);
    const auto &b_ih = tensor("bias_ih" + suffix), &b_hh = tensor("bias_hh" + suffix);
    const std::int64_t hidden = p_.hidden, inputs = layer_input(p_, layer);
    double* h_row = h.data() + ((layer * p_.directions + direction) * p_.batch + b) * hidden;
    double* c_row = c.empty() ? nullptr : c.data() + (h_row - h.data());
    std::vector<double> next(static_cast<std::size_t>(hidden));
    for (std::int64_t j = 0; j < hidden; ++j) {
      double x[4] = {}, a[4] = {};
      for (int g = 0; g < gates(p_.cell); ++g) {
        const auto unit = static_cast<std::size_t>(g * hidden + j);
        if (p_.bias) x[g] = b_ih[unit], a[g] = b_hh[unit];
        for (std::int64_t k = 0; k < inputs; ++k)
          x[g] += w_ih[unit * static_cast<std::size_t>(inputs) + static_cast<std::size_t>(k)] *
                  below[static_cast<std::size_t>(row(t, b) * inputs + k)];
        for (std::int64_t k = 0; k < hidden; ++k)
          a[g] += w_hh[unit * static_cast<std::size_t>(hidden) + static_cast<std::size_t>(k)] *
                  h_row[k];
      }
      double& to = next[static_cast<std::size_t>(j)];
      if (p_.cell == Cell::rnn_tanh) to = std::tanh(x[0] + a[0]);
      if (p_.cell == Cell::rnn_relu) to = std::max(0.0, x[0] + a[0]);
      if (p_.cell == Cell::gru) {
        const double r = sigma(x[0] + a[0]), z = sigma(x[1] + a[1]);
        to = (1 - z) * std::tanh(x[2] + r * a[2]) + z * h_row[j];
      }
      if (p_.cell == Cell::lstm) {
        c_row[j] = sigma(x[1] + a[1]) * c_row[j] + sigma(x[0] + a[0]) * std::tanh(x[2] + a[2]);
        to = sigma(x[3] + a[3]) * std::tanh(c_row[j]);
      }
    }
    std::copy(next.begin(), next.end(), h_row);
    std::copy(next.begin(), next.end(),
              output_.begin() + (row(t, b) * p_.directions + direction) * hidden);
  }

  const Problem p_;
  const Values& in_;
  const std::vector<TensorSpec> specs_;
  std::vector<double> output_, h_, c_;
};

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
    for (const char* name : {"cpu:naive", "cpu:blas", "cpu:onednn"})
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
    for (int call = 0; call < calls; ++call) {
      if (!p_.stateful) h_ = plain.tensor("h_0"), c_ = plain.tensor("c_0");
      plain.run(h_, c_);
      for (const auto& spec : specs_)
        expected_[call].push_back(spec.role == Role::output ? plain.result(spec.name)
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

TEST_F(CpuImpls, NaiveAndBlasAreThere) {
  EXPECT_TRUE(Registry::instance().find("cpu:naive"));
  EXPECT_TRUE(Registry::instance().find("cpu:blas"));
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
      EXPECT_EQ(reason.has_value(), dtype != Dtype::f32) << impl->name;
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
