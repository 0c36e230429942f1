// One tanh layer as plain loops, for implementations whose time is what matters.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "harness/impl.hpp"

namespace rnnbench {

/// rnn_tanh, one layer, one direction, nothing else asked for.
inline bool is_plain_rnn(const Problem& p) {
  Problem plain = p;
  plain.batch = plain.seq = plain.input = plain.hidden = 1;
  plain.want_output = plain.want_h_n = true;
  Problem ours;
  ours.cell = Cell::rnn_tanh;
  return plain == ours;
}

/// The first `steps` steps, written to t.output [T, B, H] and t.h_n [1, B, H] where these are
/// wanted.
inline void plain_rnn(const Problem& p, const Tensors& t, std::int64_t steps) {
  const auto B = p.batch, H = p.hidden, I = p.input;
  const LayerWeights& w = t.layers[0];
  const auto at = [](const void* values, std::int64_t k) {
    return static_cast<const float*>(values)[k];
  };
  std::vector<double> h(static_cast<std::size_t>(B * H)), next(h.size());
  for (std::size_t k = 0; k < h.size(); ++k) h[k] = static_cast<const float*>(t.h_0)[k];
  for (std::int64_t step = 0; step < steps; ++step) {
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t u = 0; u < H; ++u) {
        double sum = static_cast<double>(at(w.b_ih, u)) + at(w.b_hh, u);
        for (std::int64_t k = 0; k < I; ++k)
          sum += static_cast<double>(at(w.w_ih, u * I + k)) * at(t.x, (step * B + b) * I + k);
        for (std::int64_t k = 0; k < H; ++k)
          sum += at(w.w_hh, u * H + k) * h[static_cast<std::size_t>(b * H + k)];
        next[static_cast<std::size_t>(b * H + u)] = std::tanh(sum);
      }
    h = next;
    if (t.output)
      for (std::size_t k = 0; k < h.size(); ++k)
        static_cast<float*>(t.output)[step * B * H + static_cast<std::int64_t>(k)] =
            static_cast<float>(h[k]);
  }
  if (t.h_n)
    for (std::size_t k = 0; k < h.size(); ++k)
      static_cast<float*>(t.h_n)[k] = static_cast<float>(h[k]);
}

}  // namespace rnnbench
