// A plug-in: one implementation of a plain tanh RNN in one file, built outside the project.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

#include "harness/impl.hpp"

namespace {

using namespace rnnbench;

/// out[r] = b[r] + Σ_c w[r, c] · in[c] added to what `out` holds.
/// w: [rows, columns]; b: [rows] or null.
void add_product(const float* w, const float* b, const float* in, std::int64_t rows,
                 std::int64_t columns, float* out) {
  for (std::int64_t r = 0; r < rows; ++r) {
    float sum = b ? b[r] : 0.0f;
    for (std::int64_t c = 0; c < columns; ++c) sum += w[r * columns + c] * in[c];
    out[r] += sum;
  }
}

/// One layer, one direction, time first: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).
class Example final : public Kernel {
 public:
  Example(const Problem& p, const Tensors& t)
      : p_(p), t_(t), h_(static_cast<std::size_t>(p.hidden)), next_(h_.size()) {}

  void launch(Stream) override {
    for (std::int64_t b = 0; b < p_.batch; ++b) run_row(b);
  }

 private:
  void run_row(std::int64_t b) {
    const LayerWeights& w = t_.layers[0];
    const auto* x = static_cast<const float*>(t_.x);      // [T, B, I]
    const auto* h_0 = static_cast<const float*>(t_.h_0);  // [1, B, H]
    auto* output = static_cast<float*>(t_.output);        // [T, B, H] or null
    auto* h_n = static_cast<float*>(t_.h_n);              // [1, B, H] or null
    h_.assign(h_0 + b * p_.hidden, h_0 + (b + 1) * p_.hidden);
    for (std::int64_t step = 0; step < p_.seq; ++step) {
      next_.assign(next_.size(), 0.0f);
      const std::int64_t row = step * p_.batch + b;
      add_product(static_cast<const float*>(w.w_ih), static_cast<const float*>(w.b_ih),
                  x + row * p_.input, p_.hidden, p_.input, next_.data());
      add_product(static_cast<const float*>(w.w_hh), static_cast<const float*>(w.b_hh), h_.data(),
                  p_.hidden, p_.hidden, next_.data());
      for (std::size_t i = 0; i < h_.size(); ++i) h_[i] = std::tanh(next_[i]);
      if (output) std::copy(h_.begin(), h_.end(), output + row * p_.hidden);
    }
    if (h_n) std::copy(h_.begin(), h_.end(), h_n + b * p_.hidden);
  }

  Problem p_;
  Tensors t_;
  std::vector<float> h_, next_;  // [H]: allocated here, so that launch does not
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  if (p.cell != Cell::rnn_tanh) return "only rnn_tanh";
  if (p.layers != 1 || p.directions != 1) return "only one layer in one direction";
  if (p.layout != Layout::tbc) return "only time-first tensors";
  if (p.head_at != HeadAt::none) return "no linear head";
  if (p.stateful) return "no state between calls";
  if (p.dtype != Dtype::f32) return "only f32";
  return {};
}

RNNBENCH_IMPL({.name = "example",
               .device = Device::cpu,
               .summary = "the example of a plug-in: plain loops, tanh RNN only",
               .unsupported = unsupported,
               .make = [](const Problem& p, const Tensors& t, const Options&)
                   -> std::unique_ptr<Kernel> { return std::make_unique<Example>(p, t); }});

}  // namespace
