#include "harness/problem.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

template <class E>
struct Word {
  E value;
  std::string_view text;
};
template <class E>
Word(E, const char*) -> Word<E>;  // spelt out for clang 14
constexpr std::array cells{Word{Cell::rnn_tanh, "rnn_tanh"}, Word{Cell::rnn_relu, "rnn_relu"},
                           Word{Cell::gru, "gru"}, Word{Cell::lstm, "lstm"}};
constexpr std::array dtypes{Word{Dtype::f32, "f32"}, Word{Dtype::tf32, "tf32"},
                            Word{Dtype::f16, "f16"}, Word{Dtype::bf16, "bf16"}};
constexpr std::array layouts{Word{Layout::tbc, "tbc"}, Word{Layout::btc, "btc"}};

template <class E, std::size_t N>
std::string_view word(const std::array<Word<E>, N>& words, E value) {
  for (const auto& w : words)
    if (w.value == value) return w.text;
  return "?";
}

template <class E, std::size_t N>
E parse_word(const std::array<Word<E>, N>& words, std::string_view text, std::string_view what) {
  std::string all;
  for (const auto& w : words) {
    if (w.text == text) return w.value;
    all += (all.empty() ? "" : ", ") + std::string(w.text);
  }
  throw UsageError(fmt::format("{} '{}' is not known: expected one of {}", what, text, all));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// The number behind `prefix` in `token` if the whole token is that; nothing otherwise.
bool number_after(std::string_view token, std::string_view prefix, std::int64_t& value) {
  if (!token.starts_with(prefix)) return false;
  token.remove_prefix(prefix.size());
  // One spelling for each number, so that ids can be compared as strings.
  if (token.empty() || token[0] < '1' || token[0] > '9') return false;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  return error == std::errc{} && end == token.data() + token.size();
}

bool read_wants(std::string_view token, Problem& p) {
  if (!token.starts_with("want-")) return false;
  p.want_output = p.want_h_n = p.want_c_n = false;
  token.remove_prefix(5);
  if (token == "none") return p.head_at != HeadAt::none;
  for (const auto part : split(token, '+')) {
    bool& flag = part == "out" ? p.want_output : part == "hn" ? p.want_h_n : p.want_c_n;
    if ((part != "out" && part != "hn" && part != "cn") || flag) return false;
    flag = true;
  }
  return true;
}

bool read_head(std::string_view token, Problem& p) {
  const auto dash = token.rfind('-');
  if (dash == std::string_view::npos || !number_after(token.substr(0, dash), "head", p.head))
    return false;
  const auto at = token.substr(dash + 1);
  p.head_at = at == "every" ? HeadAt::every_step : HeadAt::last_step;
  set_default_outputs(p);
  return at == "every" || at == "last";
}

double hidden_rows(const Problem& p) {
  return static_cast<double>(gates(p.cell)) * static_cast<double>(p.hidden);
}

}  // namespace

std::string_view name(Cell cell) { return word(cells, cell); }
std::string_view name(Dtype dtype) { return word(dtypes, dtype); }
std::string_view name(Layout layout) { return word(layouts, layout); }
Cell parse_cell(std::string_view text) { return parse_word(cells, text, "cell"); }
Dtype parse_dtype(std::string_view text) { return parse_word(dtypes, text, "dtype"); }
Layout parse_layout(std::string_view text) { return parse_word(layouts, text, "layout"); }

int gates(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

int bytes_per_element(Dtype dtype) { return dtype == Dtype::f16 || dtype == Dtype::bf16 ? 2 : 4; }

std::int64_t layer_input(const Problem& p, int layer) {
  return layer == 0 ? p.input : p.directions * p.hidden;
}

void set_default_outputs(Problem& p) {
  const bool plain = p.head_at == HeadAt::none;
  p.want_output = p.want_h_n = plain;
  p.want_c_n = plain && p.cell == Cell::lstm;
}

Problem with_all_outputs(Problem p) {
  p.want_output = p.want_h_n = true;
  p.want_c_n = p.cell == Cell::lstm;
  return p;
}

void validate(const Problem& p) {
  const auto positive = [](std::string_view field, std::int64_t value) {
    if (value < 1) throw UsageError(fmt::format("{} is {}: it must be at least 1", field, value));
  };
  positive("batch", p.batch);
  positive("seq", p.seq);
  positive("input", p.input);
  positive("hidden", p.hidden);
  positive("layers", p.layers);
  if (p.layers > max_layers)
    throw UsageError(fmt::format("layers is {}: it must be at most {}", p.layers, max_layers));
  if (p.directions != 1 && p.directions != 2)
    throw UsageError(fmt::format("directions is {}: it must be 1 or 2", p.directions));
  if (p.head_at == HeadAt::none && p.head != 0)
    throw UsageError("head has a size but no place: it must be at every step or at the last");
  if (p.head_at != HeadAt::none) positive("head", p.head);
  if (p.want_c_n && p.cell != Cell::lstm)
    throw UsageError(
        fmt::format("outputs has c_n, which {} does not have: only lstm", name(p.cell)));
  if (!p.want_output && !p.want_h_n && !p.want_c_n && p.head_at == HeadAt::none)
    throw UsageError("outputs is empty: it must name at least one of output, h_n, c_n");
  // Sizes are multiplied as 64-bit integers everywhere; in doubles the check itself cannot
  // overflow.
  const double largest = 4e18;
  const double b = static_cast<double>(p.batch), t = static_cast<double>(p.seq);
  const double h = static_cast<double>(p.hidden), i = static_cast<double>(p.input);
  const double o = static_cast<double>(p.head), ld = 1.0 * p.layers * p.directions;
  const double counts[] = {b * t * i,  b * t * h * 8, 4 * h * i, 8 * h * h,
                           ld * b * h, t * b * o,     2 * h * o, ld * h * 4};
  for (const double count : counts)
    if (count * 8 > largest)
      throw UsageError(
          fmt::format("a tensor of this problem would have {:.2g} elements: batch, seq, input, "
                      "hidden or head is "
                      "too large",
                      count));
}

std::string id(const Problem& p) {
  std::string text =
      fmt::format("{}{}_b{}_t{}_i{}_h{}_l{}_{}", name(p.cell), p.directions == 2 ? "-bi" : "",
                  p.batch, p.seq, p.input, p.hidden, p.layers, name(p.dtype));
  if (p.layout == Layout::btc) text += "_btc";
  if (!p.bias) text += "_nobias";
  if (p.head_at != HeadAt::none)
    text += fmt::format("_head{}-{}", p.head, p.head_at == HeadAt::last_step ? "last" : "every");
  Problem plain = p;
  set_default_outputs(plain);
  if (!(plain == p)) {
    std::string wants;
    if (p.want_output) wants += "+out";
    if (p.want_h_n) wants += "+hn";
    if (p.want_c_n) wants += "+cn";
    text += "_want-" + (wants.empty() ? "none" : wants.substr(1));
  }
  if (p.stateful) text += "_stateful";
  return text;
}

Problem parse_id(std::string_view text) {
  const auto bad = [&](std::string_view token, std::string_view expected) {
    throw UsageError(fmt::format("problem id '{}': '{}' is not {}", text, token, expected));
  };
  // A cell's own name may hold an underscore, so it is taken off first.
  Problem p;
  const Word<Cell>* cell = nullptr;
  for (const auto& w : cells)
    if (text.starts_with(w.text)) cell = &w;
  if (!cell) bad(text.substr(0, text.find('_')), "a cell (rnn_tanh, rnn_relu, gru, lstm)");
  p.cell = cell->value;
  auto rest = text.substr(cell->text.size());
  if (rest.starts_with("-bi")) {
    p.directions = 2;
    rest.remove_prefix(3);
  }
  if (!rest.starts_with("_")) bad(rest, "a batch such as _b16");
  const auto tokens = split(rest.substr(1), '_');
  constexpr std::array prefixes{"b", "t", "i", "h", "l"};
  std::array<std::int64_t, 5> sizes{};
  for (std::size_t k = 0; k < prefixes.size(); ++k)
    if (k >= tokens.size() || !number_after(tokens[k], prefixes[k], sizes[k]))
      bad(k < tokens.size() ? tokens[k] : "", fmt::format("'{}' and a number", prefixes[k]));
  p.batch = sizes[0], p.seq = sizes[1], p.input = sizes[2], p.hidden = sizes[3];
  if (sizes[4] > std::numeric_limits<int>::max()) bad(tokens[4], "a number of layers");
  p.layers = static_cast<int>(sizes[4]);
  if (tokens.size() < 6) bad("", "a dtype (f32, tf32, f16, bf16)");
  p.dtype = parse_dtype(tokens[5]);
  set_default_outputs(p);
  for (std::size_t k = 6; k < tokens.size(); ++k) {
    const auto token = tokens[k];
    if (token == "btc")
      p.layout = Layout::btc;
    else if (token == "nobias")
      p.bias = false;
    else if (token == "stateful")
      p.stateful = true;
    else if (!read_head(token, p) && !read_wants(token, p))
      bad(token, "btc, nobias, headN-every, headN-last, want-…, or stateful");
  }
  validate(p);
  if (id(p) != text) bad(text, fmt::format("the one spelling of its problem, '{}'", id(p)));
  return p;
}

double step_flops(const Problem& p) {
  return 2.0 * p.directions * static_cast<double>(p.batch) * hidden_rows(p) *
         static_cast<double>(p.hidden);
}

double flops(const Problem& p) {
  const double bt = static_cast<double>(p.batch) * static_cast<double>(p.seq);
  double sum = static_cast<double>(p.seq) * p.layers * step_flops(p);
  for (int layer = 0; layer < p.layers; ++layer)
    sum += 2.0 * p.directions * bt * hidden_rows(p) * static_cast<double>(layer_input(p, layer));
  if (p.head_at != HeadAt::none) {
    const double rows = p.head_at == HeadAt::last_step ? static_cast<double>(p.batch) : bt;
    sum += 2.0 * rows * static_cast<double>(p.head) * p.directions * static_cast<double>(p.hidden);
  }
  return sum;
}

double weight_bytes(const Problem& p) {
  double elements = 0;
  for (int layer = 0; layer < p.layers; ++layer)
    elements += p.directions * hidden_rows(p) *
                (static_cast<double>(layer_input(p, layer)) + static_cast<double>(p.hidden) +
                 (p.bias ? 2 : 0));
  if (p.head_at != HeadAt::none)
    elements +=
        static_cast<double>(p.head) * (1.0 * p.directions * static_cast<double>(p.hidden) + 1);
  return elements * bytes_per_element(p.dtype);
}

double hidden_weight_bytes(const Problem& p) {
  return p.directions * hidden_rows(p) * static_cast<double>(p.hidden) * bytes_per_element(p.dtype);
}

double compulsory_bytes(const Problem& p) {
  const double b = static_cast<double>(p.batch), t = static_cast<double>(p.seq);
  const double h = static_cast<double>(p.hidden), o = static_cast<double>(p.head);
  const double state = 1.0 * p.layers * p.directions * b * h;
  double elements = b * t * static_cast<double>(p.input) + state;
  if (p.cell == Cell::lstm) elements += state;
  if (p.want_output) elements += b * t * p.directions * h;
  if (p.want_h_n) elements += state;
  if (p.want_c_n) elements += state;
  if (p.head_at == HeadAt::every_step) elements += b * t * o;
  if (p.head_at == HeadAt::last_step) elements += b * o;
  return elements * bytes_per_element(p.dtype) + weight_bytes(p);
}

double depth(const Problem& p) {
  const double t = static_cast<double>(p.seq);
  return p.directions == 2 ? t * p.layers : t + p.layers - 1;
}

}  // namespace rnnbench
