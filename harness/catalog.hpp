// Which implementations and devices there are: the program's own modules, plug-ins and external
// workers, each asked through a worker, so that the parent itself never loads CUDA or a BLAS.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/interrupt.hpp"
#include "harness/remote.hpp"

namespace rnnbench {

struct CatalogOptions {
  bool cpu = true;
  bool cuda = true;
  std::vector<std::string> plugins;                           // --plugin FILE.so
  std::vector<std::pair<std::string, std::string>> external;  // --external NAME='command'
  double timeout_s = 120;
};

/// One way to start workers, and what they said of themselves.
struct Provider {
  std::string name;  // "cpu", "cuda", a plug-in's file, an external worker's name
  std::vector<std::string> argv;
  std::string rename;  // external workers: the name their one implementation goes by
  std::string origin;  // where its code is: "module cpu", "plugin FILE" or "command WORDS"
  Description description;
};

struct Offer {
  ImplInfo info;
  Device device = Device::cpu;
  std::size_t provider = 0;
  std::string remote_name;  // as its worker knows it
};

class Catalog {
 public:
  /// Starts one worker for each provider and asks it. Throws UsageError naming a plug-in that
  /// cannot be loaded or two implementations of one name.
  explicit Catalog(const CatalogOptions& options);

  const std::vector<Provider>& providers() const { return providers_; }
  const std::vector<Offer>& offers() const { return offers_; }
  std::vector<DeviceInfo> devices() const;
  /// Why there is no device of a kind; empty where there is one.
  std::string no_device(Device kind) const;
  std::optional<DeviceInfo> device(Device kind, int index) const;
  /// The worker that answered the description, for one more use; null when taken already.
  std::unique_ptr<Remote> take_describer(std::size_t provider);
  /// Its process, or -1 where it was taken.
  int describer_pid(std::size_t provider) const;
  /// Reasons of every offer on every problem: [offer][problem], "" where it is supported.
  std::vector<std::vector<std::string>> reasons(const std::vector<Problem>& problems, int index);
  /// What an offer may be tuned with, the model's default first. Throws Error naming it where it
  /// has none, more than `most_candidates`, or words that cannot be told apart.
  std::vector<Candidate> candidates(std::size_t offer, const Problem& problem, int index,
                                    const std::map<std::string, std::string>& options);

 private:
  void add(Provider provider, double timeout_s);
  double timeout_s_;
  std::vector<Provider> providers_;
  std::vector<std::unique_ptr<Remote>> describers_;
  std::vector<Offer> offers_;
};

/// Libraries that the module of a kind of device opens only when they are needed: name, and
/// version or why not. Asked of a process of its own: a profiler's library is not to be beside
/// what is timed.
std::vector<std::pair<std::string, std::string>> late_libraries(const Catalog& catalog,
                                                                Device kind);

std::filesystem::path program_file();
/// lib/rnnbench/<name>.so beside the program or one folder up, or in $RNNBENCH_MODULES.
std::optional<std::filesystem::path> module_file(const std::string& name);

}  // namespace rnnbench
