// One time step: products and gates of one panel of units after the other, with nothing written in
// between. Compiled once for each kind of vectors.
#if defined(RNNBENCH_SIMD_STEP) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNBENCH_SIMD_STEP
#undef RNNBENCH_SIMD_STEP
#else
#define RNNBENCH_SIMD_STEP
#endif

#include "impls/cpu/simd/gates-inl.hpp"
#include "impls/cpu/simd/products-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace rnnbench::HWY_NAMESPACE {

/// Where a panel's units and columns begin, and which rows.
struct Place {
  Index panel, first_row;
  Index column(const StepJob& job) const { return panel * job.w_h->shape.panel_columns(); }
  Index unit(const StepJob& job) const { return panel * job.w_h->shape.panel_units(); }
};

/// The input's part of a column for a row: finished, or the bias that its sums lack.
HWY_INLINE Vector input_part(const StepJob& job, Index row, Index column) {
  const Floats d;
  return job.from_x ? hn::Load(d, job.from_x + row * job.from_x_row + column)
                    : hn::Load(d, job.bias_x + column);
}

HWY_INLINE void write_state(const StepJob& job, Index row, Index unit, Vector h) {
  if (unit >= job.w_h->shape.units) return;  // may be somebody else's
  hn::Store(h, Floats(), job.h_out + row * job.h_row + unit);
  write(job.copy, row, unit, job.w_h->shape.units, h);
  write(job.output, row, unit, job.w_h->shape.units, h);
}

template <int W, int R>
HWY_INLINE void add_inputs(const StepJob& job, const Place& at, Sums<W, R>& sums) {
  if (!job.from_x)
    add_product(sums, job.x + at.first_row * job.x_row, job.x_row, job.w_x->panel(at.panel),
                job.w_x->depth, job.w_x->halves, fetch_ahead(*job.w_x, at.first_row, R, job.rows));
}

template <int W, int R>
HWY_INLINE void add_hidden(const StepJob& job, const Place& at, Sums<W, R>& sums) {
  add_product(sums, job.h + at.first_row * job.h_row, job.h_row, job.w_h->panel(at.panel),
              job.w_h->depth, job.w_h->halves, fetch_ahead(*job.w_h, at.first_row, R, job.rows));
}

template <int W, int R>
HWY_INLINE void rnn_tile(const StepJob& job, const Place& at) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  Sums<W, R> sums;
  sums.clear();
  add_inputs(job, at, sums);
  add_hidden(job, at, sums);
  each<R>([&](auto r) RNNBENCH_INLINED {
    const Index row = at.first_row + r;
    each<W>([&](auto w) RNNBENCH_INLINED {
      const Vector sum = hn::Add(sums.at[r][w], input_part(job, row, at.column(job) + w * lanes));
      // Written so that a NaN stays one.
      const Vector h = job.cell == Cell::rnn_tanh
                           ? tanh_gate(d, sum)
                           : hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);
      write_state(job, row, at.unit(job) + w * lanes, h);
    });
  });
}

template <int R, bool finished>
HWY_INLINE void gru_tile(const StepJob& job, const Place& at) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  Sums<3, R> sums;
  sums.clear();
  Vector of_x[R];  // n's product of the input, which the reset leaves alone
  if constexpr (!finished) {
    add_inputs(job, at, sums);
    each<R>([&](auto r) RNNBENCH_INLINED {
      of_x[r] = sums.at[r][2];
      sums.at[r][2] = hn::Zero(d);
    });
  }
  add_hidden(job, at, sums);
  const Index column = at.column(job), unit = at.unit(job);
  const Vector bias_n = hn::Load(d, job.bias_h + column + 2 * lanes);
  each<R>([&](auto r) RNNBENCH_INLINED {
    const Index row = at.first_row + r;
    const Vector reset = sigmoid(d, hn::Add(sums.at[r][0], input_part(job, row, column)));
    const Vector z = sigmoid(d, hn::Add(sums.at[r][1], input_part(job, row, column + lanes)));
    Vector n_x = input_part(job, row, column + 2 * lanes);
    if constexpr (!finished) n_x = hn::Add(n_x, of_x[r]);
    const Vector n = tanh_gate(d, hn::MulAdd(reset, hn::Add(sums.at[r][2], bias_n), n_x));
    const Vector h = hn::Load(d, job.h_in + row * job.h_row + unit);
    write_state(job, row, unit, hn::MulAdd(z, hn::Sub(h, n), n));
  });
}

template <int R>
HWY_INLINE void lstm_tile(const StepJob& job, const Place& at) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  Sums<4, R> sums;
  sums.clear();
  add_inputs(job, at, sums);
  add_hidden(job, at, sums);
  const Index column = at.column(job), unit = at.unit(job);
  each<R>([&](auto r) RNNBENCH_INLINED {
    const Index row = at.first_row + r;
    const auto sum = [&](int gate) RNNBENCH_INLINED {
      return hn::Add(sums.at[r][gate], input_part(job, row, column + gate * lanes));
    };
    float* cell = job.c + row * job.h_row + unit;
    const Vector kept = hn::Mul(sigmoid(d, sum(1)), hn::Load(d, cell));
    const Vector c = hn::MulAdd(sigmoid(d, sum(0)), tanh_gate(d, sum(2)), kept);
    hn::Store(c, d, cell);
    write_state(job, row, unit, hn::Mul(sigmoid(d, sum(3)), tanh_gate(d, c)));
  });
}

template <class Tile, int most>
HWY_INLINE void every_tile(const StepJob& job, const Tile& tile) {
  for (Index p = 0; p < job.w_h->shape.panels; ++p)
    in_tiles<most>(job.rows, [&](auto rows, Index first) HWY_ATTR { tile(rows, Place{p, first}); });
}

template <int W>
HWY_NOINLINE void rnn_step(const StepJob& job) {
  const auto tile = [&](auto rows, const Place& at) HWY_ATTR { rnn_tile<W, rows>(job, at); };
  every_tile<decltype(tile), most_rows(W, 0)>(job, tile);
}

template <bool finished>
HWY_NOINLINE void gru_step(const StepJob& job) {
  const auto tile = [&](auto rows, const Place& at) HWY_ATTR { gru_tile<rows, finished>(job, at); };
  every_tile<decltype(tile), most_rows(3, finished ? 0 : 1)>(job, tile);
}

HWY_NOINLINE void lstm_step(const StepJob& job) {
  const auto tile = [&](auto rows, const Place& at) HWY_ATTR { lstm_tile<rows>(job, at); };
  every_tile<decltype(tile), most_rows(4, 0)>(job, tile);
}

HWY_INLINE void step(const StepJob& job) {
  if (job.cell == Cell::lstm) return lstm_step(job);
  if (job.cell == Cell::gru) return job.from_x ? gru_step<true>(job) : gru_step<false>(job);
  each<4>([&](auto w) RNNBENCH_INLINED {
    if (job.w_h->shape.width == w + 1) rnn_step<w + 1>(job);
  });
}

}  // namespace rnnbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
