// Scenario files written for one test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/error.hpp"
#include "harness/scenario.hpp"

namespace rnnbench {

namespace fs = std::filesystem;
using Ids = std::vector<std::string>;

/// A folder that goes away with the test.
class ScenarioTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("rnnbench_scenario_" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  fs::path write(const std::string& text, const std::string& name = "it.toml") {
    const auto file = folder / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

  Scenario load(const std::string& text, const AxisOverrides& overrides = {}, bool quick = false,
                Device device = Device::cpu) {
    return load_scenario(write(text), device, quick, overrides);
  }

  Ids ids(const std::string& text, const AxisOverrides& overrides = {}, bool quick = false,
          Device device = Device::cpu) {
    Ids result;
    for (const auto& p : load(text, overrides, quick, device).problems) result.push_back(id(p));
    return result;
  }

  /// The message, without the file's name, that loading `text` ends with.
  std::string error(const std::string& text, const AxisOverrides& overrides = {}) {
    try {
      load(text, overrides);
    } catch (const UsageError& e) {
      const std::string message = e.what(), file = (folder / "it.toml").string();
      return message.starts_with(file) ? message.substr(file.size()) : message;
    }
    return "no error";
  }

  fs::path folder;
};

template <class F>
inline std::string message_of(F&& f) {
  try {
    f();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

inline const std::string gru = "[problem]\ncell = \"gru\"\nhidden = 8\n";

}  // namespace rnnbench
