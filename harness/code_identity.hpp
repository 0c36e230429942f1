// What code a run measured, so that a comparison knows when nothing has changed.
#pragma once

#include "harness/catalog.hpp"
#include "harness/machine.hpp"

namespace rnnbench {

/// "code of rnnbench": the program; "code of cpu", …: each module, plug-in and external worker
/// (CodeHashes); "libraries of cpu", …: names and sizes of what its worker has loaded, hashed.
Facts code_facts(const Catalog& catalog);

/// Ends the fact of an external worker: its command and the files named in it are known, what those
/// read is not.
inline constexpr const char* unknown_code = " (a command: what it reads is not known)";

/// Whether a fact is one of these, or the version of a library opened late.
bool tells_code(const std::string& label);

}  // namespace rnnbench
