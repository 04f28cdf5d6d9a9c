#include "http/negotiation.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

#include "http/header_text.h"

namespace beralih {
namespace {

/// Takes the next element of a comma-separated list off `rest`.
std::string_view next_element(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view element = trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return element;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// The weight of "br;q=0.5": 1 where none is given, 0 where it cannot be read.
double weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = next_element(parameters, ';');
    if (parameter.size() < 2 || !equals_ignoring_case(parameter.substr(0, 2), "q=")) continue;
    const std::string number(parameter.substr(2));
    char* end = nullptr;
    const double weight = std::strtod(number.c_str(), &end);
    const bool whole = !number.empty() && *end == '\0';
    return whole && weight >= 0 && weight <= 1 ? weight : 0;
  }
  return 1;
}

/// The weight that the header gives to a coding by name, else by "*"; nothing if by neither.
std::optional<double> weight_for(std::string_view accept_encoding, std::string_view coding) {
  std::optional<double> any;
  while (!accept_encoding.empty()) {
    std::string_view parameters = next_element(accept_encoding, ',');
    const std::string_view name = next_element(parameters, ';');
    if (equals_ignoring_case(name, coding)) return weight_of(parameters);
    if (name == "*") any = weight_of(parameters);
  }
  return any;
}

}  // namespace

std::string_view choose_coding(std::string_view accept_encoding,
                               const std::vector<std::string_view>& available) {
  std::string_view chosen;
  // Unnamed, the file as it is stays possible but never wins over what the client asks for.
  double best = weight_for(accept_encoding, "identity").value_or(0);
  for (const std::string_view coding : available) {
    const double weight = weight_for(accept_encoding, coding).value_or(0);
    if (weight > 0 && (weight > best || (chosen.empty() && weight == best))) {
      chosen = coding;
      best = weight;
    }
  }
  return chosen;
}

bool matches_etag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view tag = next_element(if_none_match, ',');
    if (tag == "*") return true;
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag) return true;
  }
  return false;
}

std::optional<ByteRange> resolve_range(std::pair<long, long> range, size_t size) {
  const auto [first, last] = range;
  if (first < 0) {  // the last bytes
    const size_t length = last < 0 ? size : std::min(static_cast<size_t>(last), size);
    if (length == 0) return std::nullopt;
    return ByteRange{size - length, length};
  }
  const auto offset = static_cast<size_t>(first);
  if (offset >= size || (last >= 0 && last < first)) return std::nullopt;
  const size_t rest = size - offset;
  if (last < 0) return ByteRange{offset, rest};
  return ByteRange{offset, std::min(static_cast<size_t>(last) - offset, rest - 1) + 1};
}

}  // namespace beralih
