#include "http/infer_request.h"

#include <algorithm>
#include <utility>

#include "http/infer_json.h"

namespace beralih {
namespace {

constexpr size_t kMaxClasses = 1'000'000;
constexpr size_t kMaxIdBytes = 256;
constexpr size_t kMaxInputs = 64;
constexpr size_t kMaxDimensions = 8;

Error invalid(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

/// A member of the request that is read with its place, e.g. "inputs[0].shape".
struct Member {
  const Json* value = nullptr;  ///< nullptr: absent
  std::string place;
};

Member member(const Json& object, const std::string& parent, const char* name) {
  const auto found = object.find(name);
  const std::string place = parent.empty() ? name : parent + "." + name;
  return {found == object.end() ? nullptr : &*found, place};
}

Result<std::string> read_string(const Member& m) {
  if (m.value == nullptr) return invalid(m.place + " is missing");
  if (!m.value->is_string()) return invalid(m.place + " must be a string");
  return m.value->get<std::string>();
}

Result<Json> read_parameters(const Json& object, const std::string& parent) {
  const Member m = member(object, parent, "parameters");
  if (m.value == nullptr) return Json();
  if (!m.value->is_object()) return invalid(m.place + " must be an object");
  for (const auto& [name, value] : m.value->items()) {
    if (!value.is_primitive() || value.is_null())
      return invalid(m.place + "." + name.substr(0, 80) + " must be a string, number or boolean");
  }
  return *m.value;
}

/// Absent: `absent`.
Result<uint64_t> read_count(const Json& parameters, const std::string& parent, const char* name,
                            uint64_t absent) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return absent;
  if (!found->is_number_unsigned())
    return invalid(parent + ".parameters." + name + " must be a whole number");
  return found->get<uint64_t>();
}

Result<bool> read_flag(const Json& parameters, const std::string& place, const char* name,
                       bool absent) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return absent;
  if (!found->is_boolean()) return invalid(place + "." + name + " must be true or false");
  return found->get<bool>();
}

Result<std::vector<int64_t>> read_shape(const Json& input, const std::string& place) {
  const Member m = member(input, place, "shape");
  if (m.value == nullptr) return invalid(m.place + " is missing");
  if (!m.value->is_array() || m.value->size() > kMaxDimensions)
    return invalid(m.place + " must be an array of at most " + std::to_string(kMaxDimensions) +
                   " whole numbers");
  std::vector<int64_t> shape;
  for (const Json& dimension : *m.value) {
    constexpr uint64_t kMost = uint64_t{1} << 31;
    if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() > kMost)
      return invalid(m.place + " must hold whole numbers from 0 to 2147483648");
    shape.push_back(dimension.get<int64_t>());
  }
  return shape;
}

/// Nested arrays must have the shape's form; flat ones need only its number of elements.
Status check_nesting(const JsonElements& data, const InferInput& input, const std::string& place) {
  if (data.nesting.size() <= 1 || data.nesting == input.shape) return Ok{};
  return invalid(place + ".data is nested otherwise than its shape says");
}

/// Takes the input's elements from JSON, or its part of the binary data off `rest`.
Status read_elements(JsonElements& data, const std::string& place, InferInput& input,
                     std::span<const uint8_t>& rest) {
  const bool announced = input.parameters.contains("binary_data_size");
  if (announced && data.present)
    return invalid(place + " has both data and parameters.binary_data_size");
  if (announced) {
    auto size = read_count(input.parameters, place, "binary_data_size", 0);
    if (!size) return size.error();
    if (*size > rest.size()) {
      return invalid(place + ".parameters.binary_data_size is " + std::to_string(*size) +
                     ", but only " + std::to_string(rest.size()) +
                     " bytes follow the JSON; is Inference-Header-Content-Length right?");
    }
    input.is_binary = true;
    input.binary = rest.first(*size);
    rest = rest.subspan(*size);
    return Ok{};
  }
  if (!data.present) return invalid(place + " has neither data nor parameters.binary_data_size");
  if (!data.numbers.empty() && !data.strings.empty())
    return invalid(place + ".data mixes numbers and strings");
  if (auto status = check_nesting(data, input, place); !status) return status;
  input.numbers = std::move(data.numbers);
  input.strings = std::move(data.strings);
  return Ok{};
}

Result<InferInput> read_input(const Json& json, JsonElements& data, const std::string& place,
                              std::span<const uint8_t>& rest) {
  if (!json.is_object()) return invalid(place + " must be an object");
  InferInput input;
  auto name = read_string(member(json, place, "name"));
  if (!name) return name.error();
  auto datatype = read_string(member(json, place, "datatype"));
  if (!datatype) return datatype.error();
  auto shape = read_shape(json, place);
  if (!shape) return shape.error();
  auto parameters = read_parameters(json, place);
  if (!parameters) return parameters.error();
  input.name = *std::move(name);
  input.datatype = *std::move(datatype);
  input.shape = *std::move(shape);
  input.parameters = *std::move(parameters);
  if (auto status = read_elements(data, place, input, rest); !status) return status.error();
  return input;
}

Result<RequestedOutput> read_output(const Json& json, const std::string& place, bool binary) {
  if (!json.is_object()) return invalid(place + " must be an object");
  RequestedOutput output;
  auto name = read_string(member(json, place, "name"));
  if (!name) return name.error();
  auto parameters = read_parameters(json, place);
  if (!parameters) return parameters.error();
  auto flag = read_flag(*parameters, place + ".parameters", "binary_data", binary);
  if (!flag) return flag.error();
  auto classes = read_count(*parameters, place, "classification", 0);
  if (!classes) return classes.error();
  if (parameters->contains("classification") && (*classes < 1 || *classes > kMaxClasses))
    return invalid(place + ".parameters.classification must be at least 1");
  output.name = *std::move(name);
  output.parameters = *std::move(parameters);
  output.binary = *flag;
  output.classes = *classes;
  return output;
}

/// Names, parameters and what else is not a tensor.
Status read_head(const Json& document, InferRequest& request) {
  if (!document.is_object()) return invalid("the request must be a JSON object");
  if (const Member id = member(document, "", "id"); id.value != nullptr) {
    auto text = read_string(id);
    if (!text) return text.error();
    if (text->size() > kMaxIdBytes)
      return invalid("id is longer than " + std::to_string(kMaxIdBytes) + " bytes");
    request.id = *std::move(text);
  }
  auto parameters = read_parameters(document, "");
  if (!parameters) return parameters.error();
  request.parameters = *std::move(parameters);
  auto binary = read_flag(request.parameters, "parameters", "binary_data_output", false);
  if (!binary) return binary.error();
  request.binary_output = *binary;
  if (request.parameters.contains("timeout")) {
    const Json& timeout = request.parameters["timeout"];
    if (!timeout.is_number_unsigned())
      return invalid("parameters.timeout must be a whole number of microseconds");
    request.timeout_us = timeout.get<uint64_t>();
  }
  return Ok{};
}

Result<const Json*> read_array(const Json& document, const char* name, bool required) {
  const Member m = member(document, "", name);
  static const Json empty = Json::array();
  if (m.value == nullptr && !required) return &empty;
  if (m.value == nullptr) return invalid(m.place + " is missing");
  if (!m.value->is_array() || m.value->size() > kMaxInputs)
    return invalid(m.place + " must be an array of at most " + std::to_string(kMaxInputs));
  return m.value;
}

}  // namespace

Result<InferRequest> parse_infer_request(std::span<const uint8_t> body,
                                         std::optional<size_t> json_bytes) {
  if (json_bytes && *json_bytes > body.size()) {
    return invalid("Inference-Header-Content-Length is " + std::to_string(*json_bytes) +
                   ", but the body has " + std::to_string(body.size()) + " bytes");
  }
  const size_t head = json_bytes.value_or(body.size());
  auto read = read_infer_json({reinterpret_cast<const char*>(body.data()), head});
  if (!read) return read.error();
  const Json& document = read->document;
  InferRequest request;
  if (auto status = read_head(document, request); !status) return status.error();

  std::span<const uint8_t> rest = body.subspan(head);
  auto inputs = read_array(document, "inputs", /*required=*/true);
  if (!inputs) return inputs.error();
  if ((*inputs)->size() != read->data.size()) return invalid("inputs must hold objects");
  for (size_t i = 0; i < (*inputs)->size(); ++i) {
    auto input =
        read_input((**inputs)[i], read->data[i], "inputs[" + std::to_string(i) + "]", rest);
    if (!input) return input.error();
    request.inputs.push_back(*std::move(input));
  }
  if (!rest.empty()) {
    return invalid(std::to_string(rest.size()) +
                   " bytes follow the tensors that binary_data_size announces");
  }
  auto outputs = read_array(document, "outputs", /*required=*/false);
  if (!outputs) return outputs.error();
  for (size_t i = 0; i < (*outputs)->size(); ++i) {
    auto output =
        read_output((**outputs)[i], "outputs[" + std::to_string(i) + "]", request.binary_output);
    if (!output) return output.error();
    request.outputs.push_back(*std::move(output));
  }
  return request;
}

}  // namespace beralih
