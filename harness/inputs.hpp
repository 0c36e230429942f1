// Seeded inputs and weights, the same on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/tensor.hpp"

namespace rnnbench {

/// A tensor on the host in f32; values are already rounded to the problem's storage type.
struct HostTensor {
  TensorSpec spec;
  std::vector<float> values;
};

/// Weights once, and inputs with a pool of rows: batch rows are independent, so a case can be given
/// different sets of inputs whose reference is known for the price of one: set k uses rows
/// k … k+B-1 of the pool, wrapping around, so that any three sets in turn differ in every row.
struct Inputs {
  Problem pool;                     // the problem with batch = max(B, 3)
  std::vector<HostTensor> tensors;  // inputs and weights of `pool`, in tensor_specs order
};

/// Every value is a function of (seed, tensor name, index) only, whatever the thread count:
/// x, h_0, c_0 from U[0,1), weights and biases from U(±1/√H), heads from U(±1/√(D*H)).
/// `threads` 0: all cores. `only`: the inputs alone, or the weights alone. Throws std::bad_alloc
/// where memory is short.
Inputs make_inputs(const Problem& p, std::uint64_t seed, int threads = 0,
                   std::optional<Role> only = {});

/// The inputs (not the weights) of set `k` for batch B: rows k … k+B-1 of the pool's batch axis.
std::vector<HostTensor> input_set(const Problem& p, const Inputs& inputs, int k);

/// Rows first … first+count-1 of the batch axis of one pooled tensor, wrapping around, as a dense
/// tensor. T: float or double. `axis`: tensor axis that counts batch rows (see batch_axis); throws
/// Error where the tensor has no such axis.
template <class T>
std::vector<T> take_rows(const std::vector<T>& pooled, const std::vector<std::int64_t>& shape,
                         int axis, std::int64_t first, std::int64_t count);

/// The batch axis of a tensor of `p` named `name`; -1 for weights.
int batch_axis(const Problem& p, std::string_view name);

/// `value` rounded to the storage type of `dtype`, to nearest with ties to even.
float round_to(Dtype dtype, float value);

}  // namespace rnnbench
