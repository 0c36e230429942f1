// oneDNN: its own RNN, LSTM and LBR GRU primitives, with weights in whatever format they prefer.
//
// One primitive covers a stack of layers with equal input and state sizes where the problem has one
// direction. With two, oneDNN would run each direction through all layers and join them only at the
// end, while here (as in torch) every layer reads both: then each layer is a primitive of its own.
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/cores.hpp"
#include "harness/impl.hpp"
#include "impls/common/onednn_api.hpp"
#include "impls/common/scratch.hpp"
#include "impls/common/sequence.hpp"

extern "C" void omp_set_num_threads(int) __attribute__((weak));  // oneDNN's threads, if OpenMP's

namespace rnnbench {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

memory::desc plain(const Dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }
memory::desc any(const Dims& dims) { return plain(dims, Tag::any); }

/// Gate of torch's order that stands at place `gate` of oneDNN's: its GRU begins with z.
int torch_gate(Cell cell, int gate) { return cell == Cell::gru && gate < 2 ? 1 - gate : gate; }

/// One primitive: `count` layers from `first`.
struct Stack {
  int first = 0, count = 0;
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
};

class OneDnn final : public Kernel {
 public:
  OneDnn(const Problem& p, const Tensors& t, const Options& options)
      : p_(p), t_(t), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    if (omp_set_num_threads)
      omp_set_num_threads(options.threads > 0 ? options.threads : usable_cores());
    const auto states = static_cast<std::size_t>(p.layers * p.directions * p.batch * p.hidden);
    if (p.stateful) {
      h_state_ = Scratch(states);
      if (p.cell == Cell::lstm) c_state_ = Scratch(states);
    }
    // An LSTM primitive takes both final states or neither.
    const bool lstm = p.cell == Cell::lstm, both = lstm && (t.h_n || t.c_n);
    if ((p.stateful || both) && !t.h_n) h_last_ = Scratch(states);
    if ((p.stateful || both) && lstm && !t.c_n) c_last_ = Scratch(states);
    for (int layer = 0; layer < p.layers;) {
      Stack stack;
      stack.first = layer;
      stack.count = 1;
      if (p.directions == 1 && layer_input(p, layer) == p.hidden) stack.count = p.layers - layer;
      layer += stack.count;
      add(std::move(stack));
    }
    if (p.head_at != HeadAt::none) add_head();
    stream_.wait();
  }

  void launch(Stream) override {
    if (p_.stateful && at_start_) take_state(t_.h_0, t_.c_0);
    for (auto& stack : stacks_) stack.primitive.execute(stream_, stack.arguments);
    stream_.wait();
    if (p_.stateful) take_state(h_n(), c_n());
    at_start_ = false;
  }

  void reset(Stream) override { at_start_ = true; }

  std::string note() const override {
    const auto* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch) + ", " + std::to_string(rnn_count_) +
           (rnn_count_ == 1 ? " primitive, " : " primitives, ") + rnn_kind_;
  }

 private:
  std::size_t state_bytes() const {
    return static_cast<std::size_t>(p_.layers * p_.directions * p_.batch * p_.hidden) *
           sizeof(float);
  }
  void* h_n() const { return t_.h_n ? t_.h_n : h_last_.get(); }
  void* c_n() const { return t_.c_n ? t_.c_n : c_last_.get(); }

  void take_state(const void* h, const void* c) {
    std::memcpy(h_state_.get(), h, state_bytes());
    if (c_state_) std::memcpy(c_state_.get(), c, state_bytes());
  }

  /// Memory that the kernel owns, for repacked weights, sequences between layers and scratch pads.
  memory own(const memory::desc& desc) { return owned_.emplace_back(desc, engine_); }
  memory wrap(const memory::desc& desc, const void* data) {
    return memory(desc, engine_, const_cast<void*>(data));
  }
  /// `from` in the format `wanted`: repacked now if that differs.
  memory repacked(const memory& from, const memory::desc& wanted) {
    memory to = own(wanted);
    dnnl::reorder(from, to).execute(stream_, const_cast<memory&>(from), to);
    stream_.wait();
    return to;
  }

  memory::desc sequence_desc(std::int64_t features, Layout layout) const {
    return plain({p_.seq, p_.batch, features}, layout == Layout::btc ? Tag::ntc : Tag::tnc);
  }

  /// Layer and direction `k` of a stack, counted layer by layer.
  const LayerWeights& layer_weights(const Stack& s, int k) const {
    const int place = s.first * p_.directions + k;
    return t_.layers[static_cast<std::size_t>(place)];
  }

  /// [count, D, in, G, H] from torch's [G*H, in] of each layer and direction, which are gathered as
  /// [count, D, G, H, in] first.
  memory weights(const Stack& s, bool input, std::int64_t in, const memory::desc& wanted) {
    const int g_count = gates(p_.cell);
    const auto block = static_cast<std::size_t>(p_.hidden * in);
    memory gathered(plain({s.count, p_.directions, in, g_count, p_.hidden}, Tag::ldgoi), engine_);
    auto* to = static_cast<float*>(gathered.get_data_handle());
    for (int k = 0; k < s.count * p_.directions; ++k) {
      const LayerWeights& w = layer_weights(s, k);
      const auto* from = static_cast<const float*>(input ? w.w_ih : w.w_hh);
      for (int g = 0; g < g_count; ++g, to += block)
        std::memcpy(to, from + static_cast<std::size_t>(torch_gate(p_.cell, g)) * block,
                    block * sizeof(float));
    }
    return repacked(gathered, wanted);
  }

  /// [count, D, rows, H]: the sum of both biases, and for LBR GRU n's two biases apart.
  memory bias(const Stack& s) {
    const int g_count = gates(p_.cell), rows = g_count + (p_.cell == Cell::gru ? 1 : 0);
    memory filled = own(plain({s.count, p_.directions, rows, p_.hidden}, Tag::ldgo));
    auto* to = static_cast<float*>(filled.get_data_handle());
    for (int k = 0; k < s.count * p_.directions; ++k) {
      const LayerWeights& w = layer_weights(s, k);
      const auto* b_ih = static_cast<const float*>(w.b_ih);
      const auto* b_hh = static_cast<const float*>(w.b_hh);
      for (int row = 0; row < rows; ++row)
        for (std::int64_t j = 0; j < p_.hidden; ++j) {
          const bool hidden_only = row == g_count;
          const auto at = (hidden_only ? 2 : torch_gate(p_.cell, row)) * p_.hidden + j;
          const bool apart = p_.cell == Cell::gru && row >= 2;
          *to++ = !b_ih ? 0 : hidden_only ? b_hh[at] : apart ? b_ih[at] : b_ih[at] + b_hh[at];
        }
    }
    return filled;
  }

  void add(Stack s) {
    const std::int64_t in = layer_input(p_, s.first), features = p_.directions * p_.hidden;
    const int g_count = gates(p_.cell), d_count = p_.directions;
    const bool last = s.first + s.count == p_.layers, lstm = p_.cell == Cell::lstm;
    const auto state = plain({s.count, d_count, p_.batch, p_.hidden}, Tag::ldnc);
    onednn::RnnDescs d;
    d.src_layer = sequence_desc(in, s.first == 0 ? p_.layout : Layout::tbc);
    d.dst_layer = sequence_desc(features, last ? p_.layout : Layout::tbc);
    d.src_iter = state;
    d.weights_layer = any({s.count, d_count, in, g_count, p_.hidden});
    d.weights_iter = any({s.count, d_count, p_.hidden, g_count, p_.hidden});
    d.bias =
        plain({s.count, d_count, g_count + (p_.cell == Cell::gru ? 1 : 0), p_.hidden}, Tag::ldgo);
    if (h_n()) d.dst_iter = state;
    if (lstm) d.src_iter_c = state;
    if (lstm && c_n()) d.dst_iter_c = state;
    const auto chosen = onednn::rnn(engine_, p_.cell, d_count == 2, d);

    const auto offset = static_cast<std::int64_t>(s.first) * d_count * p_.batch * p_.hidden;
    const auto part = [&](const void* states) {
      return static_cast<const float*>(states) + offset;
    };
    const void* h_start = p_.stateful ? h_state_.get() : t_.h_0;
    const void* c_start = p_.stateful ? c_state_.get() : t_.c_0;
    s.arguments = {{DNNL_ARG_SRC_LAYER, s.first == 0 ? wrap(d.src_layer, t_.x) : sequence_},
                   {DNNL_ARG_SRC_ITER, wrap(state, part(h_start))},
                   {DNNL_ARG_WEIGHTS_LAYER, weights(s, true, in, chosen.weights_layer)},
                   {DNNL_ARG_WEIGHTS_ITER, weights(s, false, p_.hidden, chosen.weights_iter)},
                   {DNNL_ARG_BIAS, bias(s)},
                   {DNNL_ARG_SCRATCHPAD, own(chosen.scratchpad)}};
    sequence_ = last && t_.output ? wrap(d.dst_layer, t_.output) : own(d.dst_layer);
    s.arguments[DNNL_ARG_DST_LAYER] = sequence_;
    if (h_n()) s.arguments[DNNL_ARG_DST_ITER] = wrap(state, part(h_n()));
    if (lstm) s.arguments[DNNL_ARG_SRC_ITER_C] = wrap(state, part(c_start));
    if (lstm && c_n()) s.arguments[DNNL_ARG_DST_ITER_C] = wrap(state, part(c_n()));
    s.primitive = chosen.primitive;
    rnn_kind_ = chosen.kind;
    ++rnn_count_;
    stacks_.push_back(std::move(s));
  }

  /// y[rows, O] = output[rows, D*H] * w_head[O, D*H]^T + b_head, as oneDNN's matmul.
  void add_head() {
    const std::int64_t features = p_.directions * p_.hidden;
    const bool last_only = p_.head_at == HeadAt::last_step;
    const SequenceRows rows = rows_of(p_, p_.layout);
    const std::int64_t count = last_only ? p_.batch : p_.seq * p_.batch;
    const std::int64_t distance = (last_only ? rows.element : 1) * features;
    const auto* source = static_cast<const float*>(sequence_.get_data_handle()) +
                         (last_only ? rows.at(p_.seq - 1, 0) * features : 0);
    const memory::desc src({count, features}, memory::data_type::f32, Dims{distance, 1});
    const auto bias = plain({1, p_.head}, Tag::ab), dst = plain({count, p_.head}, Tag::ab);
    const auto chosen = onednn::matmul(engine_, src, any({features, p_.head}), bias, dst);
    Stack head;
    head.primitive = chosen.primitive;
    head.arguments = {
        {DNNL_ARG_SRC, wrap(src, source)},
        {DNNL_ARG_WEIGHTS,
         repacked(wrap(plain({features, p_.head}, Tag::ba), t_.w_head), chosen.weights)},
        {DNNL_ARG_BIAS, wrap(bias, t_.b_head)},
        {DNNL_ARG_DST, wrap(dst, t_.y)},
        {DNNL_ARG_SCRATCHPAD, own(chosen.scratchpad)}};
    stacks_.push_back(std::move(head));
  }

  const Problem p_;
  const Tensors t_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<memory> owned_;
  std::vector<Stack> stacks_;  // in order of execution; the head comes last
  memory sequence_;            // the output of the last stack that was added
  Scratch h_state_, c_state_;  // stateful problems: what the next call starts from
  Scratch h_last_, c_last_;    // the end of a call, where needed but not wanted as output
  std::string rnn_kind_;
  int rnn_count_ = 0;
  bool at_start_ = true;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  if (p.dtype == Dtype::tf32) return "dtype tf32: a CPU has none";
  if (p.dtype != Dtype::f32)
    return "dtype " + std::string(name(p.dtype)) + ": only oneDNN's f32 primitives are set up here";
  return std::nullopt;
}

std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options& options) {
  try {
    return std::make_unique<OneDnn>(p, t, options);
  } catch (const dnnl::error& error) {
    throw Error(std::string("oneDNN: ") + error.what());
  }
}

RNNBENCH_IMPL({.name = "onednn",
               .device = Device::cpu,
               .summary = "oneDNN's own RNN, LSTM and LBR GRU primitives",
               .peer = true,
               .unsupported = unsupported,
               .make = make});

}  // namespace
}  // namespace rnnbench
