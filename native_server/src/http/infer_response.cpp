#include "http/infer_response.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace beralih {
namespace {

/// "value:index:label" of the k largest values, largest first, ties by lower index.
std::vector<std::string> classify_row(const std::vector<float>& row, size_t k,
                                      const std::vector<std::string>& labels) {
  std::vector<size_t> order(row.size());
  std::iota(order.begin(), order.end(), size_t{0});
  k = std::min(k, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                    [&](size_t a, size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
  std::vector<std::string> out;
  for (size_t i = 0; i < k; ++i) {
    char value[64];
    std::snprintf(value, sizeof value, "%f", static_cast<double>(row[order[i]]));
    out.push_back(std::string(value) + ":" + std::to_string(order[i]) + ":" + labels[order[i]]);
  }
  return out;
}

void append_element(std::string& binary, const std::string& element) {
  const auto length = static_cast<uint32_t>(element.size());
  char prefix[sizeof length];
  std::memcpy(prefix, &length, sizeof length);
  binary.append(prefix, sizeof prefix).append(element);
}

/// One output's JSON; its data goes into it, or behind `binary` with its size noted.
Json render_output(const RequestedOutput& output, const BatchOutcome& outcome, const Bundle& bundle,
                   std::string& binary) {
  const size_t before = binary.size();
  Json data = Json::array();
  size_t columns = 0;
  for (const std::vector<float>& row : outcome.logits) {
    if (output.classes > 0) {
      const auto elements = classify_row(row, output.classes, bundle.labels);
      columns = elements.size();
      for (const std::string& element : elements) {
        if (output.binary) {
          append_element(binary, element);
        } else {
          data.push_back(element);
        }
      }
    } else {
      columns = row.size();
      if (output.binary) {
        binary.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
      } else {
        for (const float value : row) data.push_back(value);
      }
    }
  }
  Json json{
      {"name",     output.name                                  },
      {"datatype", output.classes > 0 ? "BYTES" : "FP32"        },
      {"shape",    Json::array({outcome.logits.size(), columns})}
  };
  if (output.binary) {
    json["parameters"] = {
        {"binary_data_size", binary.size() - before}
    };
  } else {
    json["data"] = std::move(data);
  }
  return json;
}

}  // namespace

InferResponse infer_response(const InferRequest& request, const BatchOutcome& outcome,
                             const Bundle& bundle) {
  const Contract& contract = bundle.contract();
  std::vector<RequestedOutput> outputs = request.outputs;
  if (outputs.empty()) {
    RequestedOutput all;
    all.name = contract.output.name;
    all.binary = request.binary_output;
    outputs.push_back(all);
  }
  Json json{
      {"model_name",    contract.name   },
      {"model_version", contract.version}
  };
  if (!request.id.empty()) json["id"] = request.id;
  if (!request.parameters.is_null()) json["parameters"] = request.parameters;
  json["outputs"] = Json::array();
  std::string binary;
  for (const RequestedOutput& output : outputs)
    json["outputs"].push_back(render_output(output, outcome, bundle, binary));

  InferResponse response;
  response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const bool any_binary = std::any_of(outputs.begin(), outputs.end(),
                                      [](const RequestedOutput& o) { return o.binary; });
  if (any_binary) response.json_bytes = response.body.size();
  response.body += binary;
  return response;
}

}  // namespace beralih
