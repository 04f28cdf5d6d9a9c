#include "http/multipart.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "http/header_text.h"

namespace beralih {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1
constexpr size_t kMaxName = 255;

Error malformed(const std::string& what) {
  return Error{ErrorCode::kInvalidArgument, "The multipart body is malformed: " + what};
}

std::string at_byte(size_t offset) { return " at byte " + std::to_string(offset); }

/// The value in front of ";" or the end, plain or in quotes; takes it off `rest`. nullopt: a quote
/// that does not end, or text behind it.
std::optional<std::string> take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    const size_t end = std::min(rest.find(';'), rest.size());
    value = trim(rest.substr(0, end));
    rest.remove_prefix(end);
    return value;
  }
  size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    // Browsers write %22 for a quote; a backslash is one only before a quote (curl), since in names
    // of Windows' files it stands for itself.
    if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
    value += rest[at];
  }
  if (at == rest.size()) return std::nullopt;
  rest = trim(rest.substr(at + 1));
  if (!rest.empty() && rest.front() != ';') return std::nullopt;
  return value;
}

/// A parameter of a header's value: empty where it is not there. nullopt: it cannot be read, or
/// stands there twice.
std::optional<std::string> parameter(std::string_view header, std::string_view wanted) {
  std::string_view rest = header.substr(std::min(header.find(';'), header.size()));
  std::optional<std::string> found;
  while (!rest.empty()) {
    rest = trim(rest.substr(1));  // the semicolon
    if (rest.empty()) break;
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string name = lower(trim(rest.substr(0, equals)));
    rest = trim(rest.substr(equals + 1));
    auto value = take_value(rest);
    if (!value) return std::nullopt;
    if (name != wanted) continue;
    if (found) return std::nullopt;
    found = std::move(value);
  }
  return found.value_or("");
}

bool is_boundary(std::string_view text) {
  constexpr std::string_view kOthers = "'()+_,-./:=? ";
  return !text.empty() && text.size() <= kMaxBoundary && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

/// The part's name and file name from its headers. Errors: also where it is not a file.
Status read_head(std::string_view head, const std::string& which, FormPart& part) {
  bool holds_bytes = false;
  std::optional<std::string> disposition;
  while (!head.empty()) {
    const size_t end = std::min(head.find(kLineEnd), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + kLineEnd.size(), head.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      return malformed(which + " has a header line that is not NAME: VALUE");
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "content-transfer-encoding" && lower(value) != "binary") {
      return malformed(which + " has the Content-Transfer-Encoding " +
                       std::string(value.substr(0, 40)) + "; send the file's bytes as they are");
    }
    if (name == "content-type") {
      const std::string type = lower(value);
      holds_bytes = type.starts_with("image/") || type.starts_with("application/octet-stream");
    }
    if (name != "content-disposition") continue;
    if (disposition) return malformed(which + " has two Content-Disposition headers");
    disposition = value;
  }
  if (!disposition || lower(trim(disposition->substr(0, disposition->find(';')))) != "form-data")
    return malformed(which + " has no Content-Disposition: form-data header");
  const auto name = parameter(*disposition, "name");
  const auto filename = parameter(*disposition, "filename");
  if (!name || !filename || name->size() > kMaxName || filename->size() > kMaxName)
    return malformed(which + " has a Content-Disposition header that cannot be read");
  if (name->empty()) return malformed(which + " has no name");
  if (filename->empty() && !holds_bytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "The form's field \"" + name->substr(0, 80) +
                     "\" is not a file: it has neither a file name nor an image's Content-Type; "
                     "send images alone, and the number of predictions in the address (?k=5)"};
  }
  part.name = *name;
  part.filename = *filename;
  return Ok{};
}

}  // namespace

Result<std::vector<FormPart>> parse_multipart(std::string_view body, std::string_view content_type,
                                              const MultipartLimits& limits) {
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || !is_boundary(*boundary)) {
    return malformed(
        "its Content-Type names no boundary of 1 to 70 characters; let curl -F or FormData write "
        "that header");
  }
  const std::string delimiter = "--" + *boundary;
  const std::string next = "\r\n" + delimiter;
  if (!body.starts_with(delimiter))
    return malformed("it does not begin with " + delimiter + ", the boundary of its Content-Type");

  std::vector<FormPart> parts;
  size_t at = delimiter.size();
  for (;;) {
    if (body.substr(at).starts_with("--")) {
      at += 2;
      const std::string_view rest = body.substr(at);
      if (!rest.empty() && rest != kLineEnd)
        return malformed("something follows its last boundary" + at_byte(at));
      break;
    }
    if (!body.substr(at).starts_with(kLineEnd))
      return malformed("neither a line's end nor -- follows the boundary" + at_byte(at));
    const std::string which = "part " + std::to_string(parts.size());
    if (parts.size() == limits.parts) {
      return Error{ErrorCode::kInvalidArgument, "The multipart body has more than " +
                                                    std::to_string(limits.parts) +
                                                    " parts; send the others in another request"};
    }
    at += kLineEnd.size();
    const size_t head_end = body.substr(at, limits.head_bytes).find(kHeadEnd);
    if (head_end == std::string_view::npos) {
      return malformed("the headers of " + which + at_byte(at) + " do not end within " +
                       std::to_string(limits.head_bytes) + " bytes");
    }
    FormPart part;
    if (auto status = read_head(body.substr(at, head_end), which + at_byte(at), part); !status)
      return status.error();
    at += head_end + kHeadEnd.size();
    const size_t end = body.find(next, at);
    if (end == std::string_view::npos)
      return malformed("no boundary follows " + which + ", which begins" + at_byte(at) +
                       ": the body has been cut, or is another one's");
    part.content = body.substr(at, end - at);
    parts.push_back(std::move(part));
    at = end + next.size();
  }
  if (parts.empty()) return malformed("it has no part");
  return parts;
}

}  // namespace beralih
