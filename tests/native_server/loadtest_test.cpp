#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "http/load_client.h"
#include "loadtest/arrivals.h"
#include "loadtest/histogram.h"
#include "loadtest/load_record.h"
#include "loadtest/verdict.h"

namespace beralih {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST_CASE("the percentiles are those of the sorted values, rounded up within the precision") {
  std::mt19937_64 random(7);
  Histogram whole;
  Histogram halves[2];
  std::vector<int64_t> values;
  for (int i = 0; i < 20'001; ++i) {
    const auto value = static_cast<int64_t>(random() >> (1 + random() % 60));
    values.push_back(value);
    whole.record(value);
    halves[i % 2].record(value);
  }
  halves[0].merge(halves[1]);
  std::sort(values.begin(), values.end());
  for (const double percentile : {0.0, 1.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<size_t>(
        std::max(1.0, std::ceil(percentile / 100 * static_cast<double>(values.size()))));
    const auto exact = static_cast<double>(values[rank - 1]);
    const auto found = static_cast<double>(whole.percentile(percentile));
    CHECK(found >= exact);
    CHECK(found <= exact * (1 + Histogram::kPrecision));
    CHECK(halves[0].percentile(percentile) == whole.percentile(percentile));
  }
  CHECK(whole.max() == values.back());
  CHECK(whole.min() == values.front());
}

TEST_CASE("the ends of the range and an empty histogram") {
  Histogram histogram;
  CHECK(histogram.percentile(99) == 0);
  histogram.record(INT64_MAX);
  CHECK(histogram.percentile(50) == INT64_MAX);
  histogram.record(-5);
  CHECK(histogram.min() == 0);
  CHECK(histogram.percentile(50) == 0);
}

TEST_CASE("a seed fixes the schedule") {
  const auto first = poisson_arrivals(50, seconds(60), 3, 42);
  const auto again = poisson_arrivals(50, seconds(60), 3, 42);
  const auto other = poisson_arrivals(50, seconds(60), 3, 43);
  REQUIRE(first.size() == again.size());
  for (size_t i = 0; i < first.size(); ++i) {
    REQUIRE(first[i].at == again[i].at);
    REQUIRE(first[i].image == again[i].image);
    REQUIRE(first[i].image < 3);
    REQUIRE(first[i].at < seconds(60));
  }
  CHECK(other[0].at != first[0].at);
  // mt19937_64's first number with seed 42 is 13930160852258120406: a gap of -ln(1 - 0.755155)
  // / 50.
  CHECK(std::abs(first[0].at.count() - 28'142'617) < 100'000);
}

TEST_CASE("gaps are exponential: mean and standard deviation are 1/rate") {
  const auto arrivals = poisson_arrivals(1000, seconds(100), 1, 1);
  CHECK(std::abs(static_cast<double>(arrivals.size()) - 100'000) < 4 * std::sqrt(100'000));
  double sum = 0;
  double squares = 0;
  for (size_t i = 1; i < arrivals.size(); ++i) {
    const double gap = static_cast<double>((arrivals[i].at - arrivals[i - 1].at).count()) / 1e6;
    sum += gap;
    squares += gap * gap;
  }
  const auto n = static_cast<double>(arrivals.size() - 1);
  CHECK(sum / n == Approx(1).epsilon(0.02));
  CHECK(std::sqrt(squares / n - sum * sum / n / n) == Approx(1).epsilon(0.03));
}

TEST_CASE("binomial tails, by hand") {
  CHECK(binomial_at_most(3, 0.5, 1) == Approx(0.5));           // (1 + 3) / 8
  CHECK(binomial_at_most(4, 0.25, 1) == Approx(189.0 / 256));  // (81 + 108) / 256
  CHECK(binomial_at_most(10, 0.1, 0) == Approx(std::pow(0.9, 10)));
  CHECK(binomial_at_most(5, 0.3, 5) == 1);
  CHECK(binomial_at_most(2'000'000, 0.01, 20'000) == Approx(0.5).margin(0.005));
}

TEST_CASE("the verdict needs LoadGen's numbers of requests") {
  const Claim claim;  // 99 % at 99 %
  // 0.99^458 = 0.010021, 0.99^459 = 0.009921.
  CHECK(fewest_requests(claim, 0) == 459);
  CHECK_FALSE(claim_holds(claim, 458, 0));
  CHECK(claim_holds(claim, 459, 0));
  // With one over the limit: 0.99^n + n * 0.01 * 0.99^(n-1) <= 0.01 from 662 on.
  CHECK(fewest_requests(claim, 1) == 662);
  CHECK_FALSE(most_over_limit(claim, 458));
  CHECK(most_over_limit(claim, 459) == 0U);
  CHECK(most_over_limit(claim, 661) == 0U);
  CHECK(most_over_limit(claim, 662) == 1U);
  CHECK_FALSE(claim_holds(claim, 1000, 1000));
  CHECK(fewest_requests({0.9, 0.95}, 0) == 29);  // 0.9^28 = 0.0523, 0.9^29 = 0.0471
}

LoadTestRecord record_of(uint64_t served, uint64_t late) {
  LoadTestRecord record;
  record.scheduled = record.served = served;
  record.served_late = late;
  record.seconds = 10;
  for (uint64_t i = 0; i < served; ++i) {
    record.latency.record(i < late ? 80'000'000 : 20'000'000);
    record.send_lag.record(10'000);
  }
  return record;
}

TEST_CASE("the report: refusals and failures count against the claim") {
  LoadSettings settings;
  settings.connections = 16;
  LoadTestRecord record = record_of(1000, 2);  // P(Binomial(1000, 0.01) <= 3) is 0.0101
  auto report = nlohmann::json::parse(load_report_json(record, settings));
  CHECK(report["schema"] == "beralih.loadtest/1");
  CHECK(report["verdict"]["passed"] == true);
  CHECK(report["verdict"]["over_limit"] == 2);
  CHECK(report["verdict"]["percentile_bound_ms"].get<double>() == Approx(20).epsilon(0.001));
  CHECK(report["client"]["warning"].is_null());
  record.scheduled += 20;
  record.refused = 15;
  record.statuses[503] = 3;
  record.transport_errors["Connection"] = 2;
  report = nlohmann::json::parse(load_report_json(record, settings));
  CHECK(report["verdict"]["passed"] == false);
  CHECK(report["requests"]["failed"] == 5);
  CHECK(report["errors"]["refused_429"] == 15);
  CHECK(report["errors"]["status"]["503"] == 3);
  CHECK(report["verdict"]["percentile_bound_ms"].is_null());
  CHECK(load_report_text(record, settings).find("NOT passed (22 of 1020 over") !=
        std::string::npos);
}

TEST_CASE("it says when the client was the bottleneck") {
  LoadSettings settings;
  LoadTestRecord record = record_of(1000, 0);
  CHECK(client_warning(record, settings).empty());
  for (int i = 0; i < 20; ++i) record.send_lag.record(5'000'000);
  CHECK(client_warning(record, settings).find("client itself") != std::string::npos);
  record = record_of(1000, 0);
  record.waited_for_connection = 100;
  CHECK(client_warning(record, settings).find("--connections") != std::string::npos);
}

TEST_CASE("addresses") {
  const auto target = parse_load_target("http://localhost:8080/v2/models/m/infer");
  REQUIRE(target);
  CHECK(target->server.host == "localhost");
  CHECK(target->server.port == 8080);
  CHECK(target->path == "/v2/models/m/infer");
  CHECK(parse_load_target("http://[::1]:90")->server.host == "::1");
  CHECK(parse_load_target("http://[::1]:90")->path == "/api/classify");
  CHECK(parse_load_target("http://example.test/x")->server.port == 80);
  CHECK_FALSE(parse_load_target("http://example.test/x")->server.tls);
  CHECK(parse_load_target("https://example.test/x")->server.port == 443);
  CHECK(parse_load_target("https://example.test/x")->server.tls);
  for (const char* wrong : {"", "localhost:80", "ftp://a/", "https://", "http://", "http://a:0/",
                            "http://a:99999/", "http://a:8x/", "http://a /b"})
    CHECK_FALSE(parse_load_target(wrong));
}

}  // namespace
}  // namespace beralih
