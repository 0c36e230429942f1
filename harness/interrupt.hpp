// Ctrl-C: noticed between two steps, so that what was measured is kept.
#pragma once

#include "harness/error.hpp"

namespace rnnbench {

/// Thrown where the engine waits once somebody has asked it to stop.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

/// SIGINT and SIGTERM set a flag from now on; a second one ends the program at once.
void watch_for_interrupts();
bool interrupted();

}  // namespace rnnbench
