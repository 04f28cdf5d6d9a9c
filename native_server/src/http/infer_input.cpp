#include "http/infer_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "beralih/preprocess.h"
#include "http/base64.h"

namespace beralih {
namespace {

Error invalid(const std::string& message) { return {ErrorCode::kInvalidArgument, message}; }

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "[";
  for (const int64_t dimension : shape) {
    if (out.size() > 1) out += ", ";
    out += dimension < 0 ? "N" : std::to_string(dimension);
  }
  return out + "]";
}

/// Elements of one row of the batch; nothing if the contract leaves a size free.
std::optional<size_t> row_elements(std::span<const int64_t> shape) {
  size_t count = 1;
  for (const int64_t dimension : shape.subspan(1)) {
    if (dimension <= 0) return std::nullopt;
    count *= static_cast<size_t>(dimension);
  }
  return count;
}

bool matches(std::span<const int64_t> shape, std::span<const int64_t> pattern) {
  return std::equal(shape.begin(), shape.end(), pattern.begin(), pattern.end(),
                    [](int64_t have, int64_t want) { return want < 0 ? have > 0 : have == want; });
}

/// [-1, height, width, 3] of the crop; empty where the contract leaves the size free.
std::vector<int64_t> pixel_shape(const Contract& contract) {
  const auto size = output_size(contract.preprocessing);
  if (!size) return {};
  return {-1, size->height, size->width, 3};
}

std::string accepted_forms(const Contract& contract) {
  std::string out = contract.input.datatype + " " + shape_text(contract.input.shape);
  if (const auto pixels = pixel_shape(contract); !pixels.empty())
    out += ", UINT8 " + shape_text(pixels) + " (RGB pixels of the crop)";
  return out + " and BYTES [N] (encoded images)";
}

/// How many bytes or elements the client sent, against the shape that it named.
Status check_count(size_t found, size_t wanted, const InferInput& input, const char* what) {
  if (found == wanted) return Ok{};
  return invalid("input \"" + input.name + "\" has " + std::to_string(found) + " " + what +
                 ", but " + input.datatype + " " + shape_text(input.shape) + " has " +
                 std::to_string(wanted));
}

Status check_finite(std::span<const float> values, const InferInput& input) {
  // Without an early end, so that the compiler can take many at once.
  constexpr float kMost = std::numeric_limits<float>::max();
  bool finite = true;
  for (const float v : values) finite &= std::abs(v) <= kMost;
  if (finite) return Ok{};
  const auto wrong =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  return invalid("input \"" + input.name + "\" holds NaN or an infinity at element " +
                 std::to_string(wrong - values.begin()));
}

template <typename Element>
Result<std::vector<Element>> read_row(const InferInput& input, size_t row, size_t elements) {
  std::vector<Element> out(elements);
  if (input.is_binary) {
    const size_t bytes = elements * sizeof(Element);
    std::memcpy(out.data(), input.binary.data() + row * bytes, bytes);
  } else {
    for (size_t i = 0; i < elements; ++i) {
      const double value = input.numbers[row * elements + i];
      constexpr double kMost = std::numeric_limits<Element>::max();
      const bool whole = !std::is_integral_v<Element> || (value >= 0 && value == std::floor(value));
      if (!whole || std::abs(value) > kMost) {
        return invalid("element " + std::to_string(row * elements + i) + " of input \"" +
                       input.name + "\" is no " + input.datatype);
      }
      out[i] = static_cast<Element>(value);
    }
  }
  if constexpr (std::is_floating_point_v<Element>) {
    if (auto status = check_finite(out, input); !status) return status.error();
  }
  return out;
}

template <typename Element, typename Make>
Result<std::vector<BatchItem>> read_rows(const InferInput& input, const Make& make) {
  const auto rows = static_cast<size_t>(input.shape.front());
  size_t elements = 1;
  for (size_t i = 1; i < input.shape.size(); ++i) elements *= static_cast<size_t>(input.shape[i]);
  const size_t found = input.is_binary ? input.binary.size() : input.numbers.size();
  const size_t unit = input.is_binary ? sizeof(Element) : 1;
  // Divided, not multiplied: the product may be beyond what fits.
  if (rows > found / unit / elements + 1)
    return check_count(found, rows * elements * unit, input, "elements").error();
  if (auto status =
          check_count(found, rows * elements * unit, input, input.is_binary ? "bytes" : "elements");
      !status) {
    return status.error();
  }
  std::vector<BatchItem> items;
  for (size_t row = 0; row < rows; ++row) {
    auto values = read_row<Element>(input, row, elements);
    if (!values) return values.error();
    items.emplace_back(make(*std::move(values)));
  }
  return items;
}

Result<std::vector<BatchItem>> read_tensors(const InferInput& input) {
  std::vector<int64_t> shape = input.shape;
  shape.front() = 1;
  const auto as_tensor = [&](auto values) { return Tensor{shape, std::move(values)}; };
  return input.datatype == "UINT8" ? read_rows<uint8_t>(input, as_tensor)
                                   : read_rows<float>(input, as_tensor);
}

Result<std::vector<BatchItem>> read_pixels(const InferInput& input, const Contract& contract) {
  return read_rows<uint8_t>(input, [&](std::vector<uint8_t> values) {
    Image image;
    image.height = static_cast<int>(input.shape[1]);
    image.width = static_cast<int>(input.shape[2]);
    image.pixels = std::move(values);
    return normalize(image, contract.preprocessing);
  });
}

/// BYTES elements in binary form: each is its length in 4 little-endian bytes, then itself.
Result<std::vector<BatchItem>> split_binary_images(const InferInput& input) {
  std::vector<BatchItem> items;
  std::span<const uint8_t> rest = input.binary;
  while (!rest.empty()) {
    uint32_t length = 0;
    if (rest.size() >= sizeof length) std::memcpy(&length, rest.data(), sizeof length);
    if (rest.size() < sizeof length || length > rest.size() - sizeof length) {
      return invalid("input \"" + input.name + "\": element " + std::to_string(items.size()) +
                     " of its BYTES announces more bytes than follow");
    }
    items.emplace_back(rest.subspan(sizeof length, length));
    rest = rest.subspan(sizeof length + length);
  }
  return items;
}

Result<std::vector<BatchItem>> decode_images(InferInput& input) {
  if (!input.numbers.empty())
    return invalid("input \"" + input.name + "\" is BYTES: its data must be strings");
  const Json type =
      input.parameters.is_object() ? input.parameters.value("content_type", Json()) : Json();
  const std::string name = type.is_string() ? type.get<std::string>() : "";
  if (name != "base64" && !name.starts_with("image/")) {
    return invalid("input \"" + input.name +
                   "\": an image in JSON is base64; say so with \"parameters\": "
                   "{\"content_type\": \"base64\"}, or send it as binary data");
  }
  std::vector<BatchItem> items;
  for (std::string& text : input.strings) {
    auto decoded = decode_base64(text);
    if (!decoded) {
      return invalid("input \"" + input.name + "\": element " + std::to_string(items.size()) +
                     " of data is not base64");
    }
    text = *std::move(decoded);
    items.emplace_back(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }
  return items;
}

Result<std::vector<BatchItem>> read_images(InferInput& input) {
  if (input.is_raw) return std::vector<BatchItem>{input.binary};
  auto items = input.is_binary ? split_binary_images(input) : decode_images(input);
  if (!items) return items;
  const auto wanted = static_cast<size_t>(input.shape.front());
  if (auto status = check_count(items->size(), wanted, input, "elements"); !status)
    return status.error();
  return items;
}

}  // namespace

Result<std::vector<BatchItem>> batch_of(InferInput& input, const Contract& contract) {
  const bool some = !input.shape.empty() && input.shape.front() > 0;
  const bool images = matches(input.shape, std::array<int64_t, 1>{-1}) ||
                      matches(input.shape, std::array<int64_t, 2>{-1, 1});
  if (some && input.datatype == contract.input.datatype &&
      matches(input.shape, contract.input.shape)) {
    return read_tensors(input);
  }
  const std::vector<int64_t> pixels = pixel_shape(contract);
  if (some && input.datatype == "UINT8" && !pixels.empty() && matches(input.shape, pixels))
    return read_pixels(input, contract);
  if (some && input.datatype == "BYTES" && images) return read_images(input);
  return invalid("input \"" + input.name + "\" takes " + accepted_forms(contract) + ", not " +
                 input.datatype.substr(0, 40) + " " + shape_text(input.shape));
}

InferRequest raw_infer_request(std::span<const uint8_t> body, std::string_view content_type,
                               const Contract& contract) {
  InferRequest request;
  InferInput input;
  input.name = contract.input.name;
  input.is_binary = true;
  input.is_raw = true;
  input.binary = body;
  request.binary_output = true;
  const size_t unit = contract.input.datatype == "FP32" ? sizeof(float) : 1;
  const size_t bytes = row_elements(contract.input.shape).value_or(0) * unit;
  if (!content_type.starts_with("image/") && bytes > 0 && !body.empty() &&
      body.size() % bytes == 0) {
    input.datatype = contract.input.datatype;
    input.shape = contract.input.shape;
    input.shape.front() = static_cast<int64_t>(body.size() / bytes);
  } else {
    input.datatype = "BYTES";
    input.shape = {1};
  }
  request.inputs.push_back(std::move(input));
  return request;
}

}  // namespace beralih
