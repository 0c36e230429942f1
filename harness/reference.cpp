#include "harness/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/error.hpp"
#include "harness/parallel.hpp"
#include "harness/product.hpp"

namespace rnnbench {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One step of one batch row. gi: W_ih x + b_ih, gh: W_hh h + b_hh, [G*H] each; h, c: [H], old in,
/// new out.
void update_row(Cell cell, std::int64_t hidden, const double* gi, const double* gh, double* h,
                double* c) {
  const std::int64_t n = hidden;
  switch (cell) {
    case Cell::rnn_tanh:
      for (std::int64_t j = 0; j < n; ++j) h[j] = std::tanh(gi[j] + gh[j]);
      return;
    case Cell::rnn_relu:
      for (std::int64_t j = 0; j < n; ++j) h[j] = std::max(0.0, gi[j] + gh[j]);
      return;
    case Cell::gru:
      for (std::int64_t j = 0; j < n; ++j) {
        const double r = sigmoid(gi[j] + gh[j]);
        const double z = sigmoid(gi[n + j] + gh[n + j]);
        const double candidate = std::tanh(gi[2 * n + j] + r * gh[2 * n + j]);
        h[j] = candidate + z * (h[j] - candidate);
      }
      return;
    case Cell::lstm:
      for (std::int64_t j = 0; j < n; ++j) {
        const double i = sigmoid(gi[j] + gh[j]);
        const double f = sigmoid(gi[n + j] + gh[n + j]);
        const double g = std::tanh(gi[2 * n + j] + gh[2 * n + j]);
        const double o = sigmoid(gi[3 * n + j] + gh[3 * n + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * std::tanh(c[j]);
      }
      return;
  }
}

/// Where time steps and batch rows of a sequence [T,B,F] or [B,T,F] lie.
Rows sequence_rows(const Problem& p, std::int64_t features) {
  Rows rows;
  rows.batch = p.batch;
  rows.step_stride = p.layout == Layout::tbc ? p.batch * features : features;
  rows.batch_stride = p.layout == Layout::tbc ? features : p.seq * features;
  return rows;
}

/// The weights of one layer and direction, as they lie in the inputs.
struct Weights {
  const float* w_ih = nullptr;  // [G*H, I or D*H]
  const float* w_hh = nullptr;  // [G*H, H]
  const float* b_ih = nullptr;  // [G*H], null without bias
  const float* b_hh = nullptr;
};

/// Runs products side by side, tile by tile.
void run_all(const std::vector<BlockedProduct>& products, int threads) {
  std::int64_t tiles = 0;
  for (const auto& product : products) tiles += product.tiles();
  parallel_for(threads, tiles, [&](std::int64_t k) {
    auto product = products.begin();
    while (k >= product->tiles()) k -= product++->tiles();
    product->run(k);
  });
}

/// One layer: for a stretch of steps at a time, first the input products of all its steps at once,
/// then the recurrence. Batch rows and directions never meet within a layer, so the recurrence is
/// shared out by them and no step waits for another thread.
class Layer {
 public:
  Layer(const Problem& p, int threads, const ProductKernel& kernel, Rows below,
        std::int64_t features, const Weights* weights)
      : p_(p),
        threads_(threads),
        kernel_(kernel),
        below_(below),
        features_(features),
        weights_(weights),
        columns_(gates(p.cell) * p.hidden),
        ldg_(padded(columns_, kernel)) {}

  /// h, c: [D, B, H], first in, last out; output: the sequence [.., D*H].
  void run(double* h, double* c, double* output) {
    // Enough rows at once to pay for packing W_ih, few enough not to fill the memory.
    const std::int64_t rows = std::max<std::int64_t>(1024, (std::int64_t{1} << 21) / ldg_);
    const std::int64_t stretch = std::clamp<std::int64_t>(rows / p_.batch, 1, p_.seq);
    gi_.resize(size(p_.directions * stretch * p_.batch * ldg_));
    gh_.resize(size(p_.directions * p_.batch * ldg_));
    prepare_hidden(h);
    const std::int64_t slices =
        std::min<std::int64_t>(p_.batch, (threads_ + p_.directions - 1) / p_.directions);
    for (std::int64_t begin = 0; begin < p_.seq; begin += stretch) {
      const std::int64_t end = std::min(p_.seq, begin + stretch);
      input_products(begin, end);
      parallel_for(threads_, p_.directions * slices, [&](std::int64_t k) {
        const std::int64_t d = k / slices, s = k % slices;
        recur(d, begin, end, s * p_.batch / slices, (s + 1) * p_.batch / slices, h, c, output);
      });
    }
  }

 private:
  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

  /// Steps [begin, end) in the order of the recurrence are these steps in time, from the first on.
  std::int64_t first_step(std::int64_t d, std::int64_t begin, std::int64_t end) const {
    return d == 0 ? begin : p_.seq - end;
  }
  double* gi(std::int64_t d) {
    return gi_.data() + d * static_cast<std::int64_t>(gi_.size()) / p_.directions;
  }
  double* gh(std::int64_t d) { return gh_.data() + d * p_.batch * ldg_; }

  /// Packs W_hh for all the steps; a single step would not pay for that, so its product is done
  /// here.
  void prepare_hidden(const double* h) {
    if (p_.seq > 1) {
      hidden_.resize(size(p_.directions));
      parallel_for(threads_, p_.directions, [&](std::int64_t d) {
        hidden_[size(d)] = PackedWeights(kernel_, weights_[d].w_hh, columns_, p_.hidden);
      });
      return;
    }
    std::vector<BlockedProduct> products;
    for (std::int64_t d = 0; d < p_.directions; ++d) {
      Rows state;
      state.f64 = h + d * p_.batch * p_.hidden;
      state.step_stride = p_.hidden;
      products.push_back({&kernel_, state, 0, p_.batch, weights_[d].w_hh, weights_[d].b_hh,
                          columns_, p_.hidden, gh(d)});
    }
    run_all(products, threads_);
  }

  void input_products(std::int64_t begin, std::int64_t end) {
    std::vector<BlockedProduct> products;
    for (std::int64_t d = 0; d < p_.directions; ++d)
      products.push_back({&kernel_, below_, first_step(d, begin, end) * p_.batch,
                          (end - begin) * p_.batch, weights_[d].w_ih, weights_[d].b_ih, columns_,
                          features_, gi(d)});
    run_all(products, threads_);
  }

  void hidden_product(std::int64_t d, std::int64_t first, std::int64_t last, const double* h) {
    double* to = gh(d) + first * ldg_;
    std::fill(to, to + (last - first) * ldg_, 0.0);
    if (const float* bias = weights_[d].b_hh)
      for (std::int64_t b = first; b < last; ++b) std::copy_n(bias, columns_, gh(d) + b * ldg_);
    hidden_[size(d)].multiply(h + first * p_.hidden, to, last - first);
  }

  /// Steps [begin, end) of direction d for batch rows [first, last).
  void recur(std::int64_t d, std::int64_t begin, std::int64_t end, std::int64_t first,
             std::int64_t last, double* h, double* c, double* output) {
    const Rows place = sequence_rows(p_, p_.directions * p_.hidden);
    h += d * p_.batch * p_.hidden;
    if (c) c += d * p_.batch * p_.hidden;
    for (std::int64_t step = begin; step < end; ++step) {
      const std::int64_t t = d == 0 ? step : p_.seq - 1 - step;
      if (p_.seq > 1) hidden_product(d, first, last, h);
      for (std::int64_t b = first; b < last; ++b) {
        double* row = h + b * p_.hidden;
        update_row(p_.cell, p_.hidden,
                   gi(d) + ((t - first_step(d, begin, end)) * p_.batch + b) * ldg_,
                   gh(d) + b * ldg_, row, c ? c + b * p_.hidden : nullptr);
        std::copy_n(row, p_.hidden,
                    output + t * place.step_stride + b * place.batch_stride + d * p_.hidden);
      }
    }
  }

  const Problem& p_;
  int threads_;
  const ProductKernel& kernel_;
  Rows below_;
  std::int64_t features_;
  const Weights* weights_;      // [D]
  std::int64_t columns_, ldg_;  // G*H, and with padding
  std::vector<double> gi_;      // [D, steps of a stretch * B, ldg]: W_ih x + b_ih
  std::vector<double> gh_;      // [D, B, ldg]: W_hh h + b_hh
  std::vector<PackedWeights> hidden_;
};

/// y = output · W_headᵀ + b_head, for every step or for the last.
void run_head(const Problem& p, int threads, const ProductKernel& kernel, const double* output,
              const float* w, const float* bias, std::vector<double>& y) {
  const std::int64_t features = p.directions * p.hidden;
  Rows rows = sequence_rows(p, features);
  rows.f64 = output;
  const bool last = p.head_at == HeadAt::last_step;
  if (last) rows.f64 += (p.seq - 1) * rows.step_stride;
  const Rows place = sequence_rows(p, p.head);
  const std::int64_t total = last ? p.batch : p.seq * p.batch, ldc = padded(p.head, kernel);
  const std::int64_t stretch = std::max<std::int64_t>(1024, (std::int64_t{1} << 21) / ldc);
  std::vector<double> c(static_cast<std::size_t>(std::min(stretch, total) * ldc));
  for (std::int64_t begin = 0; begin < total; begin += stretch) {
    const std::int64_t count = std::min(stretch, total - begin);
    run_all({{&kernel, rows, begin, count, w, bias, p.head, features, c.data()}}, threads);
    for (std::int64_t r = 0; r < count; ++r) {
      const std::int64_t t = (begin + r) / p.batch, b = (begin + r) % p.batch;
      const std::int64_t to = last ? b * p.head : t * place.step_stride + b * place.batch_stride;
      std::copy_n(c.begin() + r * ldc, p.head, y.begin() + to);
    }
  }
}

void check_inputs(const Problem& p, const std::vector<TensorSpec>& specs,
                  const std::vector<HostTensor>& inputs) {
  std::size_t next = 0;
  for (const auto& spec : specs) {
    if (spec.role == Role::output) continue;
    if (next >= inputs.size() || inputs[next].values.size() != spec.elements())
      throw Error(fmt::format("reference of {}: tensor {} ({}) must have {} values, not {}", id(p),
                              next, spec.name, spec.elements(),
                              next < inputs.size() ? inputs[next].values.size() : 0));
    ++next;
  }
  if (next != inputs.size())
    throw Error(
        fmt::format("reference of {}: {} tensors given, {} needed", id(p), inputs.size(), next));
}

/// The state a call starts from: that of `state` where given, else `values` of h_0 or c_0.
std::vector<double> first_state(const Reference* state, std::string_view name,
                                const std::vector<float>& values) {
  if (!state) return {values.begin(), values.end()};
  for (const auto& tensor : *state)
    if (tensor.spec.name == name && tensor.values.size() == values.size()) return tensor.values;
  throw Error(
      fmt::format("reference: the state given has no {} of {} values", name, values.size()));
}

}  // namespace

Reference reference(const Problem& p, const std::vector<HostTensor>& inputs, int threads,
                    const Reference* state) {
  const auto specs = tensor_specs(with_all_outputs(p));
  check_inputs(p, specs, inputs);
  // Starting a thread costs what a million multiply-adds do.
  threads = flops(p) < 2e7 ? 1 : usable_threads(threads);
  const ProductKernel& kernel = product_kernels().front();

  Reference result;
  for (const auto& spec : specs) {
    if (spec.role != Role::output) continue;
    result.push_back({spec, {}});
    if (spec.name == "h_n")
      result.back().values = first_state(state, "h_n", inputs[1].values);
    else if (spec.name == "c_n")
      result.back().values = first_state(state, "c_n", inputs[2].values);
    else
      result.back().values.resize(spec.elements());
  }
  const bool lstm = p.cell == Cell::lstm;
  std::vector<double>& output = result[0].values;
  double* h = result[1].values.data();
  double* c = lstm ? result[2].values.data() : nullptr;
  std::size_t next = lstm ? 3 : 2;
  const auto take = [&] { return inputs[next++].values.data(); };
  std::vector<double> below;  // the output of the layer below
  for (int layer = 0; layer < p.layers; ++layer) {
    Weights weights[2];
    for (int d = 0; d < p.directions; ++d) {
      weights[d].w_ih = take();
      weights[d].w_hh = take();
      if (p.bias) weights[d].b_ih = take(), weights[d].b_hh = take();
    }
    if (layer == 1) below.resize(output.size());
    if (layer > 0) std::swap(below, output);
    const std::int64_t features = layer_input(p, layer);
    Rows rows = sequence_rows(p, features);
    if (layer == 0)
      rows.f32 = inputs[0].values.data();
    else
      rows.f64 = below.data();
    const std::int64_t states = layer * p.directions * p.batch * p.hidden;
    Layer(p, threads, kernel, rows, features, weights)
        .run(h + states, c ? c + states : nullptr, output.data());
  }
  if (p.head_at != HeadAt::none) {
    const float* w = take();
    run_head(p, threads, kernel, output.data(), w, take(), result.back().values);
  }
  return result;
}

}  // namespace rnnbench
