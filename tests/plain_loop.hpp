// The formulas as one float64 loop that shares no code with the project's reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "harness/tensor.hpp"

namespace rnnbench {

using Values = std::vector<std::vector<double>>;  // in tensor_specs order

inline double sigma(double v) { return 1 / (1 + std::exp(-v)); }

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

}  // namespace rnnbench
