// Why a counter cannot be read, in one line that ends with what mends it. No CUDA header here.
#pragma once

#include <string>
#include <string_view>

#include "harness/error.hpp"

namespace rnnbench::cupti {

/// What a CUPTI call's error says; `words` are CUPTI's own for the code.
std::string reason_for(int code, std::string_view words, std::string_view call);

/// A CUPTI call that failed: never a broken device, so what it was for is left out and the case
/// goes on.
class Failure : public Error {
 public:
  Failure(int code, std::string_view words, std::string_view call)
      : Error(reason_for(code, words, call)), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

}  // namespace rnnbench::cupti
