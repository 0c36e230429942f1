#include "reports/schema.hpp"

namespace rnnbench::schema {

std::string word(Device value) { return value == Device::cuda ? "cuda" : "cpu"; }

std::string word(HeadAt value) {
  return value == HeadAt::none ? "none" : value == HeadAt::every_step ? "every_step" : "last_step";
}

void read_word(const std::string& text, Cell& value) { value = parse_cell(text); }
void read_word(const std::string& text, Dtype& value) { value = parse_dtype(text); }
void read_word(const std::string& text, Layout& value) { value = parse_layout(text); }
void read_word(const std::string& text, Outcome& value) { value = parse_outcome(text); }
void read_word(const std::string& text, ConfigSource& value) { value = parse_config_source(text); }

void read_word(const std::string& text, HeadAt& value) {
  for (const HeadAt at : {HeadAt::none, HeadAt::every_step, HeadAt::last_step})
    if (word(at) == text) return void(value = at);
  throw UsageError(fmt::format("'{}' is not one of none, every_step, last_step", text));
}

void read_word(const std::string& text, Device& value) {
  for (const Device device : {Device::cpu, Device::cuda})
    if (word(device) == text) return void(value = device);
  throw UsageError(fmt::format("'{}' is not one of cpu, cuda", text));
}

Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number(const Json& json) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (json == "inf") return infinity;
  if (json == "-inf") return -infinity;
  return json.get<double>();
}

Json metric(const Metric& metric) {
  if (metric.value) return number(*metric.value);
  return {{"value", nullptr}, {"why", metric.why}};
}

Metric metric(const Json& json) {
  if (json.is_object()) return not_read(json.at("why").get<std::string>());
  return read_as(number(json));
}

Json sample_columns(const std::vector<TimedSample>& samples) {
  Json round = Json::array(), seconds = Json::array(), wall = Json::array();
  for (const TimedSample& s : samples) {
    round.push_back(s.round);
    seconds.push_back(number(s.seconds));
    wall.push_back(number(s.wall_seconds));
  }
  return {{"round", round}, {"seconds", seconds}, {"wall_seconds", wall}};
}

std::vector<TimedSample> sample_columns(const Json& json) {
  const Json &round = json.at("round"), &seconds = json.at("seconds"),
             &wall = json.at("wall_seconds");
  if (round.size() != seconds.size() || round.size() != wall.size())
    throw UsageError("round, seconds and wall_seconds differ in length");
  std::vector<TimedSample> samples(round.size());
  for (std::size_t k = 0; k < samples.size(); ++k)
    samples[k] = {round[k].get<int>(), number(seconds[k]), number(wall[k])};
  return samples;
}

}  // namespace rnnbench::schema
