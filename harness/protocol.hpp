// The words that parent and workers exchange: one JSON object a line; docs/worker-protocol.md.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/impl.hpp"
#include "harness/tensor.hpp"

namespace rnnbench {

constexpr int protocol_version = 1;

using Json = nlohmann::json;

/// A dense tensor in shared memory. dtype: "f32" or, for references, "f64".
struct TensorPlace {
  std::string name;
  std::string path;           // of the shared memory
  std::size_t map_bytes = 0;  // its whole size
  std::size_t offset = 0;     // of this tensor
  std::size_t bytes = 0;
  std::string dtype = "f32";
  std::vector<std::int64_t> shape;
};

/// What a worker says of one implementation.
struct ImplInfo {
  std::string name;  // "cpu:blas"
  std::string summary;
  bool peer = false;
  bool deterministic = true;
  bool tunable = false;  // answers `candidates`
};

void to_json(Json& json, const TensorPlace& place);
void from_json(const Json& json, TensorPlace& place);
void to_json(Json& json, const ImplInfo& info);
void from_json(const Json& json, ImplInfo& info);
void to_json(Json& json, const Candidate& candidate);
void from_json(const Json& json, Candidate& candidate);
void to_json(Json& json, const DeviceInfo& info);
void from_json(const Json& json, DeviceInfo& info);
/// A metric: its value, or {"why": reason}.
void to_json(Json& json, const Metric& metric);
void from_json(const Json& json, Metric& metric);
void to_json(Json& json, const Profile& profile);
void from_json(const Json& json, Profile& profile);
void to_json(Json& json, const ExchangeCost& cost);
void from_json(const Json& json, ExchangeCost& cost);
void to_json(Json& json, const NoExchange& line);
void from_json(const Json& json, NoExchange& line);
void to_json(Json& json, const ExchangeCosts& costs);
void from_json(const Json& json, ExchangeCosts& costs);
void to_json(Json& json, const Peaks& peaks);
void from_json(const Json& json, Peaks& peaks);

}  // namespace rnnbench
