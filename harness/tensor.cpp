#include "harness/tensor.hpp"

#include <fmt/format.h>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

std::vector<std::int64_t> sequence_shape(const Problem& p, std::int64_t features) {
  if (p.layout == Layout::btc) return {p.batch, p.seq, features};
  return {p.seq, p.batch, features};
}

void add_weights(const Problem& p, std::vector<TensorSpec>& specs) {
  const std::int64_t rows = gates(p.cell) * p.hidden;
  for (int layer = 0; layer < p.layers; ++layer)
    for (int direction = 0; direction < p.directions; ++direction) {
      const auto suffix = fmt::format("_l{}{}", layer, direction ? "_reverse" : "");
      const auto add = [&](const char* what, std::vector<std::int64_t> shape) {
        specs.push_back({what + suffix, Role::weight, Fill::recurrent, std::move(shape)});
      };
      add("weight_ih", {rows, layer_input(p, layer)});
      add("weight_hh", {rows, p.hidden});
      if (!p.bias) continue;
      add("bias_ih", {rows});
      add("bias_hh", {rows});
    }
  if (p.head_at == HeadAt::none) return;
  specs.push_back({"head.weight", Role::weight, Fill::head, {p.head, p.directions * p.hidden}});
  specs.push_back({"head.bias", Role::weight, Fill::head, {p.head}});
}

}  // namespace

std::size_t TensorSpec::elements() const {
  std::size_t count = 1;
  for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

std::vector<TensorSpec> tensor_specs(const Problem& p) {
  const std::vector<std::int64_t> state{p.layers * p.directions, p.batch, p.hidden};
  std::vector<TensorSpec> specs;
  specs.push_back({"x", Role::input, Fill::unit, sequence_shape(p, p.input)});
  specs.push_back({"h_0", Role::input, Fill::unit, state});
  if (p.cell == Cell::lstm) specs.push_back({"c_0", Role::input, Fill::unit, state});
  add_weights(p, specs);
  const auto output = [&](const char* what, std::vector<std::int64_t> shape) {
    specs.push_back({what, Role::output, Fill::unit, std::move(shape)});
  };
  if (p.want_output) output("output", sequence_shape(p, p.directions * p.hidden));
  if (p.want_h_n) output("h_n", state);
  if (p.want_c_n) output("c_n", state);
  if (p.head_at == HeadAt::every_step) output("y", sequence_shape(p, p.head));
  if (p.head_at == HeadAt::last_step) output("y", {p.batch, p.head});
  return specs;
}

Tensors bind_tensors(const Problem& p, const std::vector<void*>& pointers) {
  const auto specs = tensor_specs(p);
  if (specs.size() != pointers.size())
    throw Error(fmt::format("bind_tensors: {} pointers for {} tensors of {}", pointers.size(),
                            specs.size(), id(p)));
  Tensors t;
  std::size_t next = 0;
  const auto take = [&] { return pointers[next++]; };
  t.x = take();
  t.h_0 = take();
  if (p.cell == Cell::lstm) t.c_0 = take();
  for (int k = 0; k < p.layers * p.directions; ++k) {
    LayerWeights w;
    w.w_ih = take();
    w.w_hh = take();
    if (p.bias) {
      w.b_ih = take();
      w.b_hh = take();
    }
    t.layers.push_back(w);
  }
  if (p.head_at != HeadAt::none) {
    t.w_head = take();
    t.b_head = take();
  }
  if (p.want_output) t.output = take();
  if (p.want_h_n) t.h_n = take();
  if (p.want_c_n) t.c_n = take();
  if (p.head_at != HeadAt::none) t.y = take();
  return t;
}

}  // namespace rnnbench
