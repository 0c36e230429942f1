#include "harness/inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "harness/error.hpp"
#include "harness/parallel.hpp"

namespace rnnbench {
namespace {

/// The finaliser of splitmix64: every bit of the result depends on every bit of `z`.
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Where the stream of one tensor starts: FNV-1a of its name, mixed with the seed.
std::uint64_t stream_key(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix(mix(seed + 0x9e3779b97f4a7c15u) ^ hash);
}

/// U[0,1) in steps of 2^-24, every one of which an f32 holds.
inline float uniform(std::uint64_t key, std::uint64_t index) {
  const auto bits = static_cast<std::uint32_t>(mix(key + index * 0x9e3779b97f4a7c15u) >> 40);
  return static_cast<float>(static_cast<std::int32_t>(bits)) * 0x1p-24f;
}

/// Clears the lowest `dropped` bits of the significand, to nearest with ties to even. A carry out
/// of the significand moves into the exponent, where it belongs.
inline float drop_bits(float value, int dropped) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t mask = (1u << dropped) - 1;
  const std::uint32_t rounded = bits + (mask >> 1) + ((bits >> dropped) & 1u);
  return std::bit_cast<float>(rounded & ~mask);
}

inline float round_f16(float value) {
  // Under 2^-14 the steps of f16 are 2^-24 all the way down: adding 0.75, whose last place is
  // that, rounds there.
  if (std::fabs(value) < 0x1p-14f) return std::copysign((value + 0.75f) - 0.75f, value);
  const float rounded = drop_bits(value, 13);
  return std::fabs(rounded) > 65504.0f
             ? std::copysign(std::numeric_limits<float>::infinity(), value)
             : rounded;
}

template <Dtype dtype>
float rounded(float value) {
  if constexpr (dtype == Dtype::f32) return value;
  if (!std::isfinite(value)) return value;
  if constexpr (dtype == Dtype::tf32) return drop_bits(value, 13);
  if constexpr (dtype == Dtype::bf16) return drop_bits(value, 16);
  return round_f16(value);
}

/// bound * (stretch * u - shift): all but the last multiplication is exact, so that a compiler may
/// fuse what it likes and the value stays the same.
struct Range {
  float bound, stretch, shift;
};

Range range_of(Fill fill, const Problem& p) {
  if (fill == Fill::unit) return {1, 1, 0};
  const auto fan_in = static_cast<double>(fill == Fill::head ? p.directions * p.hidden : p.hidden);
  return {static_cast<float>(1 / std::sqrt(fan_in)), 2, 1};
}

template <Dtype dtype>
void fill(float* to, std::uint64_t first, std::uint64_t last, std::uint64_t key, Range range) {
  for (std::uint64_t i = first; i < last; ++i)
    to[i] = rounded<dtype>(range.bound * (range.stretch * uniform(key, i) - range.shift));
}

using FillRange = void (*)(float*, std::uint64_t, std::uint64_t, std::uint64_t, Range);

FillRange filler(Dtype dtype) {
  switch (dtype) {
    case Dtype::tf32:
      return fill<Dtype::tf32>;
    case Dtype::f16:
      return fill<Dtype::f16>;
    case Dtype::bf16:
      return fill<Dtype::bf16>;
    case Dtype::f32:
      break;
  }
  return fill<Dtype::f32>;
}

}  // namespace

float round_to(Dtype dtype, float value) {
  switch (dtype) {
    case Dtype::tf32:
      return rounded<Dtype::tf32>(value);
    case Dtype::f16:
      return rounded<Dtype::f16>(value);
    case Dtype::bf16:
      return rounded<Dtype::bf16>(value);
    case Dtype::f32:
      break;
  }
  return value;
}

Inputs make_inputs(const Problem& p, std::uint64_t seed, int threads, std::optional<Role> only) {
  Inputs inputs{p, {}};
  inputs.pool.batch = std::max<std::int64_t>(p.batch, 3);
  for (auto& spec : tensor_specs(inputs.pool))
    if (spec.role != Role::output && spec.role == only.value_or(spec.role))
      inputs.tensors.push_back({std::move(spec), {}});

  // One piece is one item of work, so that one large tensor is shared out as well as many small
  // ones.
  constexpr std::size_t piece = std::size_t{1} << 20;
  struct Piece {
    HostTensor* tensor;
    std::size_t first, last;
  };
  std::vector<Piece> pieces;
  std::size_t total = 0;
  for (auto& tensor : inputs.tensors) {
    const std::size_t n = tensor.spec.elements();
    total += n;
    for (std::size_t i = 0; i < n; i += piece)
      pieces.push_back({&tensor, i, std::min(n, i + piece)});
  }
  const int workers = total < 2 * piece ? 1 : usable_threads(threads);
  // The first touch of fresh memory costs as much as the numbers, so it is shared out too.
  parallel_for(workers, static_cast<std::int64_t>(inputs.tensors.size()), [&](std::int64_t k) {
    auto& tensor = inputs.tensors[static_cast<std::size_t>(k)];
    tensor.values.resize(tensor.spec.elements());
  });
  const FillRange fill_range = filler(p.dtype);
  parallel_for(workers, static_cast<std::int64_t>(pieces.size()), [&](std::int64_t k) {
    const auto& [tensor, first, last] = pieces[static_cast<std::size_t>(k)];
    fill_range(tensor->values.data(), first, last, stream_key(seed, tensor->spec.name),
               range_of(tensor->spec.fill, p));
  });
  return inputs;
}

std::vector<HostTensor> input_set(const Problem& p, const Inputs& inputs, int k) {
  std::vector<HostTensor> set;
  for (auto& spec : tensor_specs(p)) {
    if (spec.role != Role::input) continue;
    const auto pooled = std::find_if(inputs.tensors.begin(), inputs.tensors.end(),
                                     [&](const HostTensor& t) { return t.spec.name == spec.name; });
    if (pooled == inputs.tensors.end())
      throw Error(
          fmt::format("input_set: the pool of {} has no tensor {}", id(inputs.pool), spec.name));
    const int axis = batch_axis(p, spec.name);
    set.push_back({spec, take_rows(pooled->values, pooled->spec.shape, axis, k, p.batch)});
  }
  return set;
}

template <class T>
std::vector<T> take_rows(const std::vector<T>& pooled, const std::vector<std::int64_t>& shape,
                         int axis, std::int64_t first, std::int64_t count) {
  if (axis < 0 || axis >= static_cast<int>(shape.size()))
    throw Error(fmt::format("take_rows: no axis {} in a tensor of {} axes", axis, shape.size()));
  const auto at = static_cast<std::size_t>(axis);
  std::int64_t outer = 1, inner = 1;
  for (std::size_t k = 0; k < at; ++k) outer *= shape[k];
  for (std::size_t k = at + 1; k < shape.size(); ++k) inner *= shape[k];
  const std::int64_t rows = shape[at];
  first = (first % rows + rows) % rows;
  std::vector<T> taken;
  taken.reserve(static_cast<std::size_t>(outer * count * inner));
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t row = 0; row < count;) {
      // As many rows as lie next to one another before the pool wraps around.
      const std::int64_t from = (first + row) % rows;
      const std::int64_t run = std::min(count - row, rows - from);
      const auto begin = pooled.begin() + (o * rows + from) * inner;
      taken.insert(taken.end(), begin, begin + run * inner);
      row += run;
    }
  return taken;
}

template std::vector<float> take_rows(const std::vector<float>&, const std::vector<std::int64_t>&,
                                      int, std::int64_t, std::int64_t);
template std::vector<double> take_rows(const std::vector<double>&, const std::vector<std::int64_t>&,
                                       int, std::int64_t, std::int64_t);

int batch_axis(const Problem& p, std::string_view name) {
  if (name == "h_0" || name == "c_0" || name == "h_n" || name == "c_n") return 1;
  if (name == "y" && p.head_at == HeadAt::last_step) return 0;
  if (name == "x" || name == "output" || name == "y") return p.layout == Layout::btc ? 0 : 1;
  return -1;
}

}  // namespace rnnbench
