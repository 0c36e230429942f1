// Products of a few rows with one panel of weights, sums in registers, compiled once for each kind
// of vectors.
//
// What it teaches: a step's product is [B, H] x [H, G*H] with small B. What a library does for
// large ones (copy both operands into its own order in every call) costs as much as the product
// here, so the weights lie ready in panels, and a value of h is broadcast from where it is. With R
// rows and W vectors side by side there are R*W multiply-adds for R + W loads: bound by the
// multiply-adds where R and W are near the square root of the registers, by reading weights where R
// is 1.
#if defined(RNNBENCH_SIMD_PRODUCTS) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNBENCH_SIMD_PRODUCTS
#undef RNNBENCH_SIMD_PRODUCTS
#else
#define RNNBENCH_SIMD_PRODUCTS
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <utility>

#include "impls/common/simd.hpp"

/// Of a lambda: a call would have sums written to memory.
#undef RNNBENCH_INLINED
#define RNNBENCH_INLINED HWY_ATTR __attribute__((always_inline))

HWY_BEFORE_NAMESPACE();
namespace rnnbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

/// Most rows whose sums stay in registers beside a panel's weights and a value of h. `more`:
/// vectors a row needs besides.
constexpr int most_rows(int width, int more) {
#if HWY_TARGET <= HWY_AVX3
  constexpr int registers = 32, most = 7;  // of 8 rows the addresses no longer fit the registers
#else
  constexpr int registers = 16, most = 6;
#endif
  const int rows = (registers - width - 1) / (width + more);
  return rows < 1 ? 1 : rows > most ? most : rows;
}

/// f(0), …, f(N - 1) with each number a constant: sums in registers need that.
template <class F, std::size_t... N>
HWY_INLINE void each(F&& f, std::index_sequence<N...>) {
  (f(std::integral_constant<int, int(N)>{}), ...);
}
template <int N, class F>
HWY_INLINE void each(F&& f) {
  each(f, std::make_index_sequence<N>{});
}

template <int W, int R>
struct Sums {
  Vector at[R][W];

  HWY_INLINE void clear() {
    const Floats d;
    each<R>([&](auto r) RNNBENCH_INLINED {
      each<W>([&](auto w) RNNBENCH_INLINED { at[r][w] = hn::Zero(d); });
    });
  }

  /// One row of the panel: at[r][:] += a[r * a_row] * weights[:].
  HWY_INLINE void add_row(const Vector (&weights)[W], const float* a, Index a_row) {
    const Floats d;
    each<R>([&](auto r) RNNBENCH_INLINED {
      const Vector value = hn::Set(d, a[r * a_row]);
      each<W>([&](auto w) RNNBENCH_INLINED { at[r][w] = hn::MulAdd(value, weights[w], at[r][w]); });
    });
  }

  HWY_INLINE void add(const Sums& other) {
    each<R>([&](auto r) RNNBENCH_INLINED {
      each<W>([&](auto w) RNNBENCH_INLINED { at[r][w] = hn::Add(at[r][w], other.at[r][w]); });
    });
  }
};

/// One row of a panel: vectors of f32.
template <int W>
HWY_INLINE void load_row(const float* panel, Vector (&weights)[W]) {
  const Floats d;
  each<W>([&](auto w) RNNBENCH_INLINED { weights[w] = hn::Load(d, panel + w * hn::Lanes(d)); });
}

/// Two rows of a panel of bf16 pairs: bf16 is the upper half of an f32.
template <int W>
HWY_INLINE void load_pair(const float* panel, Vector (&even)[W], Vector (&odd)[W]) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  each<W>([&](auto w) RNNBENCH_INLINED {
    const auto both =
        hn::Load(du, reinterpret_cast<const std::uint32_t*>(panel) + w * hn::Lanes(d));
    even[w] = hn::BitCast(d, hn::ShiftLeft<16>(both));
    odd[w] = hn::BitCast(d, hn::And(both, hn::Set(du, 0xffff0000u)));
  });
}

/// Asks for the row of a panel that is `ahead` floats further on; 0: for none.
template <int W>
HWY_INLINE void fetch_row(const float* panel, Index ahead) {
  if (ahead != 0)
    each<W>([&](auto w)
                RNNBENCH_INLINED { hwy::Prefetch(panel + ahead + w * hn::Lanes(Floats())); });
}

/// How far ahead of the weights in use to ask for those that come next. Panels follow one another:
/// the last tile of a panel fetches the next one, earlier tiles find it in the second cache level.
HWY_INLINE Index fetch_ahead(const Panels& w, Index first_row, Index tile_rows, Index rows) {
  constexpr Index near = 1024;
  if (first_row + tile_rows < rows) return 0;
  return first_row > 0 ? w.panel_words() : near;
}

/// sums += a[R, depth] * panel. Sums of few vectors take even and odd rows apart: a chain of
/// multiply-adds is four clocks a link.
template <int W, int R>
HWY_INLINE void add_product(Sums<W, R>& sums, const float* a, Index a_row, const float* panel,
                            Index depth, bool halves, Index ahead) {
  const Index n = Index{W} * Index(hn::Lanes(Floats()));
  constexpr bool apart = R * W < 8;
  Sums<W, R> odd_sums;
  if constexpr (apart) odd_sums.clear();
  Sums<W, R>& second = apart ? odd_sums : sums;
  Vector even[W], odd[W];
  if (halves) {
    for (Index k = 0; k < depth; k += 2, panel += n) {
      fetch_row<W>(panel, ahead);
      load_pair<W>(panel, even, odd);
      sums.add_row(even, a + k, a_row);
      second.add_row(odd, a + k + 1, a_row);
    }
  } else {
    Index k = 0;
    for (; k + 2 <= depth; k += 2, panel += 2 * n) {
      fetch_row<W>(panel, ahead);
      load_row<W>(panel, even);
      sums.add_row(even, a + k, a_row);
      fetch_row<W>(panel + n, ahead);
      load_row<W>(panel + n, odd);
      second.add_row(odd, a + k + 1, a_row);
    }
    if (k < depth) {
      load_row<W>(panel, even);
      sums.add_row(even, a + k, a_row);
    }
  }
  if constexpr (apart) sums.add(odd_sums);
}

/// Writes `v` to columns [column, column + lanes) of a row, those of them below `columns`.
HWY_INLINE void write(const RowsOut& out, Index row, Index column, Index columns, Vector v) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  if (column >= columns) return;
  const bool whole = column + lanes <= columns;
  const Index at = row * out.row + column;
  if (out.f32) {
    if (whole)
      hn::StoreU(v, d, out.f32 + at);
    else
      hn::BlendedStore(v, hn::FirstN(d, std::size_t(columns - column)), d, out.f32 + at);
  }
  if (out.bf16) {  // to the nearest, ties to even; a NaN stays one
    const hn::RebindToSigned<Floats> di;
    const hn::Rebind<std::uint16_t, Floats> dh;
    const auto bits = hn::BitCast(di, v);
    const auto last = hn::And(hn::ShiftRight<16>(bits), hn::Set(di, 1));
    const auto rounded = hn::Add(bits, hn::Add(last, hn::Set(di, 0x7fff)));
    const auto upper = hn::And(hn::ShiftRight<16>(rounded), hn::Set(di, 0xffff));
    const auto kept = hn::IfThenElse(hn::RebindMask(di, hn::IsNaN(v)), hn::Set(di, 0x7fc0), upper);
    HWY_ALIGN std::uint16_t halves[HWY_MAX_BYTES / 4];
    hn::StoreU(hn::DemoteTo(dh, kept), dh, halves);
    const Index n = whole ? lanes : columns - column;
    for (Index k = 0; k < n; ++k) out.bf16[at + k] = halves[k];
  }
}

/// Calls f(rows, first) for tiles of at most `most` rows, as equal as they can be; `rows` is a
/// constant.
template <int most, class F>
HWY_INLINE void in_tiles(Index rows, const F& f) {
  const Index tiles = (rows + most - 1) / most;
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index first = rows * tile / tiles, n = rows * (tile + 1) / tiles - first;
    each<most>([&](auto k) RNNBENCH_INLINED {
      if (n == k + 1) f(std::integral_constant<int, k + 1>{}, first);
    });
  }
}

template <int W>
HWY_NOINLINE void product_of_width(const ProductJob& job) {
  const Floats d;
  const auto lanes = Index(hn::Lanes(d));
  for (Index p = 0; p < job.w->shape.panels; ++p) {
    const float* panel = job.w->panel(p);
    const Index first_column = p * job.w->shape.panel_columns();
    in_tiles<most_rows(W, 0)>(job.rows, [&](auto rows, Index first) HWY_ATTR {
      Sums<W, rows> sums;
      sums.clear();
      add_product(sums, job.a + first * job.a_row, job.a_row, panel, job.w->depth, job.w->halves,
                  fetch_ahead(*job.w, first, rows, job.rows));
      each<rows>([&](auto r) RNNBENCH_INLINED {
        each<W>([&](auto w) RNNBENCH_INLINED {
          const Index column = first_column + w * lanes;
          const Vector sum = hn::Add(sums.at[r][w], hn::Load(d, job.bias + column));
          write(job.out, first + r, column, job.columns, sum);
        });
      });
    });
  }
}

HWY_INLINE void product(const ProductJob& job) {
  each<4>([&](auto w) RNNBENCH_INLINED {
    if (job.w->shape.width == w + 1) product_of_width<w + 1>(job);
  });
}

}  // namespace rnnbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
