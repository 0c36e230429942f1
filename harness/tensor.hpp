// Named tensors: which ones a problem has, with their shapes, and views on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/problem.hpp"

namespace rnnbench {

enum class Role { input, weight, output };
enum class Fill { unit, recurrent, head };  // U[0,1), U(±1/√H), U(±1/√(D*H))

/// One tensor a problem needs. All tensors are dense and row-major.
struct TensorSpec {
  std::string name;  // torch.nn's names: x, h_0, c_0, weight_ih_l0, weight_hh_l0_reverse, ...
  Role role = Role::input;
  Fill fill = Fill::unit;
  std::vector<std::int64_t> shape;
  std::size_t elements() const;
};

/// Every tensor of `p` in a fixed order: inputs, weights, then the wanted outputs.
/// x: [T,B,I] or [B,T,I]; h_0, c_0: [L*D,B,H];
/// weight_ih_l{k}[_reverse]: [G*H, I or D*H]; weight_hh_…: [G*H, H]; bias_ih_…, bias_hh_…: [G*H];
/// head.weight: [O, D*H]; head.bias: [O]; outputs: see Problem; y: [T,B,O], [B,T,O] or [B,O]
/// (last).
std::vector<TensorSpec> tensor_specs(const Problem& p);

/// Weights of one layer and direction; `data` pointers as in Tensors. Biases are null without bias.
struct LayerWeights {
  const void* w_ih = nullptr;  // [G*H, I_l]
  const void* w_hh = nullptr;  // [G*H, H]
  const void* b_ih = nullptr;  // [G*H]
  const void* b_hh = nullptr;  // [G*H]
};

/// What a kernel is bound to: pointers on the kernel's device in the problem's storage type.
/// Absent tensors (c_0 of a gru, an unwanted output, no head) are null.
struct Tensors {
  const void* x = nullptr;
  const void* h_0 = nullptr;
  const void* c_0 = nullptr;
  std::vector<LayerWeights> layers;  // index: layer * D + direction
  const void* w_head = nullptr;
  const void* b_head = nullptr;
  void* output = nullptr;
  void* h_n = nullptr;
  void* c_n = nullptr;
  void* y = nullptr;
};

/// Binds `pointers`, one per spec of tensor_specs(p) and in that order, to their places.
Tensors bind_tensors(const Problem& p, const std::vector<void*>& pointers);

}  // namespace rnnbench
