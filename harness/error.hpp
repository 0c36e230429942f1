// The kinds of failure a person sees, each one clear line.
#pragma once

#include <stdexcept>
#include <string>

namespace rnnbench {

/// Something went wrong while running; the program ends with exit code 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What was asked for cannot be understood or is not there; exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// What an implementation finds out only while it is made: this problem is not for it. The outcome
/// is `unsupported`, with this reason.
class Unsupported : public Error {
 public:
  using Error::Error;
};

}  // namespace rnnbench
