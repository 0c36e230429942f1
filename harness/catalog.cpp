#include "harness/catalog.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> worker_command() { return {program_file().string(), "worker"}; }

void add_module(std::vector<std::string>& argv, const std::string& name) {
  if (const auto file = module_file(name)) argv.insert(argv.end(), {"--module", file->string()});
}

Device device_of(const std::string& impl, const std::string& provider) {
  if (impl.starts_with("cpu:")) return Device::cpu;
  if (impl.starts_with("cuda:")) return Device::cuda;
  throw UsageError(
      fmt::format("{} offers '{}': a name begins with its device, cpu: or cuda:", provider, impl));
}

}  // namespace

fs::path program_file() { return fs::read_symlink("/proc/self/exe"); }

std::optional<fs::path> module_file(const std::string& name) {
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("RNNBENCH_MODULES")) folders.emplace_back(folder);
  const fs::path here = program_file().parent_path();
  for (const auto& base : {here, here.parent_path()})
    for (const char* lib : {"lib", "lib64", "lib/x86_64-linux-gnu"})
      folders.push_back(base / lib / "rnnbench");
  for (const auto& folder : folders)
    if (fs::exists(folder / (name + ".so"))) return folder / (name + ".so");
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> late_libraries(const Catalog& catalog,
                                                                Device kind) {
  for (const auto& provider : catalog.providers()) {
    if (provider.origin != fmt::format("module {}", name(kind))) continue;
    try {
      return Remote(provider.argv, 120).libraries();
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      return {{provider.name + " module", std::string("cannot be asked: ") + error.what()}};
    }
  }
  return {};
}

Catalog::Catalog(const CatalogOptions& options) : timeout_s_(options.timeout_s) {
  for (const auto& [name, wanted] : {std::pair{"cpu", options.cpu}, {"cuda", options.cuda}}) {
    if (!wanted || !module_file(name)) continue;
    Provider provider{name, worker_command(), "", fmt::format("module {}", name), {}};
    add_module(provider.argv, name);
    add(std::move(provider), options.timeout_s);
  }
  for (const auto& plugin : options.plugins) {
    if (!fs::exists(plugin)) throw UsageError(fmt::format("--plugin {}: no such file", plugin));
    Provider provider{plugin,
                      worker_command(),
                      "",
                      fmt::format("plugin {}", fs::absolute(plugin).lexically_normal().string()),
                      {}};
    for (const char* name : {"cpu", "cuda"}) add_module(provider.argv, name);
    provider.argv.insert(provider.argv.end(), {"--plugin", fs::absolute(plugin).string()});
    add(std::move(provider), options.timeout_s);
  }
  for (const auto& [name, command] : options.external)
    add({name, {"/bin/sh", "-c", command}, name, "command " + command, {}}, options.timeout_s);
}

void Catalog::add(Provider provider, double timeout_s) {
  std::unique_ptr<Remote> remote;
  try {
    remote = std::make_unique<Remote>(provider.argv, timeout_s);
    provider.description = remote->describe();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    throw UsageError(fmt::format("{}: {}", provider.name, error.what()));
  }
  const auto& impls = provider.description.impls;
  for (const auto& info : impls) {
    Offer offer{info, device_of(info.name, provider.name), providers_.size(), info.name};
    if (!provider.rename.empty() && impls.size() == 1)
      offer.info.name = fmt::format("{}:{}", name(offer.device), provider.rename);
    for (const auto& other : offers_)
      if (other.info.name == offer.info.name)
        throw UsageError(fmt::format("two implementations are called {}: one of {}, one of {}",
                                     offer.info.name, providers_[other.provider].name,
                                     provider.name));
    offers_.push_back(std::move(offer));
  }
  providers_.push_back(std::move(provider));
  describers_.push_back(std::move(remote));
}

std::vector<DeviceInfo> Catalog::devices() const {
  std::vector<DeviceInfo> all;
  for (const auto& provider : providers_)
    for (const auto& info : provider.description.devices) {
      bool known = false;
      for (const auto& other : all)
        known = known || (other.kind == info.kind && other.index == info.index);
      if (!known) all.push_back(info);
    }
  return all;
}

std::optional<DeviceInfo> Catalog::device(Device kind, int index) const {
  for (const auto& info : devices())
    if (info.kind == kind && info.index == index) return info;
  return std::nullopt;
}

std::string Catalog::no_device(Device kind) const {
  if (device(kind, 0)) return {};
  const std::string kind_name(name(kind));
  for (const auto& provider : providers_) {
    const auto found = provider.description.no_device.find(kind_name);
    if (found != provider.description.no_device.end()) return found->second;
  }
  return kind == Device::cuda
             ? "no CUDA device: this build has no CUDA side (configure with -DRNNBENCH_CUDA=ON "
               "where a toolkit is installed)"
             : "no CPU module: lib/rnnbench/cpu.so is not beside the program";
}

int Catalog::describer_pid(std::size_t provider) const {
  const auto& remote = describers_.at(provider);
  return remote ? remote->pid() : -1;
}

std::unique_ptr<Remote> Catalog::take_describer(std::size_t provider) {
  return std::move(describers_.at(provider));
}

std::vector<std::vector<std::string>> Catalog::reasons(const std::vector<Problem>& problems,
                                                       int index) {
  std::vector<std::string> ids;
  for (const auto& problem : problems) ids.push_back(id(problem));
  std::vector<std::vector<std::string>> all(offers_.size());
  for (std::size_t k = 0; k < providers_.size(); ++k) {
    std::map<std::string, std::vector<std::string>> reasons;
    try {
      if (!describers_[k])
        describers_[k] = std::make_unique<Remote>(providers_[k].argv, timeout_s_);
      reasons = describers_[k]->supports(ids, index);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      describers_[k].reset();  // its own cases are out; the others run
      const auto why =
          fmt::format("{} did not say what it supports: {}", providers_[k].name, error.what());
      for (const auto& info : providers_[k].description.impls)
        reasons[info.name].assign(ids.size(), why);
    }
    for (std::size_t offer = 0; offer < offers_.size(); ++offer)
      if (offers_[offer].provider == k) {
        all[offer] = std::move(reasons[offers_[offer].remote_name]);
        if (all[offer].size() != ids.size())
          throw Error(fmt::format("{}: its answer to 'supports' has {} entries for {} problems",
                                  providers_[k].name, all[offer].size(), ids.size()));
      }
  }
  return all;
}

std::vector<Candidate> Catalog::candidates(std::size_t offer, const Problem& problem, int index,
                                           const std::map<std::string, std::string>& options) {
  const Offer& asked = offers_[offer];
  auto& describer = describers_[asked.provider];
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format("{}: {}, for {}", asked.info.name, why, id(problem)));
  };
  std::vector<Candidate> all;
  try {
    if (!describer)
      describer = std::make_unique<Remote>(providers_[asked.provider].argv, timeout_s_);
    all = describer->candidates(asked.remote_name, problem, index, options);
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    describer.reset();
    refuse(fmt::format("its candidates cannot be had: {}", error.what()));
  }
  if (all.empty()) refuse("it is tunable, but has no candidate, not even its default");
  if (all.size() > most_candidates)
    refuse(fmt::format("it has {} candidates; at most {} are measured, the default among them",
                       all.size(), most_candidates));
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto& config = all[k].config;
    if (config.empty() || config.find_first_of(" \t\r\n") != std::string::npos)
      refuse(fmt::format("its candidate '{}' is not one word", config));
    for (std::size_t other = 0; other < k; ++other)
      if (all[other].config == config) refuse(fmt::format("it has candidate {} twice", config));
  }
  return all;
}

}  // namespace rnnbench
