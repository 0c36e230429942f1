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

bool is_stated(const BuildInfo& info) {
  return info.git_revision != "unknown" && !info.git_revision.empty() &&
         info.git_state != "unknown" && info.git_state != "dirty";
}

std::string build_text(const BuildInfo& info) {
  std::string text = info.git_revision + (info.git_state == "dirty" ? " dirty" : "");
  for (const auto* part :
       {&info.version, &info.compiler, &info.flags, &info.build_type, &info.cuda_compiler})
    if (!part->empty()) text += ", " + *part;
  return text;
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
