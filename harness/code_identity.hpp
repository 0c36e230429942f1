// What code a run measured, so that a comparison knows when nothing has changed.
#pragma once

#include "harness/catalog.hpp"
#include "harness/machine.hpp"

namespace rnnbench {

/// "code of rnnbench": the program; "code of cpu", …: each module, plug-in and external worker
/// (CodeHashes); "libraries of cpu", …: names and sizes of what its worker has loaded, hashed.
Facts code_facts(const Catalog& catalog);

/// Whether a fact is one of these, or the version of a library opened late.
bool tells_code(const std::string& label);

}  // namespace rnnbench
