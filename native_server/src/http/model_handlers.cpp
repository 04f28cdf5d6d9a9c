// What the server says about itself and its bundle.
#include <algorithm>
#include <array>

#include "http/artifacts.h"
#include "http/handlers.h"

namespace beralih {
namespace {

constexpr std::string_view kBundlePrefix = "/bundle/";
constexpr std::string_view kContractName = "contract.json";
/// What a page needs in order to predict by itself; architecture and weights are the server's.
constexpr std::string_view kPublicRoles[] = {"labels", "edge_model", "golden_image"};

bool is_public(const BundleFile& file) {
  return std::find(std::begin(kPublicRoles), std::end(kPublicRoles), file.role) !=
         std::end(kPublicRoles);
}

/// The classifier's own copies, kept alive with it.
Representation contract_of(const std::shared_ptr<Classifier>& classifier) {
  const VerifiedContract& identity = classifier->bundle().identity;
  const auto* data = reinterpret_cast<const uint8_t*>(identity.json.data());
  return {
      {data, identity.json.size()},
      classifier, "\"" + identity.contract_hash + "\""
  };
}

}  // namespace

void handle_contract(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  if (classifier == nullptr) return exchange.fail_not_ready();
  exchange.response.set_header("Cache-Control", "no-cache");
  exchange.response.set_header("Beralih-Contract",
                               classifier->bundle().identity.preprocessing_hash);
  send_representation(exchange, contract_of(classifier), kJson);
}

void handle_bundle(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  if (classifier == nullptr) return exchange.fail_not_ready();
  const std::string_view name =
      std::string_view(exchange.request.path).substr(kBundlePrefix.size());
  const Bundle& bundle = classifier->bundle();
  if (name == kContractName) {
    exchange.response.set_header("Cache-Control", "no-cache");
    return send_representation(exchange, contract_of(classifier), kJson);
  }
  // Found by name in the contract: no path of a request reaches the file system.
  const auto& files = bundle.contract().files;
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const BundleFile& f) { return f.path == name; });
  if (file == files.end()) {
    return exchange.fail(problem_for_status(
        404, "The bundle has no such file; /bundle/contract.json lists those that it has"));
  }
  if (!is_public(*file)) {
    return exchange.fail(problem_for_status(
        404, file->path + " has the role \"" + file->role +
                 "\" and stays on the server; labels, edge_model and golden_image are served"));
  }
  const auto& mapped = bundle.files.find(file->path)->second;
  exchange.response.set_header("Cache-Control", "no-cache");
  send_representation(exchange, {mapped->bytes(), mapped, "\"" + file->sha256 + "\""},
                      content_type_of(file->path));
}

void handle_artifacts(const Exchange& exchange) {
  const std::shared_ptr<Classifier> classifier = exchange.state.classifier();
  if (classifier == nullptr) return exchange.fail_not_ready();
  const auto report = collect_artifacts(*classifier, exchange.state.ready_after_ms());
  if (!report) return exchange.fail(problem_for(report.error()));
  exchange.response.status = 200;
  exchange.response.set_header("Cache-Control", "no-store");
  exchange.response.set_content(artifacts_json(*report), kJson);
}

void handle_live(const Exchange& exchange) {
  if (!exchange.state.alive()) return exchange.fail_not_ready();
  exchange.response.status = 200;
  exchange.response.set_content("{\"live\":true}\n", kJson);
}

void handle_ready(const Exchange& exchange) {
  if (!exchange.state.ready()) return exchange.fail_not_ready();
  exchange.response.status = 200;
  exchange.response.set_content("{\"ready\":true}\n", kJson);
}

}  // namespace beralih
