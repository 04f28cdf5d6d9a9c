#include "http/static_site.h"

#include <algorithm>
#include <array>
#include <utility>

#include "beralih/sha256.h"
#include "bundle/mapped_file.h"
#include "http/base64.h"
#include "http/embedded_page.h"

namespace beralih {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestInMemory = 1u << 20;
constexpr std::string_view kIndex = "index.html";
/// The bundler puts a hash of the content into the names below it.
constexpr std::string_view kHashedNames = "/assets/";

struct ContentType {
  std::string_view suffix;
  const char* type;
};

// clang-format off
constexpr ContentType kContentTypes[] = {
    {".avif",        "image/avif"},
    {".css",         "text/css; charset=utf-8"},
    {".gif",         "image/gif"},
    {".htm",         "text/html; charset=utf-8"},
    {".html",        "text/html; charset=utf-8"},
    {".ico",         "image/x-icon"},
    {".jpeg",        "image/jpeg"},
    {".jpg",         "image/jpeg"},
    {".js",          "text/javascript; charset=utf-8"},
    {".json",        "application/json"},
    {".map",         "application/json"},
    {".mjs",         "text/javascript; charset=utf-8"},
    {".onnx",        "application/octet-stream"},
    {".png",         "image/png"},
    {".svg",         "image/svg+xml"},
    {".txt",         "text/plain; charset=utf-8"},
    {".wasm",        "application/wasm"},
    {".webmanifest", "application/manifest+json"},
    {".webp",        "image/webp"},
    {".woff",        "font/woff"},
    {".woff2",       "font/woff2"},
    {".xml",         "application/xml"},
};

struct Coding {
  std::string_view suffix;
  const char* name;
};

constexpr Coding kCodings[] = {
    {".br", "br"},
    {".gz", "gzip"},
};
// clang-format on

Representation represent(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner) {
  return {bytes, std::move(owner), "\"" + sha256_hex(bytes) + "\""};
}

Result<Representation> read_representation(const fs::path& path) {
  auto mapped = MappedFile::open(path);
  if (!mapped) return mapped.error();
  const auto bytes = (*mapped)->bytes();
  if (bytes.size() > kLargestInMemory) return represent(bytes, *mapped);
  auto copy = std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end());
  return represent(*copy, copy);
}

/// Of each script that stands in the page; those that it asks for (src) are left out.
std::vector<std::string> inline_script_sources(std::string_view page) {
  constexpr std::string_view kOpening = "<script";
  std::vector<std::string> sources;
  for (size_t at = page.find(kOpening); at != page.npos; at = page.find(kOpening, at)) {
    const size_t begin = page.find('>', at);
    const size_t end = page.find("</script", begin);
    if (begin == page.npos || end == page.npos) break;
    if (page.substr(at, begin - at).find(" src=") == page.npos) {
      const std::string_view script = page.substr(begin + 1, end - begin - 1);
      Sha256 hash;
      hash.update({reinterpret_cast<const uint8_t*>(script.data()), script.size()});
      sources.push_back("'sha256-" + encode_base64(hash.digest()) + "'");
    }
    at = end;
  }
  return sources;
}

bool is_inside(const fs::path& root, const fs::path& real) {
  return std::mismatch(root.begin(), root.end(), real.begin(), real.end()).first == root.end();
}

bool is_hidden(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') && name != ".well-known";
}

}  // namespace

std::string content_type_of(std::string_view path) {
  for (const ContentType& row : kContentTypes) {
    if (path.ends_with(row.suffix)) return row.type;
  }
  return "application/octet-stream";
}

Status StaticSite::add_file(const fs::path& root, const fs::path& path) {
  std::error_code code;
  const fs::path real = fs::canonical(path, code);
  if (code) {
    skipped_.push_back(path.string() + ": " + code.message());
    return Ok{};
  }
  if (!is_inside(root, real)) {
    skipped_.push_back(path.string() + ": a symbolic link that leaves the directory");
    return Ok{};
  }
  if (!fs::is_regular_file(real, code)) {
    skipped_.push_back(path.string() + ": not a regular file");
    return Ok{};
  }
  auto representation = read_representation(real);
  if (!representation) return representation.error();
  const std::string name = "/" + path.lexically_relative(root).generic_string();
  SiteFile file;
  file.content_type = content_type_of(name);
  file.immutable = name.starts_with(kHashedNames);
  file.identity = *std::move(representation);
  if (file.content_type.starts_with("text/html")) {
    const auto bytes = file.identity.bytes;
    file.inline_scripts =
        inline_script_sources({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  files_[name] = std::move(file);
  return Ok{};
}

/// Moves FILE.br and FILE.gz to the file that they are a form of.
void StaticSite::attach_encoded() {
  for (const Coding& coding : kCodings) {
    for (auto file = files_.begin(); file != files_.end();) {
      const std::string& name = file->first;
      const auto plain =
          name.ends_with(coding.suffix)
              ? files_.find(std::string_view(name).substr(0, name.size() - coding.suffix.size()))
              : files_.end();
      if (plain == files_.end()) {
        ++file;
        continue;
      }
      plain->second.encoded[coding.name] = std::move(file->second.identity);
      file = files_.erase(file);
    }
  }
}

Result<std::shared_ptr<const StaticSite>> StaticSite::index(const fs::path& directory) {
  const auto failed = [&](const std::string& what) {
    return Error{ErrorCode::kIo, directory.string() + ": " + what};
  };
  std::error_code code;
  const fs::path root = fs::canonical(directory, code);
  if (code) return failed("cannot be read: " + code.message() + "; name the page's directory");

  auto site = std::make_shared<StaticSite>();
  fs::recursive_directory_iterator walk(root, code);
  for (; !code && walk != fs::recursive_directory_iterator(); walk.increment(code)) {
    if (is_hidden(walk->path())) {
      walk.disable_recursion_pending();
      site->skipped_.push_back(walk->path().string() + ": hidden");
    } else if (walk->is_symlink(code) || !walk->is_directory(code)) {
      if (auto added = site->add_file(root, walk->path()); !added) return added.error();
    }
  }
  if (code) return failed("cannot be read: " + code.message());
  if (!site->files_.contains("/" + std::string(kIndex))) {
    return failed("holds no index.html; build the page, or leave --web out for the built-in one");
  }
  site->attach_encoded();
  return std::shared_ptr<const StaticSite>(std::move(site));
}

std::shared_ptr<const StaticSite> StaticSite::embedded() {
  auto site = std::make_shared<StaticSite>();
  const std::pair<const char*, std::string_view> pages[] = {
      {"/index.html", kPageHtml},
      {"/page.css",   kPageCss },
      {"/page.js",    kPageJs  }
  };
  for (const auto& [name, text] : pages) {
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    SiteFile& file = site->files_[name];
    file.content_type = content_type_of(name);
    file.identity = represent({data, text.size()}, nullptr);
  }
  return site;
}

const SiteFile* StaticSite::find(std::string_view path) const {
  const auto file = path.ends_with('/') ? files_.find(std::string(path) + std::string(kIndex))
                                        : files_.find(path);
  return file == files_.end() ? nullptr : &file->second;
}

bool StaticSite::lacks_slash(std::string_view path) const {
  return !path.ends_with('/') && find(std::string(path) + "/") != nullptr;
}

}  // namespace beralih
