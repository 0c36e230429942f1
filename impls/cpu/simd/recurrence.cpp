// What a thread owns it owns from the first step to the last: rows of the batch, units of a
// direction, and so a slice of the weights that can stay in its own cache.
//
// Threads that share a batch and a direction meet once a step, because the next step reads the
// state of all units. All others meet nowhere: a layer's reader waits for the steps that it is
// about to read, so that layers run as a wavefront, and the directions of one layer side by side.
#include "impls/cpu/simd/recurrence.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "impls/common/panels.hpp"
#include "impls/common/sequence.hpp"
#include "impls/common/simd.hpp"
#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

constexpr Index row_alignment = 16;  // floats: rows begin at a line of the cache
Index padded(Index n) { return (n + row_alignment - 1) / row_alignment * row_alignment; }

/// [part/parts, (part+1)/parts) of `whole`.
struct Range {
  Index first, end;
  Index size() const { return end - first; }
};
Range range_of(Index whole, int part, int parts) {
  return {whole * part / parts, whole * (part + 1) / parts};
}

/// Steps done, on a line of its own, so that a look at it disturbs nobody else's.
struct alignas(64) Progress {
  std::atomic<Index> steps{0};
};

/// A rank's place in the team.
struct Seat {
  int lane, direction, batch, unit;
};

/// The weights of one layer, direction and slice of units.
struct Slice {
  Index first = 0;
  Panels w_ih, w_hh;
  Scratch bias_x, bias_h;
};

/// Where a rank's input rows of one chunk lie, and where their products go: element (t, b) is at
/// t * step + b * element.
struct ChunkRows {
  const float* from;
  SequenceRows in, out;
  Index row;  // floats between rows of `from`
};

class Recurrence final : public Kernel {
 public:
  Recurrence(const Problem& p, const Tensors& t, const TeamPlan& plan, const Options& options)
      : p_(p),
        t_(t),
        plan_(plan),
        simd_(chosen_vectors(options)),
        state_row_(padded(p.hidden)),
        sequence_row_(padded(p.directions * p.hidden)),
        team_(plan.size()),
        everybody_(plan.size()),
        progress_(count(p.layers * p.directions, plan.batches * plan.units)) {
    for (int layer = 0; layer < p.layers; ++layer)
      for (int direction = 0; direction < p.directions; ++direction) {
        for (int unit = 0; unit < plan.units; ++unit)
          slices_.push_back(slice(layer, direction, unit));
        states_.emplace_back(2 * count(p.batch, state_row_));
        if (p.cell == Cell::lstm) cells_.emplace_back(count(p.batch, state_row_));
      }
    for (int k = 0; k < plan.lanes * plan.directions * plan.batches; ++k)
      step_barriers_.push_back(std::make_unique<SpinBarrier>(plan.units));
    for (int rank = 0; rank < team_.size(); ++rank) allocate_workspace(seat(rank));
    allocate_sequences();
    if (p.head_at != HeadAt::none) {
      w_head_ = pack_panels(panel_shape(simd_.lanes, 1, p.head), p.dtype, t.w_head, p.head, 0,
                            p.directions * p.hidden);
      b_head_ = Scratch(count(1, w_head_.shape.columns()));
      read_values(p.dtype, t.b_head, 0, p.head, b_head_.get());
    }
    pin(options);
  }
  ~Recurrence() override {
    if (!cores_.empty()) sched_setaffinity(0, sizeof allowed_, &allowed_);
  }

  void launch(Stream) override {
    for (auto& done : progress_) done.steps.store(0, std::memory_order_relaxed);
    team_.run([this](int rank) { work(rank); });
    at_start_ = false;
  }

  void reset(Stream) override { at_start_ = true; }

  std::string note() const override {
    std::string text = std::to_string(team_.size()) + (team_.size() == 1 ? " thread" : " threads");
    const auto slices = [&](int n, const char* what) {
      if (n > 1) text += ", " + std::string(what) + " in " + std::to_string(n);
    };
    slices(plan_.directions, "directions");
    slices(plan_.batches, "batch");
    slices(plan_.units, "units");
    slices(plan_.lanes, "layers");
    text += plan_.hoisted ? ", input products of " + std::to_string(plan_.chunk) +
                                (plan_.chunk == 1 ? " step" : " steps") + " at once"
                          : ", input and hidden product in one pass";
    text += ", " + simd_.target;
    if (!cores_.empty()) text += ", pinned to cores " + cores_;
    return text;
  }

 private:
  Seat seat(int rank) const {
    const int unit = rank % plan_.units;
    rank /= plan_.units;
    const int batch = rank % plan_.batches;
    rank /= plan_.batches;
    return {rank / plan_.directions, rank % plan_.directions, batch, unit};
  }
  std::size_t place(int layer, int direction) const {
    return static_cast<std::size_t>(layer * p_.directions + direction);
  }
  Range rows(const Seat& s) const { return range_of(p_.batch, s.batch, plan_.batches); }
  const Slice& slice_of(int layer, int direction, const Seat& s) const {
    return slices_[place(layer, direction) * static_cast<std::size_t>(plan_.units) +
                   static_cast<std::size_t>(s.unit)];
  }
  Progress& progress(int layer, int direction, int batch, int unit) {
    return progress_[(place(layer, direction) * static_cast<std::size_t>(plan_.batches) +
                      static_cast<std::size_t>(batch)) *
                         static_cast<std::size_t>(plan_.units) +
                     static_cast<std::size_t>(unit)];
  }
  bool last(int layer) const { return layer + 1 == p_.layers; }

  Slice slice(int layer, int direction, int unit) const {
    // Whole vectors: no two threads write the same one.
    const Range vectors = range_of((p_.hidden + simd_.lanes - 1) / simd_.lanes, unit, plan_.units);
    Slice s;
    s.first = vectors.first * simd_.lanes;
    const Index units = std::min(p_.hidden, vectors.end * simd_.lanes) - s.first;
    const PanelShape shape = panel_shape(simd_.lanes, gates(p_.cell), units);
    const LayerWeights& w = t_.layers[place(layer, direction)];
    s.w_ih = pack_panels(shape, p_.dtype, w.w_ih, p_.hidden, s.first, layer_input(p_, layer));
    s.w_hh = pack_panels(shape, p_.dtype, w.w_hh, p_.hidden, s.first, p_.hidden);
    s.bias_x = pack_bias(shape, p_, w, s.first, false);
    s.bias_h = pack_bias(shape, p_, w, s.first, true);
    return s;
  }

  void allocate_workspace(const Seat& s) {
    const Index n = plan_.chunk * rows(s).size();
    Scratch& inputs = inputs_.emplace_back();
    if (p_.dtype != Dtype::f32) inputs = Scratch(count(n, padded(p_.input)));
    Scratch& from_x = from_x_.emplace_back();
    Index columns = 0;  // slices of fewer units can have more columns, for the vectors' sake
    for (int layer = 0; layer < p_.layers; ++layer)
      columns = std::max(columns, slice_of(layer, 0, s).w_ih.shape.columns());
    if (plan_.hoisted) from_x = Scratch(count(n, columns));
  }

  /// Where each layer puts its output, [T, B, sequence_row_]: two buffers in turn. That of the last
  /// layer is only for the head.
  void allocate_sequences() {
    for (int layer = 0; layer + (p_.head_at == HeadAt::none ? 1 : 0) < p_.layers; ++layer)
      if (Scratch& buffer = sequences_[layer % 2]; !buffer)
        buffer = Scratch(count(p_.seq * p_.batch, sequence_row_));
  }

  void pin(const Options& options) {
    const auto wanted = options.more.find("pin");
    if (wanted == options.more.end() || wanted->second == "no") return;
    if (wanted->second != "yes") throw UsageError("--option pin=" + wanted->second + ": yes or no");
    if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) return;
    std::vector<int> cores;
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &allowed_)) cores.push_back(core);
    if (static_cast<int>(cores.size()) < team_.size())
      throw UsageError("--option pin=yes: " + std::to_string(team_.size()) + " threads for " +
                       std::to_string(cores.size()) + " cores; fewer --threads");
    team_.run([&](int rank) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cores[static_cast<std::size_t>(rank)], &one);
      sched_setaffinity(0, sizeof one, &one);
    });
    for (int rank = 0; rank < team_.size(); ++rank)
      cores_ += (rank ? "," : "") + std::to_string(cores[static_cast<std::size_t>(rank)]);
  }

  void work(int rank) {
    const Seat s = seat(rank);
    for (int layer = s.lane; layer < p_.layers; layer += plan_.lanes)
      for (int direction = s.direction; direction < p_.directions; direction += plan_.directions)
        run_layer(layer, direction, s, rank);
    if (p_.head_at == HeadAt::none) return;
    everybody_.wait();
    run_head(rank);
  }

  /// The steps that anybody reads: a head on the last step sees of the last layer's reverse
  /// direction only its first.
  Index needed_steps(int layer, int direction) const {
    const bool all = !last(layer) || direction == 0 || p_.head_at != HeadAt::last_step ||
                     t_.output || t_.h_n || t_.c_n || p_.stateful;
    return all ? p_.seq : 1;
  }

  void run_layer(int layer, int direction, const Seat& s, int rank) {
    const Slice& w = slice_of(layer, direction, s);
    const Range batch = rows(s);
    SpinBarrier& barrier = *step_barriers_[static_cast<std::size_t>(
        (s.lane * plan_.directions + s.direction) * plan_.batches + s.batch)];
    float* h[2] = {states_[place(layer, direction)].get() + batch.first * state_row_, nullptr};
    h[1] = h[0] + p_.batch * state_row_;
    load_state(layer, direction, w, batch);
    barrier.wait();
    StepJob job = step_job(layer, direction, w, batch);
    const Index steps = needed_steps(layer, direction);
    for (Index first = 0; first < steps; first += plan_.chunk) {
      const Index end = std::min(steps, first + plan_.chunk);
      // Times of these steps.
      const Range times = direction == 0 ? Range{first, end} : Range{p_.seq - end, p_.seq - first};
      if (layer > 0) wait_for_inputs(layer - 1, s.batch, times);
      const ChunkRows x = input_rows_of(layer, batch, times, rank);
      if (plan_.hoisted) multiply_inputs(x, w, batch.size(), times, rank);
      for (Index step = first; step < end; ++step) {
        const Index t = direction == 0 ? step : p_.seq - 1 - step;
        if (plan_.hoisted) {
          const Index columns = w.w_ih.shape.columns();
          job.from_x = from_x_[static_cast<std::size_t>(rank)].get() +
                       x.out.at(t - times.first, 0) * columns;
          job.from_x_row = x.out.element * columns;
        } else {
          job.w_x = &w.w_ih;
          job.x = x.from + x.in.at(t - times.first, 0) * x.row;
          job.x_row = x.in.element * x.row;
        }
        job.h = h[step % 2];
        job.h_in = h[step % 2] + w.first, job.h_out = h[(step + 1) % 2] + w.first;
        simd_.step(at_time(job, layer, direction, w, batch, t));
        barrier.wait();
      }
      progress(layer, direction, s.batch, s.unit).steps.store(end, std::memory_order_release);
    }
    store_state(layer, direction, w, batch, h[steps % 2]);
  }

  StepJob step_job(int layer, int direction, const Slice& w, const Range& batch) {
    StepJob job;
    job.cell = p_.cell, job.rows = batch.size();
    job.w_h = &w.w_hh, job.h_row = state_row_;
    job.bias_x = w.bias_x.get(), job.bias_h = w.bias_h.get();
    if (p_.cell == Cell::lstm)
      job.c = cells_[place(layer, direction)].get() + batch.first * state_row_ + w.first;
    return job;
  }

  /// With where the new state goes besides: to the next layer or the head, or to the output.
  const StepJob& at_time(StepJob& job, int layer, int direction, const Slice& w, const Range& batch,
                         Index t) {
    job.copy = {};
    const Index column = direction * p_.hidden + w.first;
    if (!last(layer) || p_.head_at != HeadAt::none) {
      job.copy.f32 =
          sequences_[layer % 2].get() + (t * p_.batch + batch.first) * sequence_row_ + column;
      job.copy.row = sequence_row_;
    }
    if (!last(layer) || !t_.output) return job;
    const SequenceRows out = rows_of(p_, p_.layout);
    const Index features = p_.directions * p_.hidden;
    const Index at = out.at(t, batch.first) * features + column, row = out.element * features;
    job.output = {};
    job.output.row = row;
    if (p_.dtype == Dtype::f32)
      job.output.f32 = static_cast<float*>(t_.output) + at;
    else
      job.output.bf16 = static_cast<std::uint16_t*>(t_.output) + at;
    return job;
  }

  /// Until all that write rows of this batch slice have passed these times.
  void wait_for_inputs(int layer, int batch, const Range& times) {
    for (int direction = 0; direction < p_.directions; ++direction) {
      const Index needed = direction == 0 ? times.end : p_.seq - times.first;
      for (int unit = 0; unit < plan_.units; ++unit) {
        const auto& done = progress(layer, direction, batch, unit).steps;
        spin_until([&] { return done.load(std::memory_order_acquire) >= needed; });
      }
    }
  }

  /// Rows of x or of the layer before; of 16 bits made f32 first.
  ChunkRows input_rows_of(int layer, const Range& batch, const Range& times, int rank) {
    const SequenceRows in = input_rows(p_, layer);
    ChunkRows x{nullptr, in, {batch.size(), 1}, layer == 0 ? p_.input : sequence_row_};
    if (layer > 0) {
      x.from = sequences_[(layer - 1) % 2].get() + in.at(times.first, batch.first) * x.row;
    } else if (p_.dtype == Dtype::f32) {
      x.from = floats(t_.x) + in.at(times.first, batch.first) * x.row;
    } else {
      float* to = inputs_[static_cast<std::size_t>(rank)].get();
      x.from = to, x.in = x.out, x.row = padded(p_.input);
      for (Index t = times.first; t < times.end; ++t)
        for (Index b = batch.first; b < batch.end; ++b, to += x.row)
          read_values(p_.dtype, t_.x, in.at(t, b) * p_.input, p_.input, to);
    }
    // One product for all where rows follow one another evenly, in order of t or of b.
    if (x.in.element == times.size() * x.in.step) x.out = {1, times.size()};
    return x;
  }

  void multiply_inputs(const ChunkRows& x, const Slice& w, Index batch, const Range& times,
                       int rank) {
    ProductJob job;
    job.w = &w.w_ih, job.bias = w.bias_x.get();
    job.columns = w.w_ih.shape.columns();
    float* to = from_x_[static_cast<std::size_t>(rank)].get();
    const auto rows = [&](Index n, Index in_at, Index in_row, Index out_at, Index out_row) {
      job.rows = n;
      job.a = x.from + in_at * x.row, job.a_row = in_row * x.row;
      job.out.f32 = to + out_at * job.columns, job.out.row = out_row * job.columns;
      simd_.product(job);
    };
    if (x.in.step == batch * x.in.element)
      rows(times.size() * batch, 0, x.in.element, 0, x.out.element);
    else if (x.out.step == 1)
      rows(times.size() * batch, 0, x.in.step, 0, 1);
    else if (batch >= times.size())
      for (Index t = 0; t < times.size(); ++t)
        rows(batch, t * x.in.step, x.in.element, t * x.out.step, x.out.element);
    else
      for (Index b = 0; b < batch; ++b)
        rows(times.size(), b * x.in.element, x.in.step, b * x.out.element, x.out.step);
  }

  void load_state(int layer, int direction, const Slice& w, const Range& batch) {
    const std::size_t at = place(layer, direction);
    float* h = states_[at].get();
    const bool carried = p_.stateful && !at_start_;
    const Index units = w.w_hh.shape.units;
    for (Index b = batch.first; b < batch.end; ++b) {
      const Index from = (static_cast<Index>(at) * p_.batch + b) * p_.hidden + w.first;
      float* row = h + b * state_row_ + w.first;
      if (!carried) {
        read_values(p_.dtype, t_.h_0, from, units, row);
        if (p_.cell == Cell::lstm)
          read_values(p_.dtype, t_.c_0, from, units, cells_[at].get() + b * state_row_ + w.first);
      } else if (p_.seq % 2 == 1) {
        std::copy_n(row + p_.batch * state_row_, units, row);
      }
    }
  }

  void store_state(int layer, int direction, const Slice& w, const Range& batch,
                   const float* h) const {
    const std::size_t at = place(layer, direction);
    const Index units = w.w_hh.shape.units;
    for (Index b = batch.first; b < batch.end; ++b) {
      const Index to = (static_cast<Index>(at) * p_.batch + b) * p_.hidden + w.first;
      if (t_.h_n)
        write_values(p_.dtype, h + (b - batch.first) * state_row_ + w.first, units, t_.h_n, to);
      if (t_.c_n)
        write_values(p_.dtype, cells_[at].get() + b * state_row_ + w.first, units, t_.c_n, to);
    }
  }

  /// Every rank takes a range of rows of y.
  void run_head(int rank) const {
    const bool last_only = p_.head_at == HeadAt::last_step;
    const Range mine = range_of(last_only ? p_.batch : p_.seq * p_.batch, rank, team_.size());
    const SequenceRows out = rows_of(p_, p_.layout);
    ProductJob job;
    job.w = &w_head_, job.bias = b_head_.get(), job.columns = p_.head, job.a_row = sequence_row_;
    const float* sequence = sequences_[(p_.layers - 1) % 2].get();
    const auto rows = [&](Index n, Index from, Index to, Index to_row) {
      job.rows = n, job.a = sequence + from * sequence_row_;
      job.out.row = to_row * p_.head;
      if (p_.dtype == Dtype::f32)
        job.out.f32 = static_cast<float*>(t_.y) + to * p_.head;
      else
        job.out.bf16 = static_cast<std::uint16_t*>(t_.y) + to * p_.head;
      simd_.product(job);
    };
    if (last_only) {
      rows(mine.size(), (p_.seq - 1) * p_.batch + mine.first, mine.first, 1);
    } else if (p_.layout == Layout::tbc) {
      rows(mine.size(), mine.first, mine.first, 1);
    } else {
      for (Index at = mine.first; at < mine.end;) {  // rows of one step
        const Index t = at / p_.batch, b = at % p_.batch;
        const Index n = std::min(p_.batch - b, mine.end - at);
        rows(n, at, out.at(t, b), out.element);
        at += n;
      }
    }
  }

  const Problem p_;
  const Tensors t_;
  const TeamPlan plan_;
  const SimdKernels& simd_;
  const Index state_row_, sequence_row_;
  Team team_;
  SpinBarrier everybody_;
  std::vector<std::unique_ptr<SpinBarrier>> step_barriers_;  // [lane][direction][batch]
  std::vector<Progress> progress_;                           // [layer][direction][batch][unit]
  std::vector<Slice> slices_;                                // [layer][direction][unit]
  std::vector<Scratch> states_;  // [layer][direction]: two states [B, state_row_], in turn
  std::vector<Scratch> cells_;   // [layer][direction]: [B, state_row_]; lstm only
  std::vector<Scratch> inputs_;  // [rank]: x of a chunk as f32; 16 bits only
  std::vector<Scratch> from_x_;  // [rank]: input products of a chunk
  Scratch sequences_[2];         // [T, B, sequence_row_]
  Panels w_head_;
  Scratch b_head_;
  cpu_set_t allowed_{};
  std::string cores_;
  bool at_start_ = true;
};

}  // namespace

const SimdKernels& chosen_vectors(const Options& options) {
  const auto& all = simd_kernels();
  const auto wanted = options.more.find("vectors");
  if (wanted == options.more.end()) return all.front();
  std::string names;
  for (const SimdKernels& one : all) {
    if (one.target == wanted->second) return one;
    names += (names.empty() ? "" : ", ") + one.target;
  }
  throw UsageError("--option vectors=" + wanted->second + ": this machine has " + names);
}

std::unique_ptr<Kernel> make_recurrence(const Problem& p, const Tensors& t, const TeamPlan& plan,
                                        const Options& options) {
  return std::make_unique<Recurrence>(p, t, plan, options);
}

Reason simd_unsupported(const Problem& p) {
  if (p.dtype == Dtype::tf32) return "dtype tf32: a CPU has none";
  if (p.dtype == Dtype::f16) return "dtype f16: of 16 bits, these kernels have bf16";
  return std::nullopt;
}

}  // namespace rnnbench
