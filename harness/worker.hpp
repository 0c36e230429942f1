// The worker: holds a device and made kernels, and answers requests one JSON line at a time.
#pragma once

#include <string>
#include <vector>

namespace rnnbench {

/// What a worker loads before it answers. `modules` bring backends (and implementations);
/// `plugins`, when there are any, are the only libraries whose implementations it offers.
struct WorkerOptions {
  std::vector<std::string> modules;
  std::vector<std::string> plugins;
};

/// Serves standard input until it ends or says quit; returns the exit code. What libraries print on
/// standard output goes to standard error, so that replies stay clean.
int run_worker(const WorkerOptions& options);

}  // namespace rnnbench
