// Writes random problems with their inputs, weights and reference outputs, for another library to
// check: FOLDER/cases.json names every tensor, FOLDER/cases.bin holds their values as f64.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "harness/error.hpp"
#include "harness/reference.hpp"
#include "tests/random_problem.hpp"

namespace rnnbench {
namespace {

/// Values appended to one file; tensors are found by the index of their first value.
class ValueFile {
 public:
  explicit ValueFile(const std::filesystem::path& path) : out_(path, std::ios::binary) {
    out_.exceptions(std::ios::failbit | std::ios::badbit);
  }
  template <class T>
  nlohmann::json add(const TensorSpec& spec, const std::vector<T>& values) {
    const std::vector<double> wide(values.begin(), values.end());
    out_.write(reinterpret_cast<const char*>(wide.data()),
               static_cast<std::streamsize>(wide.size() * sizeof(double)));
    const auto first = next_;
    next_ += wide.size();
    return {{"name", spec.name}, {"shape", spec.shape}, {"first", first}};
  }

 private:
  std::ofstream out_;
  std::size_t next_ = 0;
};

nlohmann::json describe(const Problem& p) {
  return {{"id", id(p)},
          {"cell", name(p.cell)},
          {"batch", p.batch},
          {"seq", p.seq},
          {"input", p.input},
          {"hidden", p.hidden},
          {"layers", p.layers},
          {"directions", p.directions},
          {"bias", p.bias},
          {"batch_first", p.layout == Layout::btc},
          {"head", p.head},
          {"head_at", p.head_at == HeadAt::none        ? "none"
                      : p.head_at == HeadAt::last_step ? "last"
                                                       : "every"}};
}

void write_cases(const std::filesystem::path& folder, int count) {
  std::filesystem::create_directories(folder);
  ValueFile file(folder / "cases.bin");
  auto cases = nlohmann::json::array();
  std::mt19937 random(20);
  // Odd sizes; the largest is rare, and many of them at once are left out, to stay quick.
  const std::vector<std::int64_t> sizes{1, 1, 7, 7, 33, 33, 257};
  std::set<std::string> seen;
  while (static_cast<int>(cases.size()) < count) {
    Problem p = random_problem(random, sizes);
    if (flops(p) > 1e8 || !seen.insert(id(p)).second) continue;
    const Inputs pool = make_inputs(p, cases.size());
    auto tensors = input_set(p, pool, 0);
    for (const auto& t : pool.tensors)
      if (t.spec.role == Role::weight) tensors.push_back(t);
    // x is U[0,1); in every other case it has both signs and drives gates to their ends.
    if (cases.size() % 2)
      for (float& value : tensors[0].values) value = 12 * (value - 0.5f);
    auto entry = describe(p);
    for (const auto& t : tensors) entry["inputs"].push_back(file.add(t.spec, t.values));
    for (const auto& t : reference(p, tensors))
      entry["outputs"].push_back(file.add(t.spec, t.values));
    cases.push_back(std::move(entry));
  }
  std::ofstream index(folder / "cases.json");
  index.exceptions(std::ios::failbit | std::ios::badbit);
  index << cases.dump(1) << '\n';
}

}  // namespace
}  // namespace rnnbench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FOLDER COUNT\n", argv[0]);
    return 2;
  }
  try {
    rnnbench::write_cases(argv[1], std::stoi(argv[2]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
