#include "harness/axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>

#include "harness/error.hpp"
#include "harness/scenario.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

using std::string_view;

constexpr std::size_t max_values = 100'000;
constexpr std::int64_t any_number = std::numeric_limits<std::int64_t>::min();

constexpr std::array<string_view, 4> cells{"rnn_tanh", "rnn_relu", "gru", "lstm"};
constexpr std::array<string_view, 4> dtypes{"f32", "tf32", "f16", "bf16"};
constexpr std::array<string_view, 2> layouts{"tbc", "btc"};
constexpr std::array<string_view, 3> places{"none", "every_step", "last_step"};
constexpr std::array<string_view, 1> input_words{"hidden"};
constexpr std::array<string_view, 2> flags{"true", "false"};
constexpr std::array<string_view, 3> output_names{"output", "h_n", "c_n"};

constexpr Field table[] = {
    {"cell", FieldKind::word, cells},
    {"batch", FieldKind::size, {}},
    {"seq", FieldKind::size, {}},
    {"input", FieldKind::size, input_words},
    {"hidden", FieldKind::size, {}},
    {"layers", FieldKind::size, {}},
    {"bidirectional", FieldKind::flag, flags},
    {"bias", FieldKind::flag, flags},
    {"layout", FieldKind::word, layouts},
    {"head", FieldKind::size, {}},
    {"head_at", FieldKind::word, places},
    {"outputs", FieldKind::outputs, output_names},
    {"stateful", FieldKind::flag, flags},
    {"dtype", FieldKind::word, dtypes},
};

std::vector<std::string> split(string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string in_quotes(string_view text) { return fmt::format("'{}'", text); }

bool contains(std::span<const string_view> words, string_view text) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// A whole number of at least `least`; `expected` is what the error asks for.
std::int64_t whole_number(const std::string& text, std::int64_t least, const std::string& origin,
                          string_view expected) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    fail(origin, "a number that fits in 64 bits", in_quotes(text));
  if (error != std::errc{} || end != text.data() + text.size() || value < least)
    fail(origin, expected, in_quotes(text));
  return value;
}

std::vector<std::int64_t> range(const std::string& item, const std::string& origin) {
  std::vector<std::int64_t> values;
  const auto parts = split(item, ':');
  const auto number = [&](const std::string& text) {
    return whole_number(text, 1, origin, "whole numbers of at least 1 in a range");
  };
  const bool doubling = parts[0] == "pow2";
  if (parts.size() != 3)
    fail(origin, "a range START:STOP:STRIDE or pow2:START:STOP", in_quotes(item));
  const std::int64_t start = number(parts[doubling ? 1 : 0]),
                     stop = number(parts[doubling ? 2 : 1]);
  if (start > stop) fail(origin, "a range that starts at or below its end", in_quotes(item));
  if (doubling) {
    for (const auto end : {start, stop})
      if (end & (end - 1)) fail(origin, "powers of two", fmt::format("'{}' in '{}'", end, item));
    for (auto value = start;; value *= 2) {
      values.push_back(value);
      if (value >= stop) return values;
    }
  }
  const std::int64_t stride = number(parts[2]);
  const std::int64_t steps = (stop - start) / stride;
  if (steps >= static_cast<std::int64_t>(max_values))
    fail(origin, fmt::format("a range of at most {} values", max_values), in_quotes(item));
  for (std::int64_t k = 0; k <= steps; ++k) values.push_back(start + k * stride);
  return values;
}

template <class T>
void reject_repeats(const std::vector<T>& values, const std::string& origin) {
  std::set<T> seen;
  for (const auto& value : values)
    if (!seen.insert(value).second)
      fail(origin, "every value once", fmt::format("'{}' twice", value));
}

/// One element of a list: a number of at least `least`, or a range of positive ones.
std::vector<std::int64_t> numbers(const std::string& item, std::int64_t least,
                                  const std::string& origin) {
  if (item.find(':') != std::string::npos) return range(item, origin);
  return {whole_number(item, least, origin,
                       "whole numbers, START:STOP:STRIDE or pow2:START:STOP, comma-separated")};
}

void set_size(const Field& field, const Setting& setting, Problem& p) {
  const bool is_head = field.name == "head";
  if (field.name == "input" && setting.text == "hidden") return;  // resolved once H is known
  const auto expected = fmt::format("a whole number of at least {}{}", is_head ? 0 : 1,
                                    field.name == "input" ? " or 'hidden'"
                                    : is_head             ? " (0: no head)"
                                                          : "");
  const auto value = whole_number(setting.text, is_head ? 0 : 1, setting.origin, expected);
  if (field.name == "layers" && value > max_layers)
    fail(setting.origin, fmt::format("at most {} layers", max_layers), in_quotes(setting.text));
  if (field.name == "batch")
    p.batch = value;
  else if (field.name == "seq")
    p.seq = value;
  else if (field.name == "input")
    p.input = value;
  else if (field.name == "hidden")
    p.hidden = value;
  else if (field.name == "layers")
    p.layers = static_cast<int>(value);
  else
    p.head = value;
}

void set_word(const Field& field, const Setting& setting, Problem& p) {
  if (!contains(field.words, setting.text))
    fail(setting.origin, "one of " + join(field.words),
         in_quotes(setting.text) + did_you_mean(setting.text, field.words));
  const bool on = setting.text == "true";
  if (field.name == "cell")
    p.cell = parse_cell(setting.text);
  else if (field.name == "dtype")
    p.dtype = parse_dtype(setting.text);
  else if (field.name == "layout")
    p.layout = parse_layout(setting.text);
  else if (field.name == "bidirectional")
    p.directions = on ? 2 : 1;
  else if (field.name == "bias")
    p.bias = on;
  else if (field.name == "stateful")
    p.stateful = on;
  else if (setting.text == "none")
    p.head_at = HeadAt::none;
  else
    p.head_at = setting.text == "last_step" ? HeadAt::last_step : HeadAt::every_step;
}

void set_outputs(const Field& field, const Setting& setting, Problem& p) {
  p.want_output = p.want_h_n = p.want_c_n = false;
  if (setting.text == "none") return;
  for (const auto& name : split(setting.text, '+')) {
    if (!contains(field.words, name))
      fail(setting.origin, "outputs among " + join(field.words) + ", joined by '+', or none",
           in_quotes(name) + did_you_mean(name, field.words));
    bool& want = name == "output" ? p.want_output : name == "h_n" ? p.want_h_n : p.want_c_n;
    if (want) fail(setting.origin, "every output once", in_quotes(name) + " twice");
    want = true;
  }
}

void set_field(const Field& field, const Setting& setting, Problem& p) {
  if (field.kind == FieldKind::size)
    set_size(field, setting, p);
  else if (field.kind == FieldKind::outputs)
    set_outputs(field, setting, p);
  else
    set_word(field, setting, p);
}

}  // namespace

std::span<const Field> fields() { return table; }

const Field* find_field(string_view name) {
  const auto at = std::find_if(std::begin(table), std::end(table),
                               [&](const Field& field) { return field.name == name; });
  return at == std::end(table) ? nullptr : at;
}

void fail(const std::string& origin, string_view expected, string_view found) {
  throw UsageError(fmt::format("{}: expected {}, found {}", origin, expected, found));
}

void check_value(const Field& field, const Setting& setting) {
  Problem scratch;
  set_field(field, setting, scratch);
}

std::vector<std::int64_t> parse_axis(const std::string& text) {
  std::vector<std::int64_t> values;
  for (const auto& item : split(text, ','))
    for (const auto value : numbers(item, 1, "axis")) values.push_back(value);
  reject_repeats(values, "axis");
  return values;
}

std::vector<Setting> parse_values(const Field& field, const std::string& text,
                                  const std::string& origin) {
  if (text.empty()) fail(origin, "at least one value", "none");
  std::vector<std::string> texts;
  for (auto& item : split(text, ',')) {
    if (field.kind != FieldKind::size || contains(field.words, item))
      texts.push_back(std::move(item));
    else
      for (const auto value : numbers(item, any_number, origin))
        texts.push_back(std::to_string(value));
  }
  reject_repeats(texts, origin);
  std::vector<Setting> values;
  for (auto& value : texts) {
    values.push_back({std::move(value), origin});
    check_value(field, values.back());
  }
  return values;
}

Problem make_problem(std::span<const Setting* const> settings, const std::string& origin) {
  Problem p;
  const auto setting = [&](string_view name) {
    return settings[static_cast<std::size_t>(find_field(name) - table)];
  };
  const auto where = [&](string_view name) {
    return setting(name) ? setting(name)->origin : origin;
  };
  for (const auto required : {"cell", "hidden"})
    if (!setting(required)) fail(origin, fmt::format("a value for '{}'", required), "none");
  for (std::size_t k = 0; k < settings.size(); ++k)
    if (settings[k] && table[k].kind != FieldKind::outputs) set_field(table[k], *settings[k], p);
  if (!setting("input") || setting("input")->text == "hidden") p.input = p.hidden;
  if (p.head > 0 && !setting("head_at")) p.head_at = HeadAt::every_step;
  if (p.head > 0 && p.head_at == HeadAt::none)
    fail(where("head_at"), "every_step or last_step, because head has a size", "'none'");
  if (p.head == 0 && p.head_at != HeadAt::none)
    fail(where("head_at"), "a head of at least 1 beside head_at", "none");
  set_default_outputs(p);
  if (setting("outputs")) set_outputs(*find_field("outputs"), *setting("outputs"), p);
  if (p.want_c_n && p.cell != Cell::lstm)
    fail(where("outputs"), fmt::format("outputs that {} has (output, h_n)", name(p.cell)), "'c_n'");
  if (p.head == 0 && !p.want_output && !p.want_h_n && !p.want_c_n)
    fail(where("outputs"), "at least one of output, h_n, c_n where there is no head", "none");
  try {
    validate(p);
  } catch (const UsageError& error) {
    // What is left is a product of sizes that no 64-bit count holds: the largest is to blame.
    const std::pair<std::int64_t, const char*> sizes[] = {{p.batch, "batch"},
                                                          {p.seq, "seq"},
                                                          {p.input, "input"},
                                                          {p.hidden, "hidden"},
                                                          {p.head, "head"}};
    const auto largest = std::max_element(std::begin(sizes), std::end(sizes));
    fail(where(largest->second), "sizes that can be counted",
         fmt::format("{} ({})", largest->first, error.what()));
  }
  return p;
}

}  // namespace rnnbench
