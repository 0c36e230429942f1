// The commands. These files alone see the engine and the writers.
#pragma once

#include "harness/catalog.hpp"
#include "harness/cli.hpp"

namespace rnnbench {

/// Each returns the program's exit code.
int run_command(const CommandLine& line);
int list_command(const CommandLine& line);
int doctor_command(const CommandLine& line);
int tune_command(const CommandLine& line);
int report_command(const CommandLine& line);
int compare_command(const CommandLine& line);
int history_command(const CommandLine& line);
/// `doctor --exchange`.
int exchange_command(const CommandLine& line);

/// Kept ceilings of a device, or newly measured ones when there are none or `again` is set. `where`
/// says in words where they come from.
Peaks peaks_of(const DeviceInfo& device, int threads, Catalog& catalog, bool again,
               std::string& where);

}  // namespace rnnbench
