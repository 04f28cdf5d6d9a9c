// What the server says of its own interface.
#include <memory>
#include <nlohmann/json.hpp>

#include "beralih/sha256.h"
#include "http/handlers.h"
#include "http/multipart.h"
#include "http/openapi_document.h"

namespace beralih {

void handle_version(const Exchange& exchange) {
  using Json = nlohmann::ordered_json;
  Json json{
      {"name",    "beralih"                                            },
      {"version", BERALIH_VERSION                                      },
      {"openapi", "/openapi.yaml"                                      },
      {"model",   nullptr                                              },
      {"limits",
       {{"body_bytes", exchange.options.max_body_bytes},
        {"form_parts", MultipartLimits{}.parts},
        {"subscribers", exchange.options.events->limits().subscribers}}}
  };
  if (const std::shared_ptr<Classifier> classifier = exchange.state.classifier()) {
    const VerifiedContract& identity = classifier->bundle().identity;
    json["model"] = {
        {"name",               identity.contract.name     },
        {"version",            identity.contract.version  },
        {"contract_hash",      identity.contract_hash     },
        {"preprocessing_hash", identity.preprocessing_hash}
    };
  }
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                                kJson);
}

void handle_openapi(const Exchange& exchange) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(kOpenApiDocument.data()),
                        kOpenApiDocument.size());
  static const std::string etag = "\"" + sha256_hex(bytes) + "\"";
  exchange.response.set_header("Cache-Control", "no-cache");
  send_representation(exchange, {bytes, nullptr, etag}, "application/yaml");
}

}  // namespace beralih
