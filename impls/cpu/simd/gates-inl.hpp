// Gates for whole vectors, compiled once for each kind of them. The same maths as in cells.hpp,
// with the multiply-adds that vectors have.
//
// Errors, over all of f32 (tests/simd_test.cpp): sigmoid and tanh 3 ulp; sigmoid's left tail ends
// at e^-87 instead of at 0. Infinities give the limits, NaN gives NaN.
#if defined(RNNBENCH_SIMD_GATES) == defined(HWY_TARGET_TOGGLE)
#ifdef RNNBENCH_SIMD_GATES
#undef RNNBENCH_SIMD_GATES
#else
#define RNNBENCH_SIMD_GATES
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rnnbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
struct Exp {
  V scale, excess;
};

/// e^-|x| = scale + scale * excess; beyond |x| = 87 it stays at e^-87. NaN: anything.
template <class D, class V = hn::Vec<D>>
HWY_INLINE Exp<V> split_exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V y = hn::Neg(hn::Min(hn::Abs(x), hn::Set(d, 87.0f)));
  const V shifter = hn::Set(d, 12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const V shifted = hn::MulAdd(y, hn::Set(d, 1.44269504f), shifter);
  const V n = hn::Sub(shifted, shifter);
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), y);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);  // |r| <= ln(2) / 2
  V q = hn::Set(d, 1.0f / 5040);  // Taylor: the term left out is under 2^-24 of the sum
  q = hn::MulAdd(q, r, hn::Set(d, 1.0f / 720));
  q = hn::MulAdd(q, r, hn::Set(d, 1.0f / 120));
  q = hn::MulAdd(q, r, hn::Set(d, 1.0f / 24));
  q = hn::MulAdd(q, r, hn::Set(d, 1.0f / 6));
  q = hn::MulAdd(q, r, hn::Set(d, 0.5f));
  const auto power = hn::ShiftLeft<23>(hn::Add(hn::BitCast(di, shifted), hn::Set(di, 127)));
  return {hn::BitCast(d, power), hn::MulAdd(hn::Mul(r, r), q, r)};
}

template <class V>
HWY_INLINE V keep_nan(V x, V y) {
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const Exp<V> e = split_exp(d, x);
  const V power = hn::MulAdd(e.scale, e.excess, e.scale);
  const V above = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), power, one);
  return keep_nan(x, hn::Div(above, hn::Add(one, power)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh_gate(D d, V x) {
  const Exp<V> e = split_exp(d, hn::Add(x, x));
  const V m = hn::MulAdd(e.scale, e.excess, hn::Sub(e.scale, hn::Set(d, 1.0f)));  // e^-2|x| - 1
  return keep_nan(x, hn::CopySign(hn::Div(m, hn::Add(hn::Set(d, 2.0f), m)), x));
}

}  // namespace rnnbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
