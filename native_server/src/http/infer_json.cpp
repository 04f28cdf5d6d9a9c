#include "http/infer_json.h"

#include <algorithm>
#include <utility>

namespace beralih {
namespace {

constexpr size_t kMaxDepth = 32;

/// Builds the document by nlohmann's own handler and takes `inputs[i].data` for itself.
class InferJsonHandler : public nlohmann::json_sax<Json> {
 public:
  InferJsonHandler() : builder_(result_.document, /*allow_exceptions=*/false) {}

  bool null() override { return in_data() ? element_refused("null") : builder_.null(); }
  bool boolean(bool value) override {
    return in_data() ? element_refused("a boolean") : builder_.boolean(value);
  }
  bool number_integer(number_integer_t value) override {
    return in_data() ? number(static_cast<double>(value)) : builder_.number_integer(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    return in_data() ? number(static_cast<double>(value)) : builder_.number_unsigned(value);
  }
  bool number_float(number_float_t value, const string_t& text) override {
    return in_data() ? number(value) : builder_.number_float(value, text);
  }
  bool string(string_t& value) override {
    if (!in_data()) return builder_.string(value);
    ++counts_.back();
    result_.data.back().strings.push_back(std::move(value));
    return true;
  }
  bool binary(binary_t& value) override { return builder_.binary(value); }

  bool key(string_t& name) override {
    if (keys_.size() == 1 && name == "inputs" && std::exchange(inputs_seen_, true))
      return fail("the member \"inputs\" stands there twice");
    keys_.back() = name;
    return builder_.key(name);
  }

  bool start_object(size_t size) override {
    if (in_data()) return element_refused("an object");
    if (at_inputs()) result_.data.emplace_back();
    return open() && builder_.start_object(size);
  }
  bool end_object() override {
    keys_.pop_back();
    return builder_.end_object();
  }

  bool start_array(size_t size) override {
    if (in_data()) {
      ++counts_.back();
      counts_.push_back(0);
      return counts_.size() + keys_.size() <= kMaxDepth || too_deep();
    }
    if (keys_.size() == 3 && keys_[0] == "inputs" && keys_[2] == "data" && !result_.data.empty()) {
      if (std::exchange(result_.data.back().present, true))
        return fail("an input has the member \"data\" twice");
      counts_.push_back(0);
      return true;
    }
    return open() && builder_.start_array(size);
  }
  bool end_array() override {
    if (!in_data()) {
      keys_.pop_back();
      return builder_.end_array();
    }
    std::vector<int64_t>& nesting = result_.data.back().nesting;
    const size_t level = counts_.size() - 1;
    if (nesting.size() <= level) nesting.resize(level + 1, -1);
    if (nesting[level] >= 0 && nesting[level] != counts_[level])
      return fail("the nested arrays of an input's \"data\" differ in length");
    nesting[level] = counts_[level];
    counts_.pop_back();
    return in_data() || builder_.null();
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: what is wrong"
    std::string_view what = error.what();
    what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
    if (what.starts_with("parse error at line"))
      what.remove_prefix(std::min(what.find(": ") + 2, what.size()));
    return fail("the request is not JSON at byte " + std::to_string(position) + ": " +
                std::string(what));
  }

  InferJson take() && { return std::move(result_); }
  const std::string& error() const { return error_; }

 private:
  bool in_data() const { return !counts_.empty(); }
  bool at_inputs() const { return keys_.size() == 2 && keys_[0] == "inputs"; }

  bool open() {
    keys_.emplace_back();
    return keys_.size() <= kMaxDepth || too_deep();
  }
  bool number(double value) {
    ++counts_.back();
    result_.data.back().numbers.push_back(value);
    return true;
  }
  bool too_deep() {
    return fail("the JSON is nested more than " + std::to_string(kMaxDepth) + " deep");
  }
  bool element_refused(const std::string& what) {
    return fail("an input's \"data\" holds " + what + " where a tensor's element belongs");
  }
  bool fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    return false;
  }

  InferJson result_;
  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  std::vector<std::string> keys_;  ///< of the open containers: the member being read
  std::vector<int64_t> counts_;    ///< elements so far in the open arrays of `data`
  std::string error_;
  bool inputs_seen_ = false;
};

}  // namespace

Result<InferJson> read_infer_json(std::string_view text) {
  // The parser takes a NUL for the end of its input.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error{ErrorCode::kInvalidArgument,
                 "the request is not JSON at byte " + std::to_string(nul + 1) + ": a NUL byte"};
  }
  InferJsonHandler handler;
  if (!Json::sax_parse(text.begin(), text.end(), &handler) || !handler.error().empty())
    return Error{ErrorCode::kInvalidArgument, handler.error().substr(0, 300)};
  return std::move(handler).take();
}

}  // namespace beralih
