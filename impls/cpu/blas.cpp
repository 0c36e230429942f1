// BLAS: the products go to OpenBLAS. For each layer and direction one input GEMM covers the whole
// sequence; then each time step is one hidden GEMM and one pointwise pass.
//
// What it teaches: only the hidden product has to wait for the step before it. It is small
// ([B, H] x [H, G*H]), so what surrounds it decides:
//  - Threads inside BLAS lose at this size (a wake-up costs more than the step). Here each thread
//    owns a direction and a range of hidden units from the input GEMM to the last step, calls
//    single-threaded BLAS, and meets the others at a spinning barrier once a step, or only once a
//    layer where it owns a direction alone.
//  - OpenBLAS packs both operands in every call, and its kernels are made for multiples of four
//    batch rows: the state is padded to that, and up to three rows go to gemv, which packs nothing.
#include <cblas.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "harness/impl.hpp"
#include "impls/common/packed.hpp"
#include "impls/common/pointwise.hpp"
#include "impls/common/scratch.hpp"
#include "impls/common/sequence.hpp"
#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

constexpr Index gemv_rows = 3;

/// c[rows, n] = beta * c + a[rows, k] * w[k, n], all row-major and dense but for a's rows.
void product(Index rows, Index n, Index k, const float* a, Index a_row, const float* w, float beta,
             float* c) {
  const auto size = [](Index value) { return static_cast<blasint>(value); };
  if (rows <= gemv_rows) {
    for (Index r = 0; r < rows; ++r)
      cblas_sgemv(CblasRowMajor, CblasTrans, size(k), size(n), 1, w, size(n), a + r * a_row, 1,
                  beta, c + r * n, 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size(rows), size(n), size(k), 1, a,
              size(a_row), w, size(n), beta, c, size(n));
}

/// How the work is shared: `groups` directions at a time, `slices` threads for each.
struct Plan {
  int groups = 1;
  int slices = 1;
};

Plan plan_for(const Problem& p, int threads) {
  constexpr double call_flops = 1e6;   // about 10 µs: below it waking the team costs more
  constexpr double slice_flops = 4e5;  // about 5 µs a step: below it the barrier shows
  constexpr Index slice_units = 16;
  if (threads < p.directions || flops(p) < call_flops) return {};
  const double by_work = step_flops(p) / p.directions / slice_flops;
  const auto most =
      std::min<Index>(threads / p.directions, std::max<Index>(1, p.hidden / slice_units));
  return {p.directions, static_cast<int>(std::clamp(by_work, 1.0, static_cast<double>(most)))};
}

class Blas final : public Kernel {
 public:
  Blas(const Problem& p, const Tensors& t, const Options& options)
      : p_(p),
        t_(t),
        plan_(plan_for(p, options.threads > 0 ? options.threads : usable_cores())),
        padded_(p.batch <= gemv_rows ? p.batch : (p.batch + 3) / 4 * 4),
        pointwise_(pointwise_for(p.cell)),
        team_(plan_.groups * plan_.slices),
        layer_barrier_(team_.size()) {
    for (int layer = 0; layer < p.layers; ++layer)
      for (int direction = 0; direction < p.directions; ++direction)
        for (int slice = 0; slice < plan_.slices; ++slice) {
          const Index first = p.hidden * slice / plan_.slices;
          const Index end = p.hidden * (slice + 1) / plan_.slices;
          packed_.push_back(
              pack(p, t.layers[at(layer, direction)], layer_input(p, layer), first, end - first));
        }
    for (int rank = 0; rank < team_.size(); ++rank) {
      const Index n = gates(p.cell) * packed_[static_cast<std::size_t>(rank % plan_.slices)].units;
      from_x_.emplace_back(count(p.seq * p.batch, n));
      from_h_.emplace_back(count(padded_, n));
    }
    for (int group = 0; group < plan_.groups; ++group) {
      step_barriers_.push_back(std::make_unique<SpinBarrier>(plan_.slices));
      h_.emplace_back(2 * count(padded_, p.hidden));
    }
    const Index states = p.layers * p.directions * p.batch;
    if (p.stateful) h_state_ = Scratch(count(states, p.hidden));
    if (p.cell == Cell::lstm) c_state_ = Scratch(count(states, p.hidden));
    allocate_sequences();
    if (p.head_at == HeadAt::none) return;
    const Index features = p.directions * p.hidden;
    w_head_ = Scratch(count(features, p.head));
    transpose(floats(t.w_head), p.head, features, w_head_.get(), p.head);
  }

  void launch(Stream) override {
    openblas_set_num_threads(1);  // the team is the parallelism; a session may have said otherwise
    team_.run([this](int rank) { work(rank); });
    at_start_ = false;
  }

  void reset(Stream) override { at_start_ = true; }

  std::string note() const override {
    std::string text = plan_.groups == 2 ? "directions in parallel, " : "";
    if (plan_.slices > 1) text += "units in " + std::to_string(plan_.slices) + " slices, ";
    text += std::to_string(team_.size()) + (team_.size() == 1 ? " thread" : " threads");
    text += p_.batch <= gemv_rows ? ", hidden gemv a row" : ", hidden gemm";
    if (padded_ != p_.batch) text += ", batch padded to " + std::to_string(padded_);
    return text + ", OpenBLAS " + openblas_get_corename();
  }

 private:
  std::size_t at(int layer, int direction) const {
    const int place = layer * p_.directions + direction;
    return static_cast<std::size_t>(place);
  }

  /// Where each layer puts its output: two buffers in turn, but the last layer's is the problem's
  /// own tensor where that is wanted, or nothing where nobody reads it.
  void allocate_sequences() {
    const std::size_t size = count(p_.seq * p_.batch, p_.directions * p_.hidden);
    sequence_.assign(static_cast<std::size_t>(p_.layers), nullptr);
    for (int layer = 0; layer + 1 < p_.layers; ++layer) {
      Scratch& buffer = buffers_[layer % 2];
      if (!buffer) buffer = Scratch(size);
      sequence_[static_cast<std::size_t>(layer)] = buffer.get();
    }
    float*& last = sequence_.back();
    last = static_cast<float*>(t_.output);
    if (last || p_.head_at == HeadAt::none) return;
    Scratch& buffer = buffers_[(p_.layers - 1) % 2];
    if (!buffer) buffer = Scratch(size);
    last = buffer.get();
  }

  void work(int rank) {
    const int group = rank / plan_.slices, slice = rank % plan_.slices;
    for (int layer = 0; layer < p_.layers; ++layer) {
      for (int direction = group; direction < p_.directions; direction += plan_.groups)
        run_layer(layer, direction, group, slice);
      layer_barrier_.wait();  // the next layer reads both directions at every step
    }
    if (p_.head_at != HeadAt::none) run_head(rank);
  }

  void run_layer(int layer, int direction, int group, int slice) {
    const PackedWeights& w = packed_[at(layer, direction) * static_cast<std::size_t>(plan_.slices) +
                                     static_cast<std::size_t>(slice)];
    const Index team_rank = group * plan_.slices + slice;
    const auto rank = static_cast<std::size_t>(team_rank);
    const Index inputs = layer_input(p_, layer), n = gates(p_.cell) * w.units;
    const float* x = layer == 0 ? floats(t_.x) : sequence_[static_cast<std::size_t>(layer) - 1];
    float* from_x = from_x_[rank].get();  // rows as in x
    product(p_.seq * p_.batch, n, inputs, x, inputs, w.w_ih.get(), 0, from_x);

    SpinBarrier& barrier = *step_barriers_[static_cast<std::size_t>(group)];
    float* h[2] = {h_[static_cast<std::size_t>(group)].get(), nullptr};  // each [padded, H]
    h[1] = h[0] + padded_ * p_.hidden;
    load_state(at(layer, direction), w, h[0]);
    barrier.wait();

    PointwiseStep step;
    step.batch = p_.batch, step.units = w.units;
    step.a = from_h_[rank].get(), step.a_row = n;
    step.bias_x = w.bias_x.get(), step.bias_a = w.bias_a.get();
    step.h_row = p_.hidden;
    step.c = c_state_ ? c_state_.get() + state_offset(at(layer, direction), w) : nullptr;
    step.c_row = p_.hidden;
    const bool last_layer = layer + 1 == p_.layers;
    const SequenceRows in = input_rows(p_, layer);
    const SequenceRows out = rows_of(p_, last_layer ? p_.layout : Layout::tbc);
    const Index features = p_.directions * p_.hidden;
    float* sequence = sequence_[static_cast<std::size_t>(layer)];
    step.x_row = in.element * n, step.copy_row = out.element * features;
    for (Index s = 0; s < p_.seq; ++s) {
      const Index t = direction == 0 ? s : p_.seq - 1 - s;
      step.h_in = h[s % 2] + w.first, step.h_out = h[(s + 1) % 2] + w.first;
      step.x = from_x + in.at(t, 0) * n;
      if (sequence)
        step.copy = sequence + out.at(t, 0) * features + direction * p_.hidden + w.first;
      product(padded_, n, p_.hidden, h[s % 2], p_.hidden, w.w_hh.get(), 0, from_h_[rank].get());
      pointwise_(step);
      barrier.wait();
    }
    store_state(at(layer, direction), w, h[p_.seq % 2]);
  }

  Index state_offset(std::size_t state, const PackedWeights& w) const {
    return static_cast<Index>(state) * p_.batch * p_.hidden + w.first;
  }

  /// Copies this slice's columns of [B, H], both sides H apart.
  void copy_slice(const float* from, float* to, Index units) const {
    for (Index b = 0; b < p_.batch; ++b)
      std::copy_n(from + b * p_.hidden, units, to + b * p_.hidden);
  }

  void load_state(std::size_t state, const PackedWeights& w, float* h) const {
    const Index offset = state_offset(state, w);
    const bool carried = p_.stateful && !at_start_;
    copy_slice((carried ? h_state_.get() : floats(t_.h_0)) + offset, h + w.first, w.units);
    if (c_state_ && !carried) copy_slice(floats(t_.c_0) + offset, c_state_.get() + offset, w.units);
  }

  void store_state(std::size_t state, const PackedWeights& w, const float* h) const {
    const Index offset = state_offset(state, w);
    if (t_.h_n) copy_slice(h + w.first, static_cast<float*>(t_.h_n) + offset, w.units);
    if (h_state_) copy_slice(h + w.first, h_state_.get() + offset, w.units);
    if (t_.c_n) copy_slice(c_state_.get() + offset, static_cast<float*>(t_.c_n) + offset, w.units);
  }

  /// Every rank takes a range of rows of y; the bias goes in first and the product onto it.
  void run_head(int rank) const {
    const bool last_only = p_.head_at == HeadAt::last_step;
    const SequenceRows rows = rows_of(p_, p_.layout);
    const Index features = p_.directions * p_.hidden;
    const Index total = last_only ? p_.batch : p_.seq * p_.batch;
    const Index first = total * rank / team_.size(), end = total * (rank + 1) / team_.size();
    if (first == end) return;
    float* y = static_cast<float*>(t_.y) + first * p_.head;
    for (Index r = 0; r < end - first; ++r)
      std::copy_n(floats(t_.b_head), p_.head, y + r * p_.head);
    const Index row = last_only ? rows.at(p_.seq - 1, first) : first;
    const Index row_distance = last_only ? rows.element : 1;
    product(end - first, p_.head, features, sequence_.back() + row * features,
            row_distance * features, w_head_.get(), 1, y);
  }

  const Problem p_;
  const Tensors t_;
  const Plan plan_;
  const Index padded_;  // batch rows of the hidden product; the rows past B stay zero
  const Pointwise pointwise_;
  Team team_;
  SpinBarrier layer_barrier_;
  std::vector<std::unique_ptr<SpinBarrier>> step_barriers_;  // [group]
  std::vector<PackedWeights> packed_;                        // [layer][direction][slice]
  std::vector<Scratch> from_x_;   // [rank]: [T*B, G*units] with the rows of the layer's input
  std::vector<Scratch> from_h_;   // [rank]: [padded, G*units]
  std::vector<Scratch> h_;        // [group]: two states [padded, H], read and written in turn
  Scratch h_state_;               // [L*D, B, H], stateful problems only
  Scratch c_state_;               // [L*D, B, H], lstm only; worked on in place
  Scratch buffers_[2];            // [T, B, D*H] or, of the last layer, the problem's layout
  std::vector<float*> sequence_;  // [layer]
  Scratch w_head_;                // [D*H, O]
  bool at_start_ = true;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  if (p.dtype == Dtype::tf32) return "dtype tf32: a CPU has none";
  if (p.dtype != Dtype::f32)
    return "dtype " + std::string(name(p.dtype)) + ": OpenBLAS has no such GEMM with f32 state";
  const double largest = std::numeric_limits<blasint>::max();
  const double features =
      std::max({static_cast<double>(p.input), 2.0 * static_cast<double>(p.hidden),
                static_cast<double>(gates(p.cell)) * static_cast<double>(p.hidden)});
  // Rows of the last step in [B, T, D*H] are T*D*H apart.
  const double rows = static_cast<double>(p.batch) * static_cast<double>(p.seq);
  const double apart = static_cast<double>(p.seq) * p.directions * static_cast<double>(p.hidden);
  if (std::max({features, rows, apart, static_cast<double>(p.head)}) > largest)
    return "sizes beyond the 32-bit integers of this OpenBLAS";
  return std::nullopt;
}

RNNBENCH_IMPL(
    {.name = "blas",
     .device = Device::cpu,
     .summary = "OpenBLAS: one input GEMM a layer, one hidden GEMM and one pointwise pass a step",
     .unsupported = unsupported,
     .make = [](const Problem& p, const Tensors& t, const Options& options)
         -> std::unique_ptr<Kernel> { return std::make_unique<Blas>(p, t, options); }});

}  // namespace
}  // namespace rnnbench
