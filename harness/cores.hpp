// How many cores this process may use.
#pragma once

#include <string>

namespace rnnbench {

/// Cores that a control group's CPU quota allows, rounded up; 0 where there is no quota. `mount` is
/// where control groups are mounted ("/sys/fs/cgroup"), `membership` the text of /proc/self/cgroup.
/// Groups of both versions are read, and those above the process's own count too.
int quota_cores(const std::string& mount, const std::string& membership);

/// The fewest of: the cores in this process's affinity mask, and its CPU quota, as
/// `docker run --cpus` and batch systems set it. At least 1.
int usable_cores();

}  // namespace rnnbench
