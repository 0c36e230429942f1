// The only file that reads the generated header: a commit recompiles this one and nothing else.
#include "harness/build_info.hpp"

#include "build_info.gen.hpp"

namespace rnnbench {

const BuildInfo& build_info() {
  static const BuildInfo info{
      .version = generated::version,
      .git_revision = generated::git_revision,
      .git_state = generated::git_state,
      .compiler = generated::compiler,
      .flags = generated::flags,
      .build_type = generated::build_type,
      .cuda_compiler = generated::cuda_compiler,
  };
  return info;
}

std::vector<std::pair<std::string, std::string>> build_facts() {
  const BuildInfo& info = build_info();
  std::vector<std::pair<std::string, std::string>> facts{
      {"version", info.version},      {"git revision", info.git_revision},
      {"git state", info.git_state},  {"compiler", info.compiler},
      {"compiler flags", info.flags}, {"build type", info.build_type},
  };
  if (!info.cuda_compiler.empty()) facts.emplace_back("CUDA compiler", info.cuda_compiler);
  return facts;
}

}  // namespace rnnbench
