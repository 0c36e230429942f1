// Naive: a recurrent layer as its formulas say it, one number after another, on one thread.
//
// What it teaches: everything here is done T·B·H times with one accumulator, every weight is read
// again for every batch element of every step, and nothing overlaps. The other implementations
// compute exactly this; they differ only in when and where.
#include <algorithm>

#include "harness/impl.hpp"
#include "impls/cells/cells.hpp"
#include "impls/common/scratch.hpp"
#include "impls/common/sequence.hpp"

namespace rnnbench {
namespace {

const float* floats(const void* tensor) { return static_cast<const float*>(tensor); }

/// bias[row] + weights[row, :] · values; weights: [.., n] row-major, bias may be null.
float product(const float* weights, const float* bias, std::int64_t row, const float* values,
              std::int64_t n) {
  float sum = bias ? bias[row] : 0;
  for (std::int64_t k = 0; k < n; ++k) sum += weights[row * n + k] * values[k];
  return sum;
}

class Naive final : public Kernel {
 public:
  Naive(const Problem& p, const Tensors& t)
      : p_(p),
        t_(t),
        state_(static_cast<std::size_t>(p.layers * p.directions * p.batch * p.hidden)) {
    const auto sequence = static_cast<std::size_t>(p.seq * p.batch * p.directions * p.hidden);
    for (Scratch& buffer : sequence_) buffer = Scratch(sequence);
    h_next_ = Scratch(static_cast<std::size_t>(p.batch * p.hidden));
    if (p.cell == Cell::lstm)
      cell_state_ = Scratch(static_cast<std::size_t>(p.layers * p.directions * p.batch * p.hidden));
  }

  void launch(Stream) override {
    if (!p_.stateful || at_start_) take_initial_state();
    at_start_ = false;
    with_cell(p_.cell, [&](auto cell) { run<decltype(cell)>(); });
    write_outputs();
    if (p_.head_at != HeadAt::none) write_head();
  }

  void reset(Stream) override { at_start_ = true; }
  std::string note() const override { return "1 thread"; }

 private:
  std::int64_t state_size() const { return p_.layers * p_.directions * p_.batch * p_.hidden; }
  /// The output of `layer`, [T, B, D*H].
  float* sequence(int layer) const { return sequence_[layer % 2].get(); }

  void take_initial_state() {
    std::copy_n(floats(t_.h_0), state_size(), state_.get());
    if (cell_state_) std::copy_n(floats(t_.c_0), state_size(), cell_state_.get());
  }

  template <class CellPolicy>
  void run() {
    for (int layer = 0; layer < p_.layers; ++layer)
      for (int direction = 0; direction < p_.directions; ++direction)
        for (std::int64_t s = 0; s < p_.seq; ++s)
          step<CellPolicy>(layer, direction, direction == 0 ? s : p_.seq - 1 - s);
  }

  /// One time step of one layer and direction: [B, H] from x_t and the state.
  template <class CellPolicy>
  void step(int layer, int direction, std::int64_t t) {
    constexpr int gates = CellPolicy::gates;
    const std::int64_t place = layer * p_.directions + direction;  // among layers and states
    const LayerWeights& w = t_.layers[static_cast<std::size_t>(place)];
    const std::int64_t hidden = p_.hidden, inputs = layer_input(p_, layer);
    const float* x = layer == 0 ? floats(t_.x) : sequence(layer - 1);
    const std::int64_t offset = place * p_.batch * hidden;
    float* h = state_.get() + offset;  // [B, H]
    for (std::int64_t b = 0; b < p_.batch; ++b)
      for (std::int64_t j = 0; j < hidden; ++j) {
        float from_x[gates], from_h[gates];
        for (int g = 0; g < gates; ++g) {
          const std::int64_t row = g * hidden + j;
          from_x[g] = product(floats(w.w_ih), floats(w.b_ih), row,
                              x + input_rows(p_, layer).at(t, b) * inputs, inputs);
          from_h[g] = product(floats(w.w_hh), floats(w.b_hh), row, h + b * hidden, hidden);
        }
        float h_new = h[b * hidden + j], c_new = 0;
        if constexpr (CellPolicy::has_c) c_new = cell_state_.get()[offset + b * hidden + j];
        CellPolicy::update(from_x, from_h, h_new, c_new);
        if constexpr (CellPolicy::has_c) cell_state_.get()[offset + b * hidden + j] = c_new;
        h_next_.get()[b * hidden + j] = h_new;
      }
    std::copy_n(h_next_.get(), p_.batch * hidden, h);
    for (std::int64_t b = 0; b < p_.batch; ++b)
      std::copy_n(h + b * hidden, hidden,
                  sequence(layer) + ((t * p_.batch + b) * p_.directions + direction) * hidden);
  }

  void write_outputs() const {
    const std::int64_t features = p_.directions * p_.hidden;
    const SequenceRows rows = rows_of(p_, p_.layout);
    if (t_.output)
      for (std::int64_t t = 0; t < p_.seq; ++t)
        for (std::int64_t b = 0; b < p_.batch; ++b)
          std::copy_n(sequence(p_.layers - 1) + (t * p_.batch + b) * features, features,
                      static_cast<float*>(t_.output) + rows.at(t, b) * features);
    if (t_.h_n) std::copy_n(state_.get(), state_size(), static_cast<float*>(t_.h_n));
    if (t_.c_n) std::copy_n(cell_state_.get(), state_size(), static_cast<float*>(t_.c_n));
  }

  void write_head() const {
    const std::int64_t features = p_.directions * p_.hidden;
    const bool last_only = p_.head_at == HeadAt::last_step;
    const SequenceRows rows = rows_of(p_, p_.layout);
    for (std::int64_t t = last_only ? p_.seq - 1 : 0; t < p_.seq; ++t)
      for (std::int64_t b = 0; b < p_.batch; ++b) {
        const float* h = sequence(p_.layers - 1) + (t * p_.batch + b) * features;
        float* y = static_cast<float*>(t_.y) + (last_only ? b : rows.at(t, b)) * p_.head;
        for (std::int64_t o = 0; o < p_.head; ++o)
          y[o] = product(floats(t_.w_head), floats(t_.b_head), o, h, features);
      }
  }

  const Problem p_;
  const Tensors t_;
  Scratch sequence_[2];         // [T, B, D*H]: a layer reads one and writes the other
  Scratch state_, cell_state_;  // [L*D, B, H]
  Scratch h_next_;              // [B, H]: every unit reads the old h of all units
  bool at_start_ = true;
};

RNNBENCH_IMPL({.name = "naive",
               .device = Device::cpu,
               .summary = "plain loops, one thread: the formulas, and the lesson",
               .unsupported = [](const Problem& p, const DeviceInfo&) -> Reason {
                 if (p.dtype == Dtype::f32) return std::nullopt;
                 return "dtype " + std::string(name(p.dtype)) + ": these loops are f32 only";
               },
               .make = [](const Problem& p, const Tensors& t, const Options&)
                   -> std::unique_ptr<Kernel> { return std::make_unique<Naive>(p, t); }});

}  // namespace
}  // namespace rnnbench
