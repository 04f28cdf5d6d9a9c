// The Prometheus text exposition format, version 0.0.4.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace beralih {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

class PrometheusText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a metric; its samples follow. `type`: "counter", "gauge", "histogram".
  void family(std::string_view name, std::string_view type, std::string_view help);
  /// `suffix` is "_bucket", "_sum" or "_count" for histograms.
  void sample(double value, Labels labels = {}, std::string_view suffix = {});

  std::string take() && { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

}  // namespace beralih
