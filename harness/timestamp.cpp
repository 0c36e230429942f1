#include "harness/timestamp.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <regex>

namespace rnnbench {

std::optional<std::int64_t> unix_seconds(const std::string& text) {
  static const std::regex form(
      R"((\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))?)?)");
  std::smatch part;
  if (!std::regex_match(text, part, form)) return std::nullopt;
  const auto number = [&](std::size_t k) { return part[k].matched ? std::stoi(part[k]) : 0; };
  namespace chrono = std::chrono;
  const chrono::year_month_day day{chrono::year(number(1)),
                                   chrono::month(static_cast<unsigned>(number(2))),
                                   chrono::day(static_cast<unsigned>(number(3)))};
  if (!day.ok() || number(4) > 23 || number(5) > 59 || number(6) > 60 || number(8) > 23 ||
      number(9) > 59)
    return std::nullopt;
  const std::int64_t days = chrono::sys_days(day).time_since_epoch().count();
  const std::int64_t east = (number(8) * 60 + number(9)) * 60 * (part[7] == "-" ? -1 : 1);
  return ((days * 24 + number(4)) * 60 + number(5)) * 60 + number(6) - east;
}

std::string utc_text(std::int64_t unix_seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}+0000",
                     fmt::gmtime(static_cast<std::time_t>(unix_seconds)));
}

}  // namespace rnnbench
