// Numbers and names as findings say them: three digits are enough for a sentence.
#pragma once

#include <string>

namespace rnnbench {

std::string seconds_text(double seconds);  // "4.6 ms"
std::string bytes_text(double bytes);      // "12.3 MB", in powers of ten
std::string share_text(double share);      // 0.97 → "97 %", 0.0076 → "0.76 %"

/// "256 launches", "1 launch"
std::string count_text(double count, const std::string& noun);

/// The function's own name out of a demangled one: without return type, namespaces, template and
/// function arguments.
std::string short_kernel_name(std::string name);

}  // namespace rnnbench
