// The files of the page, indexed once: what is not in the index does not exist, so that no request
// becomes a path of the file system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "beralih/result.h"

namespace beralih {

/// Bytes as they go over the wire.
struct Representation {
  std::span<const uint8_t> bytes;
  std::shared_ptr<const void> owner;  ///< keeps the bytes alive
  std::string etag;                   ///< strong: the quoted SHA-256 of the bytes
};

struct SiteFile {
  std::string content_type;
  bool immutable = false;  ///< its name changes with its content
  Representation identity;
  /// For a page: the sources by which a policy lets its own scripts run, as "'sha256-…'" (CSP level
  /// 3, section 2.3.1), one for each script that stands in it.
  std::vector<std::string> inline_scripts;
  /// FILE.br and FILE.gz beside the file, by content coding ("br", "gzip").
  std::map<std::string, Representation, std::less<>> encoded;
};

class StaticSite {
 public:
  /// Reads the directory: small files into memory, large ones mapped. Hidden files, and symbolic
  /// links to directories or out of the directory, are left out and named in skipped().
  /// Errors: kIo.
  static Result<std::shared_ptr<const StaticSite>> index(const std::filesystem::path& directory);

  /// The plain page that is compiled in.
  static std::shared_ptr<const StaticSite> embedded();

  /// `path` is the decoded path of a request; "/en/" finds /en/index.html. nullptr if there is
  /// none.
  const SiteFile* find(std::string_view path) const;

  /// Whether "/en" should be asked as "/en/".
  bool lacks_slash(std::string_view path) const;

  const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  Status add_file(const std::filesystem::path& root, const std::filesystem::path& path);
  void attach_encoded();

  std::map<std::string, SiteFile, std::less<>> files_;  ///< by path, with the leading slash
  std::vector<std::string> skipped_;
};

/// The Content-Type for a file's name; application/octet-stream for a suffix that is not known.
std::string content_type_of(std::string_view path);

}  // namespace beralih
