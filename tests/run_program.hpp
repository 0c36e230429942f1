// Runs the built program as a user would, in a folder of its own.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace rnnbench::testing {

/// An empty folder that is gone with its owner.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "rnnbench-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Finished {
  int code = -1;       // exit code; 128 + n when a signal ended it
  std::string output;  // standard output and standard error
};

/// `arguments` as typed in a shell; `before` goes before the program (variables, ulimit ...).
inline Finished run_program(const std::string& arguments, const std::string& before = "") {
  const std::string command =
      before + " '" + RNNBENCH_BUILD_DIR "/rnnbench' " + arguments + " 2>&1";
  Finished finished;
  std::FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> chunk;
  for (std::size_t n; (n = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    finished.output.append(chunk.data(), n);
  const int status = pclose(pipe);
  finished.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return finished;
}

/// All of a file; empty where there is none.
inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline nlohmann::json read_results(const std::filesystem::path& folder) {
  std::ifstream file(folder / "results.json");
  return nlohmann::json::parse(file, nullptr, false);
}

/// A run of a moment: for what does not look at its numbers.
inline const std::string fast = "--quiet --no-color --min-time 0.001 --repetitions 3 ";

inline std::string out_flag(const Folder& folder) {
  return "--out " + folder.path().string() + " ";
}

inline nlohmann::json cases_in(const std::filesystem::path& folder) {
  return read_results(folder).at("rnnbench").at("cases");
}

}  // namespace rnnbench::testing
