// Points in time as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace rnnbench {

/// Seconds since 1970 of an ISO 8601 date, "2026-01-02", or date and time, "2026-01-02T03:04:05",
/// with "Z", "+0100" or "+01:00" behind it or in UTC without; nothing for another text.
std::optional<std::int64_t> unix_seconds(const std::string& text);

/// "2026-01-02T03:04:05+0000".
std::string utc_text(std::int64_t unix_seconds);

}  // namespace rnnbench
