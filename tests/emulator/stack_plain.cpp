// The plain loop of a stack.
#include <algorithm>
#include <cmath>

#include "impls/cells/cells.hpp"
#include "tests/emulator/stack.hpp"

namespace rnnbench::persistent {
namespace {

using Doubles = std::vector<double>;

/// To the nearest value of the format that products are made in.
double rounded(Math math, double value) {
  if (math == Math::f32) return value;
  int exponent = 0;
  (void)std::frexp(value, &exponent);
  const int bits = math == Math::bf16 ? 8 : 11;
  if (math == Math::f16) exponent = std::max(exponent, -13);
  const double unit = std::ldexp(1.0, exponent - bits), units = value / unit;
  if (math == Math::tf32) return std::round(units) * unit;  // ties away from zero
  return std::nearbyint(units) * unit;
}

Doubles doubles(const std::vector<float>& v) { return {v.begin(), v.end()}; }
Doubles rounded(Math math, Doubles values) {
  for (double& value : values) value = rounded(math, value);
  return values;
}
double product(const double* a, const double* b, int count) {
  double sum = 0;
  for (int k = 0; k < count; ++k) sum += a[k] * b[k];
  return sum;
}

}  // namespace

void Stack::run_plain() {
  for (const Part& part : parts_) states_.push_back({doubles(part.h_0), doubles(part.c_0)});
  for (const std::vector<float>& given : inputs_) {
    const bool wavefront = case_.form == Form::wavefront;
    Doubles input, y(std::size_t(case_.steps * case_.rows * y_width()));
    for (int row = 0; row < case_.steps * case_.rows; ++row) {
      const auto from =
          given.begin() + row / case_.rows * input_step_ + row % case_.rows * input_row_;
      input.insert(input.end(), from, from + width_);
    }
    std::vector<State> after = states_;
    for (int part = 0; part < case_.parts; ++part) {
      const Doubles h = run_part(part, input, after[std::size_t(part)]);
      if (wavefront) input = h;
      for (int k = 0; k < int(h.size()); ++k)
        y[std::size_t(k / case_.hidden * y_width() + (wavefront ? 0 : part * case_.hidden) +
                      k % case_.hidden)] = h[std::size_t(k)];
    }
    plain_.push_back(y);
    for (const State& state : after) {
      plain_.push_back(state.h);
      plain_.push_back(case_.cell == Cell::lstm ? state.c : Doubles(state.h.size(), untouched));
    }
    if (!case_.stateful) continue;
    states_ = after;
    if (case_.math == Math::f16 || case_.math == Math::bf16)  // as it is stored
      for (State& state : states_)
        state = {rounded(case_.math, state.h), rounded(case_.math, state.c)};
  }
}

std::vector<double> Stack::run_part(int part, const Doubles& input, State& state) const {
  const Case& c = case_;
  const Part& w = parts_[std::size_t(part)];
  const int h = c.hidden, width = int(input.size()) / (c.steps * c.rows);
  const Doubles w_ih = rounded(c.math, doubles(w.w_ih)), w_hh = rounded(c.math, doubles(w.w_hh));
  const bool given = hoisted() || part == 0;
  const Doubles in = given ? input : rounded(c.math, input);
  Doubles all(std::size_t(c.steps * c.rows * h));
  for (int s = 0; s < c.steps; ++s) {
    const int t = reverse(part) ? c.steps - 1 - s : s;
    const Doubles before = rounded(c.math, state.h);
    for (int b = 0; b < c.rows; ++b)
      for (int u = 0; u < h; ++u) {
        const double* const row = in.data() + (t * c.rows + b) * width;
        double x[4] = {}, a[4] = {};
        for (int g = 0; g < gates_; ++g) {
          const int column = g * h + u;
          if (c.biases) x[g] = w.b_ih[std::size_t(column)], a[g] = w.b_hh[std::size_t(column)];
          x[g] += given ? row[part * gates_ * h + column]
                        : product(&w_ih[std::size_t(column * h)], row, h);
          a[g] += product(&w_hh[std::size_t(column * h)], &before[std::size_t(b * h)], h);
        }
        double& value = state.h[std::size_t(b * h + u)];
        with_cell(c.cell, [&](auto cell) {
          double own_x[decltype(cell)::gates], own_a[decltype(cell)::gates];
          std::copy_n(x, cell.gates, own_x), std::copy_n(a, cell.gates, own_a);
          cell.update(own_x, own_a, value, state.c[std::size_t(b * h + u)]);
        });
        all[std::size_t((t * c.rows + b) * h + u)] = value;
      }
  }
  return all;
}

}  // namespace rnnbench::persistent
