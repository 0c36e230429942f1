// The answer in float64: every implementation of every kind is checked against it.
#pragma once

#include <vector>

#include "harness/inputs.hpp"

namespace rnnbench {

/// All outputs of a problem in float64, in the order output, h_n, c_n (lstm), y (with a head).
struct ReferenceOutput {
  TensorSpec spec;
  std::vector<double> values;
};
using Reference = std::vector<ReferenceOutput>;

/// Maths: torch.nn's RNN, GRU (reset after the product) and LSTM, all sums in float64 over inputs
/// given in f32. `inputs` are all inputs and weights of `p` in tensor_specs order. Wanted outputs
/// of `p` do not matter: all are computed. `threads` 0: all cores. With `state` (h_n and, for lstm,
/// c_n of an earlier call) the call starts from it instead of h_0 and c_0.
Reference reference(const Problem& p, const std::vector<HostTensor>& inputs, int threads = 0,
                    const Reference* state = nullptr);

}  // namespace rnnbench
