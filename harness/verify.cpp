#include "harness/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <vector>

#include "harness/parallel.hpp"

namespace rnnbench {
namespace {

constexpr double f32_eps = 0x1p-23;

/// Distance between 1 and the next number of a type coarser than f32.
double coarse_eps(Dtype dtype) { return dtype == Dtype::bf16 ? 0x1p-7 : 0x1p-10; }

/// A layer's states, rounded to the type at every step, are off by half an eps of at most 1, which
/// is 2 eps of the smallest scale; fed back with a gain under 3/4 that becomes 8.
constexpr double coarse_steps = 8;

/// Of a layer: tanh and sigmoid by approximation. cuDNN 9.14's persistent kernels in f32 were off
/// by 1.5e-5 to 2.3e-5 (reports/results/h200/rnn_seq); one rounding to TF32 is 16 times this
/// allowance.
constexpr double approximation = 0x1p-15;

/// Inputs are U[0,1) and weights U(±1/√H), so gates and sums of products are about this large at
/// least, whatever comes out: where they cancel, their rounding errors stay in a small result.
constexpr double smallest_scale = 0.25;

std::string position(std::size_t flat, const std::vector<std::int64_t>& shape) {
  std::string text;
  for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent) {
    const auto size = static_cast<std::size_t>(*extent);
    text = fmt::format("{}{}{}", flat % size, text.empty() ? "" : ", ", text);
    flat /= size;
  }
  return "[" + text + "]";
}

/// One value for each piece of [0, count), in order: outputs of long sequences have a hundred
/// million elements, so pieces are shared out over the cores.
template <class T, class Piece>
std::vector<T> over_pieces(std::size_t count, const Piece& piece) {
  constexpr std::size_t length = std::size_t{1} << 20;
  std::vector<T> results((count + length - 1) / length);
  parallel_pieces(count, length, [&](std::size_t first, std::size_t last) {
    results[first / length] = piece(first, last);
  });
  return results;
}

}  // namespace

Tolerance tolerance_for(const Problem& p, const Protocol& protocol) {
  // As benchdnn bounds its RNNs: rounding of K-long sums grows with log2 K when products are summed
  // in blocks, errors fed back over T steps add another log2 T, and each layer reads the one below.
  // Libraries may also sum in order; then rounding errors walk randomly and grow with sqrt(K)
  // (Higham and Mary, A new approach to probabilistic rounding error analysis, 2019), which is the
  // larger for K over about 1500.
  std::int64_t longest = p.hidden;
  for (int layer = 0; layer < std::min(p.layers, 2); ++layer)
    longest = std::max(longest, layer_input(p, layer) + p.hidden);
  const double k = static_cast<double>(longest);
  const double in_blocks = 4 * std::max(1.0, std::ceil(std::log2(k * static_cast<double>(p.seq))));
  const double in_order = 2 * std::sqrt(k);
  Tolerance t;
  t.rounding = std::max(in_blocks, in_order) * f32_eps * p.layers;
  t.rule = in_blocks >= in_order ? fmt::format("(4·ceil(log2({}·{}))", longest, p.seq)
                                 : fmt::format("(2·sqrt({})", longest);
  t.rule += "·2^-23";
  double more = 0;
  if (p.dtype != Dtype::f32) {
    more = coarse_steps * coarse_eps(p.dtype);
    t.rule += fmt::format(" + {}·2^{}", coarse_steps, std::log2(coarse_eps(p.dtype)));
  } else if (p.cell != Cell::rnn_relu) {
    more = approximation;
    t.rule += fmt::format(" + 2^{}", std::log2(approximation));
  }
  t.value = t.rounding + more * p.layers;
  t.rule += fmt::format(")·{} layers", p.layers);
  if (!protocol.rtol && !protocol.atol) return t;
  t.value = t.rounding = protocol.rtol.value_or(0);
  t.rule = fmt::format("--rtol {:g} --atol {:g}", t.value, protocol.atol.value_or(0));
  return t;
}

double compare(const TensorSpec& spec, const float* got, const double* want, double tolerance,
               double atol, std::string& why) {
  const std::size_t count = spec.elements();
  double squares = 0;
  for (const double part : over_pieces<double>(count, [&](std::size_t first, std::size_t last) {
         double sum = 0;
         for (std::size_t k = first; k < last; ++k) sum += want[k] * want[k];
         return sum;
       }))
    squares += part;
  const double scale = std::max(std::sqrt(squares / static_cast<double>(count)), smallest_scale);
  struct Found {
    double largest = 0;
    std::optional<std::size_t> wrong;
  };
  double largest = 0;
  for (const Found& found : over_pieces<Found>(count, [&](std::size_t first, std::size_t last) {
         Found in_piece;
         for (std::size_t k = first; k < last; ++k) {
           const double value = got[k];
           const double size = std::max(std::abs(want[k]), scale);
           const double error = std::abs(value - want[k]);
           const bool wrong = !std::isfinite(value) || error > tolerance * size + atol;
           if (wrong && !in_piece.wrong) in_piece.wrong = k;
           in_piece.largest =
               std::max(in_piece.largest, std::isfinite(value) ? error / size : HUGE_VAL);
         }
         return in_piece;
       })) {
    if (found.wrong && why.empty())
      why = fmt::format("{}{} is {:.9g}, expected {:.9g}", spec.name,
                        position(*found.wrong, spec.shape), got[*found.wrong], want[*found.wrong]);
    largest = std::max(largest, found.largest);
  }
  return largest;
}

bool same_bits(const TensorSpec& spec, const float* first, const float* again, std::string& why) {
  const auto differing = [&](std::size_t from, std::size_t to) -> std::optional<std::size_t> {
    for (std::size_t k = from; k < to; ++k)
      if (std::bit_cast<std::uint32_t>(first[k]) != std::bit_cast<std::uint32_t>(again[k]))
        return k;
    return std::nullopt;
  };
  for (const auto& k : over_pieces<std::optional<std::size_t>>(spec.elements(), differing)) {
    if (!k) continue;
    why = fmt::format("{}{} was {:.9g}, and {:.9g} when repeated", spec.name,
                      position(*k, spec.shape), first[*k], again[*k]);
    return false;
  }
  return true;
}

double zero_share(const std::vector<double>& values) {
  std::ptrdiff_t zeros = 0;
  for (const auto part :
       over_pieces<std::ptrdiff_t>(values.size(), [&](std::size_t first, std::size_t last) {
         return std::count(values.data() + first, values.data() + last, 0.0);
       }))
    zeros += part;
  return static_cast<double>(zeros) / static_cast<double>(std::max<std::size_t>(1, values.size()));
}

}  // namespace rnnbench
