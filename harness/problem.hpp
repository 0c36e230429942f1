// What is computed: one recurrent layer stack with every size and option that changes the answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rnnbench {

enum class Cell { rnn_tanh, rnn_relu, gru, lstm };
enum class Layout { tbc, btc };             // x: [T, B, I] or [B, T, I] (batch_first)
enum class Dtype { f32, tf32, f16, bf16 };  // tf32 stores f32; sums are always f32
enum class HeadAt { none, every_step, last_step };

/// D = directions, G = gates. All sizes are positive; `validate` says otherwise in one line.
struct Problem {
  Cell cell = Cell::gru;
  std::int64_t batch = 1;   // B
  std::int64_t seq = 1;     // T
  std::int64_t input = 1;   // I
  std::int64_t hidden = 1;  // H
  int layers = 1;           // L
  int directions = 1;       // D: 1 or 2
  bool bias = true;
  Layout layout = Layout::tbc;
  HeadAt head_at = HeadAt::none;
  std::int64_t head = 0;    // O, 0 without a head; the head reads `output`, [.., D*H]
  bool want_output = true;  // output: [T, B, D*H] or [B, T, D*H]
  bool want_h_n = true;     // h_n: [L*D, B, H]
  bool want_c_n = false;    // c_n: [L*D, B, H], lstm only
  bool stateful = false;    // a call starts from the state the call before it left
  Dtype dtype = Dtype::f32;

  bool operator==(const Problem&) const = default;
};

int gates(Cell cell);                                   // 1, 3 (gru) or 4 (lstm)
std::int64_t layer_input(const Problem& p, int layer);  // I, or D*H above the first layer

/// The outputs torch.nn gives by default: with a head only y, else output, h_n and, for lstm, c_n.
void set_default_outputs(Problem& p);

/// Copy of `p` that wants every output it can give.
Problem with_all_outputs(Problem p);

/// Far above any network, and low enough to list the weights of.
inline constexpr int max_layers = 10'000;

/// Throws UsageError naming the field and what it must be; also where a count would overflow.
void validate(const Problem& p);

/// `gru-bi_b10_t512_i128_h256_l6_f32[_btc][_nobias][_head10-last][_want-hn+cn][_stateful]`
std::string id(const Problem& p);

/// The inverse of `id`; throws UsageError naming the token that does not fit.
Problem parse_id(std::string_view text);

/// Floating-point operations of the products of one call (2 per multiply-add): input, hidden and
/// head products. Gate arithmetic is left out, as everyone in the field does.
double flops(const Problem& p);

/// Flops of the hidden product alone for one time step of one layer, all directions.
double step_flops(const Problem& p);

/// Bytes that any implementation must move at least once: weights, inputs, wanted outputs.
double compulsory_bytes(const Problem& p);

/// Bytes of all weights and biases.
double weight_bytes(const Problem& p);

/// Bytes of the hidden weights of one layer, all directions: what must stay on chip between steps.
double hidden_weight_bytes(const Problem& p);

/// Steps that must follow one another: T, T + L - 1 for a unidirectional stack run as a wavefront,
/// T * L for a bidirectional one.
double depth(const Problem& p);

int bytes_per_element(Dtype dtype);
std::string_view name(Cell cell);
std::string_view name(Dtype dtype);
std::string_view name(Layout layout);
Cell parse_cell(std::string_view text);  // throw UsageError with the words that would do
Dtype parse_dtype(std::string_view text);
Layout parse_layout(std::string_view text);

}  // namespace rnnbench
