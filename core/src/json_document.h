// JSON text to a document. The only file of the core that includes the JSON library.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "beralih/result.h"

namespace beralih {

using Json = nlohmann::json;

// Builds the document without exceptions and remembers where the text stopped being JSON.
class DocumentBuilder : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  explicit DocumentBuilder(Json& document)
      : nlohmann::detail::json_sax_dom_parser<Json>(document, false) {}

  template <class Exception>
  bool parse_error(std::size_t position, const std::string& token, const Exception& exception) {
    position_ = position;
    return nlohmann::detail::json_sax_dom_parser<Json>::parse_error(position, token, exception);
  }
  /// A contract is four levels deep; writing a value into a message recurses once a level.
  bool start_object(std::size_t elements) {
    return deeper() && nlohmann::detail::json_sax_dom_parser<Json>::start_object(elements);
  }
  bool start_array(std::size_t elements) {
    return deeper() && nlohmann::detail::json_sax_dom_parser<Json>::start_array(elements);
  }
  bool end_object() {
    return shallower() && nlohmann::detail::json_sax_dom_parser<Json>::end_object();
  }
  bool end_array() {
    return shallower() && nlohmann::detail::json_sax_dom_parser<Json>::end_array();
  }

  bool too_deep() const { return depth_ > kMaxDepth; }
  std::size_t position() const { return position_; }

 private:
  static constexpr int kMaxDepth = 64;

  bool deeper() { return ++depth_ <= kMaxDepth; }
  bool shallower() { return --depth_ >= 0; }

  std::size_t position_ = 0;
  int depth_ = 0;
};

/// The start of a text that goes into a message, cut between characters.
inline std::string shortened(std::string text) {
  constexpr size_t kMost = 60;
  if (text.size() <= kMost) return text;
  size_t end = kMost - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

inline Result<Json> parse_document(std::string_view text) {
  Json document;
  DocumentBuilder builder(document);
  if (Json::sax_parse(text, &builder)) return document;
  if (builder.too_deep()) {
    return Error{ErrorCode::kInvalidContract, "$: nested more than 64 levels deep"};
  }
  return Error{ErrorCode::kInvalidContract,
               "$: not valid JSON at byte " + std::to_string(builder.position())};
}

}  // namespace beralih
