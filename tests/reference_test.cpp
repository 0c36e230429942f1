#include "harness/reference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "harness/error.hpp"
#include "harness/product.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

using Named = std::map<std::string, std::vector<double>>;

double sigmoid(double x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

/// The definition as plain loops, one value at a time, with nothing shared with what is tested.
Named plain(const Problem& p, const std::vector<HostTensor>& inputs) {
  Named in, out;
  for (const auto& t : inputs) in[t.spec.name] = {t.values.begin(), t.values.end()};
  const std::int64_t B = p.batch, T = p.seq, H = p.hidden, D = p.directions;
  const auto at = [&](std::int64_t t, std::int64_t b, std::int64_t f, std::int64_t features) {
    return static_cast<std::size_t>(p.layout == Layout::tbc ? (t * B + b) * features + f
                                                            : (b * T + t) * features + f);
  };
  std::vector<double> below = in["x"];
  out["h_n"] = in["h_0"];
  if (p.cell == Cell::lstm) out["c_n"] = in["c_0"];
  for (int layer = 0; layer < p.layers; ++layer) {
    const std::int64_t I = layer_input(p, layer);
    std::vector<double> above(static_cast<std::size_t>(T * B * D * H));
    for (std::int64_t d = 0; d < D; ++d) {
      const auto suffix = "_l" + std::to_string(layer) + (d ? "_reverse" : "");
      const auto& w_ih = in["weight_ih" + suffix];
      const auto& w_hh = in["weight_hh" + suffix];
      for (std::int64_t b = 0; b < B; ++b) {
        const auto state = static_cast<std::size_t>(((layer * D + d) * B + b) * H);
        for (std::int64_t step = 0; step < T; ++step) {
          const std::int64_t t = d ? T - 1 - step : step;
          const std::vector<double> h(&out["h_n"][state], &out["h_n"][state] + H);
          const auto x_part = [&](std::int64_t gate, std::int64_t j) {
            const std::int64_t row = gate * H + j;
            double sum = p.bias ? in["bias_ih" + suffix][row] : 0;
            for (std::int64_t k = 0; k < I; ++k) sum += w_ih[row * I + k] * below[at(t, b, k, I)];
            return sum;
          };
          const auto h_part = [&](std::int64_t gate, std::int64_t j) {
            const std::int64_t row = gate * H + j;
            double sum = p.bias ? in["bias_hh" + suffix][row] : 0;
            for (std::int64_t k = 0; k < H; ++k) sum += w_hh[row * H + k] * h[k];
            return sum;
          };
          const auto both = [&](std::int64_t g, std::int64_t j) {
            return x_part(g, j) + h_part(g, j);
          };
          for (std::int64_t j = 0; j < H; ++j) {
            double next = 0;
            if (p.cell == Cell::rnn_tanh) next = std::tanh(both(0, j));
            if (p.cell == Cell::rnn_relu) next = std::fmax(both(0, j), 0.0);
            if (p.cell == Cell::gru) {
              const double r = sigmoid(both(0, j)), z = sigmoid(both(1, j));
              const double n = std::tanh(x_part(2, j) + r * h_part(2, j));
              next = (1 - z) * n + z * h[j];
            }
            if (p.cell == Cell::lstm) {
              double& c = out["c_n"][state + j];
              c = sigmoid(both(1, j)) * c + sigmoid(both(0, j)) * std::tanh(both(2, j));
              next = sigmoid(both(3, j)) * std::tanh(c);
            }
            out["h_n"][state + j] = above[at(t, b, d * H + j, D * H)] = next;
          }
        }
      }
    }
    below = above;
  }
  out["output"] = below;
  if (p.head_at == HeadAt::none) return out;
  const bool last = p.head_at == HeadAt::last_step;
  auto& y = out["y"];
  y.resize(static_cast<std::size_t>((last ? 1 : T) * B * p.head));
  for (std::int64_t t = last ? T - 1 : 0; t < T; ++t)
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t o = 0; o < p.head; ++o) {
        double sum = in["head.bias"][o];
        for (std::int64_t k = 0; k < D * H; ++k)
          sum += in["head.weight"][o * D * H + k] * below[at(t, b, k, D * H)];
        y[last ? static_cast<std::size_t>(b * p.head + o) : at(t, b, o, p.head)] = sum;
      }
  return out;
}

void expect_agreement(const Problem& p, const Reference& got, const Named& want) {
  ASSERT_EQ(got.size(), want.size()) << id(p);
  for (const auto& tensor : got) {
    const auto& expected = want.at(tensor.spec.name);
    ASSERT_EQ(tensor.values.size(), expected.size()) << id(p) << " " << tensor.spec.name;
    ASSERT_EQ(tensor.values.size(), tensor.spec.elements());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(tensor.values[i], expected[i], 1e-12 * std::fmax(1, std::fabs(expected[i])))
          << id(p) << " " << tensor.spec.name << " " << i;
  }
}

void expect_same_bits(const Reference& a, const Reference& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t k = 0; k < a.size(); ++k)
    ASSERT_EQ(a[k].values, b[k].values) << what << " " << a[k].spec.name;
}

/// Inputs of exactly the problem's batch; `gain` stretches x so that gates saturate, both ways.
std::vector<HostTensor> inputs_of(const Problem& p, std::uint64_t seed, float gain = 1) {
  const Inputs inputs = make_inputs(p, seed);
  auto tensors = input_set(p, inputs, 0);
  for (const auto& t : inputs.tensors)
    if (t.spec.role == Role::weight) tensors.push_back(t);
  if (gain != 1)
    for (float& value : tensors[0].values) value = gain * (value - 0.5f);
  return tensors;
}

TEST(Reference, AgreesWithPlainLoopsOnRandomProblems) {
  std::mt19937 random(5);
  const std::vector<std::int64_t> sizes{1, 1, 2, 3, 7, 7, 13, 33};
  std::map<std::string, int> seen;
  for (int k = 0; k < 400; ++k) {
    const Problem p = random_problem(random, sizes);
    if (flops(p) > 3e7) continue;  // the plain loops take too long
    const auto inputs = inputs_of(p, static_cast<std::uint64_t>(k), k % 3 ? 1.0f : 60.0f);
    expect_agreement(p, reference(p, inputs, 2), plain(p, inputs));
    if (HasFatalFailure()) return;
    ++seen[std::string(name(p.cell))];
    ++seen["all"];
  }
  EXPECT_GE(seen["all"], 300);
  for (const char* cell : {"rnn_tanh", "rnn_relu", "gru", "lstm"})
    EXPECT_GE(seen[cell], 50) << cell;
}

TEST(Reference, AgreesWithPlainLoopsAcrossItsBlocks) {
  // Each is longer than some block of the product: depth, rows, columns, or steps done at a time.
  for (const char* text :
       {"gru_b1_t2_i257_h257_l1_f32", "lstm-bi_b2_t3_i7_h257_l2_f32_btc",
        "rnn_tanh_b67_t1_i300_h33_l1_f32_head7-every", "gru_b1_t1_i513_h257_l1_f32",
        "rnn_relu_b7_t90_i3_h5_l1_f32_btc_head1-every",
        "gru-bi_b33_t600_i2_h7_l2_f32_btc_head3-last", "lstm_b700_t3_i5_h9_l1_f32",
        "rnn_tanh-bi_b3_t2_i5_h900_l1_f32_head801-last",
        "rnn_tanh_b1_t3000_i1_h7_l2_f32_head2-every"}) {
    Problem p = parse_id(text);
    // Long sums of relu grow: agreement is relative to what they are.
    const auto inputs = inputs_of(p, 11);
    expect_agreement(p, reference(p, inputs, 2), plain(p, inputs));
  }
}

TEST(Reference, ThreadsChangeNoBit) {
  for (const char* text :
       {"gru-bi_b11_t40_i33_h65_l2_f32_head5-every", "lstm_b10_t30_i64_h96_l2_f32_btc",
        "rnn_tanh_b1_t600_i130_h129_l1_f32", "gru_b130_t1_i400_h300_l2_f32_head200-last"}) {
    const Problem p = parse_id(text);
    ASSERT_GT(flops(p), 2e7) << "too small to be shared out: " << text;
    const auto inputs = inputs_of(p, 3);
    const auto one = reference(p, inputs, 1);
    for (const int threads : {2, 3, 7}) expect_same_bits(one, reference(p, inputs, threads), text);
  }
}

TEST(Reference, RolledInputSetsGiveRolledOutputs) {
  for (const char* text : {"lstm-bi_b5_t9_i7_h33_l2_f32_head3-every", "gru_b1_t4_i3_h5_l1_f32_btc",
                           "rnn_relu_b3_t4_i3_h5_l1_f32_btc_head7-last"}) {
    const Problem p = parse_id(text);
    const Inputs pool = make_inputs(p, 2);
    const auto pooled = reference(pool.pool, pool.tensors);
    for (const int k : {0, 1, 4, 9}) {
      auto tensors = input_set(p, pool, k);
      for (const auto& t : pool.tensors)
        if (t.spec.role == Role::weight) tensors.push_back(t);
      const auto rolled = reference(p, tensors);
      for (std::size_t i = 0; i < pooled.size(); ++i)
        EXPECT_EQ(rolled[i].values, take_rows(pooled[i].values, pooled[i].spec.shape,
                                              batch_axis(p, pooled[i].spec.name), k, p.batch))
            << text << " set " << k << " " << pooled[i].spec.name;
    }
  }
}

TEST(Reference, StateCarriesACallOn) {
  // Two calls of T steps, the second from the state of the first, are one call of 2T steps.
  for (const char* text : {"lstm_b3_t8_i5_h7_l2_f32", "gru_b2_t2_i33_h7_l3_f32",
                           "rnn_tanh_b4_t2_i5_h33_l1_f32_head6-every"}) {
    const Problem whole = parse_id(text);
    Problem half = whole;
    half.seq = whole.seq / 2;
    const auto inputs = inputs_of(whole, 6);
    auto first = inputs, second = inputs;
    auto& x = inputs[0].values;
    const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
    first[0].values.assign(x.begin(), middle);
    second[0].values.assign(middle, x.end());
    const auto want = reference(whole, inputs);
    const auto one = reference(half, first);
    const auto two = reference(half, second, 0, &one);
    for (std::size_t k = 0; k < want.size(); ++k) {
      const bool sequence = want[k].spec.name == "output" || want[k].spec.name == "y";
      auto got = sequence ? one[k].values : std::vector<double>{};
      got.insert(got.end(), two[k].values.begin(), two[k].values.end());
      EXPECT_EQ(got, want[k].values) << text << " " << want[k].spec.name;
    }
    EXPECT_NE(reference(half, second)[0].values, two[0].values) << "the state made no difference";
  }
}

TEST(Reference, SaturatedGatesStayFinite) {
  for (const char* cell : {"rnn_tanh", "gru", "lstm"}) {
    const Problem p = parse_id(std::string(cell) + "_b2_t3_i7_h5_l1_f32");
    for (const auto& tensor : reference(p, inputs_of(p, 1, 1e6f)))
      for (const double value : tensor.values) EXPECT_TRUE(std::isfinite(value)) << cell;
  }
}

TEST(Reference, RefusesInputsThatDoNotFit) {
  const Problem p = parse_id("lstm_b2_t3_i7_h5_l1_f32");
  auto inputs = inputs_of(p, 1);
  const auto good = reference(p, inputs);
  auto other_state = reference(parse_id("lstm_b1_t3_i7_h5_l1_f32"),
                               inputs_of(parse_id("lstm_b1_t3_i7_h5_l1_f32"), 1));
  EXPECT_THROW(reference(p, inputs, 0, &other_state), Error);
  inputs.push_back(inputs.back());
  EXPECT_THROW(reference(p, inputs), Error);
  inputs.resize(inputs.size() - 2);
  EXPECT_THROW(reference(p, inputs), Error);
  inputs = inputs_of(p, 1);
  inputs[0].values.pop_back();
  EXPECT_THROW(reference(p, inputs), Error);
}

TEST(Product, EveryKernelOfThisProcessorAgrees) {
  const auto& kernels = product_kernels();
  ASSERT_EQ(kernels.back().name, "portable");
  for (const std::int64_t rows : {1, 2, 5, 8, 11, 67})
    for (const std::int64_t columns : {1, 7, 24, 33, 100})
      for (const std::int64_t depth : {1, 7, 257}) {
        std::vector<double> a(static_cast<std::size_t>(rows * depth));
        std::vector<float> w(static_cast<std::size_t>(columns * depth));
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(1.7 * static_cast<double>(i));
        for (std::size_t i = 0; i < w.size(); ++i) w[i] = std::cos(2.3f * static_cast<float>(i));
        for (const auto& kernel : kernels) {
          const std::int64_t ldc = padded(columns, kernel);
          std::vector<double> packed(static_cast<std::size_t>(rows * ldc), 0.5), blocked(packed);
          PackedWeights(kernel, w.data(), columns, depth).multiply(a.data(), packed.data(), rows);
          Rows source;
          source.f64 = a.data();
          source.step_stride = depth;
          const std::vector<float> bias(static_cast<std::size_t>(columns), 0.5f);
          const BlockedProduct product{&kernel,     source,  0,     rows,          w.data(),
                                       bias.data(), columns, depth, blocked.data()};
          for (std::int64_t tile = 0; tile < product.tiles(); ++tile) product.run(tile);
          for (std::int64_t m = 0; m < rows; ++m)
            for (std::int64_t n = 0; n < columns; ++n) {
              double want = 0.5;
              for (std::int64_t k = 0; k < depth; ++k) want += a[m * depth + k] * w[n * depth + k];
              ASSERT_NEAR(packed[m * ldc + n], want, 1e-13 * static_cast<double>(depth + 1))
                  << kernel.name << " " << rows << "x" << columns << "x" << depth;
              ASSERT_EQ(blocked[m * ldc + n], packed[m * ldc + n]) << kernel.name;
            }
        }
      }
}

}  // namespace
}  // namespace rnnbench
