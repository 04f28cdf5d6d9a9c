// contract.json and the specs on their own: errors, or values that hold what they promise.
#include "beralih/contract.h"

#include "fuzz/targets.h"

namespace beralih::fuzz {

namespace {

bool is_utf8_line(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length == 0 || lead > 0xF4 || text.size() - i < length) return false;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += length;
  }
  return true;
}

std::string check_error(const Error& error) {
  if (error.code != ErrorCode::kInvalidContract && error.code != ErrorCode::kInvalidArgument) {
    return "an error code that is not documented: " + error.message;
  }
  if (error.message.empty() || error.message.size() > 4096) return "a message without measure";
  return is_utf8_line(error.message) ? "" : "a message that is not UTF-8: " + error.message;
}

}  // namespace

std::string contract(std::span<const uint8_t> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const auto spec = parse_preprocess_spec(text);
  if (!spec) {
    if (auto problem = check_error(spec.error()); !problem.empty()) return problem;
  } else if (!validate(*spec)) {
    return "a spec was read that is not valid";
  }
  const auto parsed = parse_contract(text);
  if (!parsed) return check_error(parsed.error());
  if (!validate(parsed->preprocessing)) return "a contract was read whose knobs are not valid";
  const std::string lines = preprocessing_text(*parsed);
  if (compare_preprocessing(lines, lines)) return "a preprocessing text differs from itself";
  for (const BundleFile& file : parsed->files) {
    if (file.path.empty() || file.path.front() == '/') return "a path leaves the bundle";
    if (("/" + file.path + "/").find("/../") != std::string::npos)
      return "a path leaves the bundle";
    if (file.bytes < 0) return "a file has a negative size";
  }
  const auto again = parse_contract(text);
  if (!again || preprocessing_hash(*again) != preprocessing_hash(*parsed)) {
    return "the same contract has two hashes";
  }
  return {};
}

}  // namespace beralih::fuzz
