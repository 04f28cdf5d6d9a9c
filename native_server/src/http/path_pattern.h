// Paths and the patterns of the route table.
#pragma once

#include <algorithm>
#include <string_view>

namespace beralih {

/// Takes the next segment off a path that begins with a slash.
inline std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  const size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

/// "{name}" in the pattern stands for one segment that is not empty, a final "*" for everything
/// that follows.
inline bool fits_pattern(std::string_view path, std::string_view pattern) {
  if (pattern.ends_with('*')) return path.starts_with(pattern.substr(0, pattern.size() - 1));
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = next_segment(pattern);
    const std::string_view have = next_segment(path);
    if (want.starts_with('{') ? have.empty() : want != have) return false;
  }
  return pattern.empty() && path.empty();
}

}  // namespace beralih
