// A zoo of wrong implementations, one mistake each, around one honest core of plain loops. The
// tests hand it to rnnbench as a plug-in; every animal must get its right outcome.
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "harness/impl.hpp"
#include "harness/inputs.hpp"
#include "harness/storage.hpp"
#include "impls/cells/cells.hpp"

namespace rnnbench {
namespace {

enum class Mistake {
  none,
  stale,
  one_step_short,
  swapped_gates,
  reset_before,
  ignored_h0,
  directions_swapped,
  layer_input_wrong,
  nan_in_one,
  zeros,
  out_of_bounds,
  underrun,
  cached,
  previous_input,
  odd_sizes,
  side_thread,
  crash,
  hang,
  abort_after_first,
  changed_input,
  changed_weights,
  refuses,
  complains,
  out_of_memory,
  uneven_repeats,
  forgets_state,
  frozen_state,
  lazy,
  ignores_h0_without_output,
  not_for_this,
  slow,
  slow_always,
  slow_start
};

/// Plain loops in double; `mistake` bends one of them. x, outputs: f32 on the host.
class Animal final : public Kernel {
 public:
  Animal(const Problem& p, const Tensors& t, Mistake mistake) : p_(p), t_(t), mistake_(mistake) {
    const auto state = static_cast<std::size_t>(p.layers * p.directions * p.batch * p.hidden);
    h_.resize(state);
    c_.resize(state);
    reset(nullptr);
  }

  void reset(Stream) override {
    if (mistake_ == Mistake::frozen_state && calls_ > 0) return;
    for (std::size_t k = 0; k < h_.size(); ++k) {
      h_[k] = static_cast<const float*>(t_.h_0)[k];
      c_[k] = t_.c_0 ? static_cast<const float*>(t_.c_0)[k] : 0;
    }
  }

  std::string complaint() const override {
    return mistake_ == Mistake::complains && calls_ > 0 ? "waited in vain" : "";
  }
  void launch(Stream) override {
    ++calls_;
    if (mistake_ == Mistake::complains) throw Error("the launch failed");
    if (before()) return;
    if (mistake_ == Mistake::side_thread) {
      std::thread([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        forward();
      }).detach();
      return;
    }
    forward();
    after();
  }

 private:
  static void wait_ms(std::int64_t count) {
    std::this_thread::sleep_for(std::chrono::milliseconds(count));
  }

  /// Mistakes made instead of the work; true when there is nothing more to do.
  bool before() {
    if (mistake_ == Mistake::crash) std::raise(SIGSEGV);
    if (mistake_ == Mistake::abort_after_first && calls_ > 1) std::abort();
    while (mistake_ == Mistake::hang) std::this_thread::sleep_for(std::chrono::seconds(1));
    if (mistake_ == Mistake::slow) wait_ms(20 * p_.seq);
    if (mistake_ == Mistake::slow_always) wait_ms(30);
    if (mistake_ == Mistake::slow_start) wait_ms(5 * std::min<std::int64_t>(p_.seq, 5));
    if (mistake_ == Mistake::stale) return true;
    if (mistake_ == Mistake::lazy && calls_ > 20) return true;
    if (mistake_ != Mistake::cached && mistake_ != Mistake::previous_input) return false;
    if (calls_ == 1) return false;
    const auto last = kept_;
    if (mistake_ == Mistake::previous_input) forward(), keep();
    put_back(last);
    return true;
  }

  void after() {
    if (mistake_ == Mistake::cached || mistake_ == Mistake::previous_input) keep();
    float* out = first_output();
    const std::size_t count = output_sizes().front();
    if (mistake_ == Mistake::zeros)
      for (std::size_t k = 0; k < outputs().size(); ++k)
        std::memset(outputs()[k], 0, output_sizes()[k] * sizeof(float));
    if (mistake_ == Mistake::nan_in_one) out[count / 2] = std::nanf("");
    if (mistake_ == Mistake::out_of_bounds) out[count] = 1;
    if (mistake_ == Mistake::underrun) out[-1] = 1;
    if (mistake_ == Mistake::odd_sizes && p_.hidden % 2 == 1) out[count - 1] += 0.01F;
    if (mistake_ == Mistake::uneven_repeats) out[0] = std::nextafter(out[0], 2.0F * (calls_ % 2));
    if (mistake_ == Mistake::changed_input)
      const_cast<float*>(static_cast<const float*>(t_.x))[0] += 1;
    if (mistake_ == Mistake::changed_weights)
      const_cast<float*>(static_cast<const float*>(t_.layers[0].w_hh))[1] += 1;
  }

  std::vector<float*> outputs() const {
    std::vector<float*> all;
    for (void* pointer : {t_.output, t_.h_n, t_.c_n, t_.y})
      if (pointer) all.push_back(static_cast<float*>(pointer));
    return all;
  }
  std::vector<std::size_t> output_sizes() const {
    std::vector<std::size_t> all;
    for (const auto& spec : tensor_specs(p_))
      if (spec.role == Role::output) all.push_back(spec.elements());
    return all;
  }
  float* first_output() const { return outputs().front(); }

  void keep() {
    kept_.clear();
    for (std::size_t k = 0; k < outputs().size(); ++k)
      kept_.emplace_back(outputs()[k], outputs()[k] + output_sizes()[k]);
  }
  void put_back(const std::vector<std::vector<float>>& kept) {
    for (std::size_t k = 0; k < outputs().size(); ++k)
      std::copy(kept[k].begin(), kept[k].end(), outputs()[k]);
  }

  void forward();
  template <class C>
  void layer(int layer, const std::vector<double>& x, std::vector<double>& out);
  void head(const std::vector<double>& top);

  Problem p_;
  Tensors t_;
  Mistake mistake_;
  int calls_ = 0;
  std::vector<double> h_, c_;  // the state now, [L*D, B, H]
  std::vector<std::vector<float>> kept_;
};

/// x: [T, B, I_l] → out: [T, B, D*H]; the states of this layer advance from start to end.
template <class C>
void Animal::layer(int layer, const std::vector<double>& x, std::vector<double>& out) {
  const auto T = p_.seq, B = p_.batch, H = p_.hidden, I = layer_input(p_, layer);
  const int D = p_.directions;
  constexpr int G = C::gates;
  out.assign(static_cast<std::size_t>(T * B * D * H), 0);
  for (int d = 0; d < D; ++d) {
    const auto& w = t_.layers[static_cast<std::size_t>(layer * D + d)];
    const auto* w_ih = static_cast<const float*>(w.w_ih);
    const auto* w_hh = static_cast<const float*>(w.w_hh);
    const auto* b_ih = static_cast<const float*>(w.b_ih);
    const auto* b_hh = static_cast<const float*>(w.b_hh);
    double* h = h_.data() + (layer * D + d) * B * H;
    double* c = c_.data() + (layer * D + d) * B * H;
    const bool backward = (d == 1) != (mistake_ == Mistake::directions_swapped && D == 2);
    const auto steps = T - (mistake_ == Mistake::one_step_short ? 1 : 0);
    for (std::int64_t s = 0; s < steps; ++s) {
      const auto t = backward ? T - 1 - s : s;
      const std::vector<double> before(h, h + B * H);
      for (std::int64_t b = 0; b < B; ++b)
        for (std::int64_t u = 0; u < H; ++u) {
          double xs[G] = {}, as[G] = {};
          for (int g = 0; g < G; ++g) {
            const int gate = mistake_ == Mistake::swapped_gates && g < 2 ? 1 - g : g;
            const auto row = (G == 1 ? 0 : gate) * H + u;
            xs[g] = b_ih ? b_ih[row] : 0;
            as[g] = b_hh ? b_hh[row] : 0;
            for (std::int64_t k = 0; k < I; ++k) {
              const auto from =
                  mistake_ == Mistake::layer_input_wrong && layer > 0 ? (k + 1) % I : k;
              xs[g] += w_ih[row * I + k] * x[static_cast<std::size_t>((t * B + b) * I + from)];
            }
            for (std::int64_t k = 0; k < H; ++k)
              as[g] += w_hh[row * H + k] * before[static_cast<std::size_t>(b * H + k)];
          }
          if constexpr (G == 3)
            if (mistake_ == Mistake::reset_before) {  // Cho et al.: W_hn (r ∘ h), not r ∘ W_hn h
              const auto row = 2 * H + u;
              double sum = b_hh ? b_hh[row] : 0;
              for (std::int64_t k = 0; k < H; ++k) {
                double r_x = b_ih ? b_ih[k] : 0, r_h = b_hh ? b_hh[k] : 0;
                for (std::int64_t i = 0; i < I; ++i)
                  r_x += w_ih[k * I + i] * x[static_cast<std::size_t>((t * B + b) * I + i)];
                for (std::int64_t j = 0; j < H; ++j)
                  r_h += w_hh[k * H + j] * before[static_cast<std::size_t>(b * H + j)];
                const double r = 1 / (1 + std::exp(-r_x - r_h));
                sum += w_hh[row * H + k] * r * before[static_cast<std::size_t>(b * H + k)];
              }
              const double r = 1 / (1 + std::exp(-xs[0] - as[0]));
              as[2] = sum / r;  // the cell multiplies by r
            }
          C::update(xs, as, h[b * H + u], c[b * H + u]);
          out[static_cast<std::size_t>(((t * B + b) * D + d) * H + u)] = h[b * H + u];
        }
    }
  }
}

void Animal::head(const std::vector<double>& top) {
  const auto T = p_.seq, B = p_.batch, O = p_.head, F = p_.directions * p_.hidden;
  const auto* w = static_cast<const float*>(t_.w_head);
  const auto* bias = static_cast<const float*>(t_.b_head);
  const auto first = p_.head_at == HeadAt::last_step ? T - 1 : 0;
  for (auto t = first; t < T; ++t)
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t o = 0; o < O; ++o) {
        double sum = bias[o];
        for (std::int64_t k = 0; k < F; ++k)
          sum += w[o * F + k] * top[static_cast<std::size_t>((t * B + b) * F + k)];
        const auto row = p_.head_at == HeadAt::last_step ? b
                         : p_.layout == Layout::btc      ? b * T + t
                                                         : t * B + b;
        static_cast<float*>(t_.y)[row * O + o] = static_cast<float>(sum);
      }
}

void Animal::forward() {
  const auto T = p_.seq, B = p_.batch, I = p_.input, F = p_.directions * p_.hidden;
  const auto row = [&](std::int64_t t, std::int64_t b) {
    return p_.layout == Layout::btc ? b * T + t : t * B + b;
  };
  const bool keep_state = p_.stateful && mistake_ != Mistake::forgets_state;
  if (!keep_state) {
    for (std::size_t k = 0; k < h_.size(); ++k) {
      h_[k] = static_cast<const float*>(t_.h_0)[k];
      c_[k] = t_.c_0 ? static_cast<const float*>(t_.c_0)[k] : 0;
    }
  }
  if (mistake_ == Mistake::ignored_h0 ||
      (mistake_ == Mistake::ignores_h0_without_output && !t_.output))
    std::fill(h_.begin(), h_.end(), 0.0);
  std::vector<double> x(static_cast<std::size_t>(T * B * I)), out;
  for (std::int64_t t = 0; t < T; ++t)
    for (std::int64_t b = 0; b < B; ++b)
      for (std::int64_t k = 0; k < I; ++k)
        x[static_cast<std::size_t>((t * B + b) * I + k)] =
            static_cast<const float*>(t_.x)[row(t, b) * I + k];
  for (int l = 0; l < p_.layers; ++l) {
    with_cell(p_.cell, [&](auto cell) { layer<decltype(cell)>(l, x, out); });
    x = out;
  }
  if (t_.output)
    for (std::int64_t t = 0; t < T; ++t)
      for (std::int64_t b = 0; b < B; ++b)
        for (std::int64_t k = 0; k < F; ++k)
          static_cast<float*>(t_.output)[row(t, b) * F + k] =
              static_cast<float>(x[static_cast<std::size_t>((t * B + b) * F + k)]);
  for (std::size_t k = 0; k < h_.size(); ++k) {
    if (t_.h_n) static_cast<float*>(t_.h_n)[k] = static_cast<float>(h_[k]);
    if (t_.c_n) static_cast<float*>(t_.c_n)[k] = static_cast<float>(c_[k]);
    h_[k] = static_cast<float>(h_[k]);
    c_[k] = static_cast<float>(c_[k]);
  }
  if (t_.y) head(x);
}

/// An animal on tensors of a 16-bit type: it computes on f32 copies of them.
class SixteenBit final : public Kernel {
 public:
  SixteenBit(const Problem& p, const Tensors& t, Mistake mistake)
      : dtype_(p.dtype), mistake_(mistake), w_hh_(const_cast<void*>(t.layers[0].w_hh)) {
    Tensors copies = t;
    const auto D = p.directions, G = static_cast<int>(gates(p.cell));
    const auto states = p.layers * D * p.batch * p.hidden;
    take(copies.x, p.seq * p.batch * p.input), take(copies.h_0, states), take(copies.c_0, states);
    for (int k = 0; k < p.layers * D; ++k) {
      LayerWeights& w = copies.layers[static_cast<std::size_t>(k)];
      take(w.w_ih, G * p.hidden * layer_input(p, k / D)), take(w.w_hh, G * p.hidden * p.hidden);
      take(w.b_ih, G * p.hidden), take(w.b_hh, G * p.hidden);
    }
    take(copies.w_head, p.head * D * p.hidden), take(copies.b_head, p.head);
    inputs_ = tensors_.size();
    take(copies.output, p.seq * p.batch * D * p.hidden), take(copies.h_n, states);
    take(copies.c_n, states);
    take(copies.y, p.batch * p.head * (p.head_at == HeadAt::every_step ? p.seq : 1));
    read();
    animal_ = std::make_unique<Animal>(p, copies, mistake);
  }
  void reset(Stream stream) override { read(), animal_->reset(stream); }
  void launch(Stream stream) override {
    read();
    animal_->launch(stream);
    for (std::size_t k = inputs_; k < tensors_.size(); ++k) {
      Copy& c = tensors_[k];
      for (float& value : c.values) value = round_to(dtype_, value);
      to_storage(dtype_, c.values.data(), c.values.size(),
                 static_cast<std::byte*>(const_cast<void*>(c.place)));
    }
    if (mistake_ == Mistake::changed_weights) ++static_cast<unsigned char*>(w_hh_)[1];
  }

 private:
  struct Copy {
    const void* place;
    std::vector<float> values;
  };
  template <class Pointer>
  void take(Pointer& pointer, std::int64_t elements) {
    if (!pointer) return;
    tensors_.push_back({pointer, std::vector<float>(static_cast<std::size_t>(elements))});
    pointer = tensors_.back().values.data();
  }
  void read() {
    for (std::size_t k = 0; k < inputs_; ++k)
      from_storage(dtype_, static_cast<const std::byte*>(tensors_[k].place),
                   tensors_[k].values.size(), tensors_[k].values.data());
  }
  Dtype dtype_;
  Mistake mistake_;
  void* w_hh_;
  std::vector<Copy> tensors_;  // inputs and weights, then outputs
  std::size_t inputs_ = 0;
  std::unique_ptr<Animal> animal_;
};

template <Mistake mistake>
std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options&) {
  if (mistake == Mistake::refuses) throw Error("this animal refuses to be made");
  if (mistake == Mistake::out_of_memory) throw std::bad_alloc();
  if (mistake == Mistake::not_for_this) throw Unsupported("this animal does not do that");
  if (bytes_per_element(p.dtype) == 2) return std::make_unique<SixteenBit>(p, t, mistake);
  return std::make_unique<Animal>(p, t, mistake);
}

#define ANIMAL(mistake)                         \
  RNNBENCH_IMPL({.name = "zoo_" #mistake,       \
                 .device = Device::cpu,         \
                 .summary = "wrong: " #mistake, \
                 .make = make<Mistake::mistake>})
ANIMAL(none);
ANIMAL(stale);
ANIMAL(one_step_short);
ANIMAL(swapped_gates);
ANIMAL(reset_before);
ANIMAL(ignored_h0);
ANIMAL(directions_swapped);
ANIMAL(layer_input_wrong);
ANIMAL(nan_in_one);
ANIMAL(zeros);
ANIMAL(out_of_bounds);
ANIMAL(underrun);
ANIMAL(cached);
ANIMAL(previous_input);
ANIMAL(odd_sizes);
ANIMAL(side_thread);
ANIMAL(crash);
ANIMAL(hang);
ANIMAL(abort_after_first);
ANIMAL(changed_input);
ANIMAL(changed_weights);
ANIMAL(refuses);
ANIMAL(complains);
ANIMAL(out_of_memory);
ANIMAL(uneven_repeats);
ANIMAL(forgets_state);
ANIMAL(frozen_state);
ANIMAL(lazy);
ANIMAL(ignores_h0_without_output);
ANIMAL(not_for_this);
ANIMAL(slow);
ANIMAL(slow_always);
ANIMAL(slow_start);

}  // namespace
}  // namespace rnnbench
