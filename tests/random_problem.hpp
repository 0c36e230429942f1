// Random valid problems for property tests: every option of a problem takes every value it can.
#pragma once

#include <random>
#include <span>

#include "harness/problem.hpp"

namespace rnnbench {

inline Problem random_problem(std::mt19937& random, std::span<const std::int64_t> sizes) {
  const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
  const auto size = [&] { return sizes[random() % sizes.size()]; };
  Problem p;
  p.cell = static_cast<Cell>(below(4));
  p.batch = size(), p.seq = size(), p.input = size(), p.hidden = size();
  p.layers = 1 + below(3);
  p.directions = 1 + below(2);
  p.bias = below(2);
  p.layout = static_cast<Layout>(below(2));
  p.head_at = static_cast<HeadAt>(below(3));
  p.head = p.head_at == HeadAt::none ? 0 : size();
  p.stateful = below(2);
  p.dtype = static_cast<Dtype>(below(4));
  set_default_outputs(p);
  if (below(2)) {
    p.want_output = below(2), p.want_h_n = below(2);
    p.want_c_n = p.cell == Cell::lstm && below(2);
    if (p.head_at == HeadAt::none && !p.want_h_n && !p.want_c_n) p.want_output = true;
  }
  return p;
}

}  // namespace rnnbench
