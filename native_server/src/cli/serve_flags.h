// The options of `beralih serve`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/lab_flags.h"
#include "engine/classifier.h"
#include "engine/engine_module.h"
#include "http/server.h"

namespace beralih {

struct ServeFlags {
  std::string bundle = kDefaultBundle;
  HttpOptions http;
  std::string expected_contract;  ///< empty: whichever the bundle has
  std::string web_directory;      ///< empty: the page that is compiled in
  std::string tls_certificate;    ///< empty: plain HTTP
  std::string tls_key;
  std::string api_keys;  ///< empty: without
  std::vector<std::string> open_to_all{"health",
                                       "page"};  ///< what needs no key, where there are any
  ClassifierOptions classifier;
  EngineOptions engine;
  std::string engine_name = "torch";
  std::string cpu_engine = "auto";
  int64_t batch_delay_us = 0;
  int64_t deadline_ms = 10'000;
  int64_t drain_delay_ms = 0;
  double canary_s = 10;
  /// 0: 1 on the CPU, where one image at a time gives the same bits every time and costs little
  /// throughput; on a card more.
  size_t max_batch = 0;
  size_t max_queue = 0;           ///< 0: 32 on the CPU, on a card two full batches
  size_t max_buffered_bytes = 0;  ///< 0: 1 GiB, or one body where that may be larger
  size_t connection_threads = 0;  ///< 0: as many as predictions can keep waiting, and some more
  bool quiet = false;
  LabFlags lab;
};

/// Declares them; `flags` must outlive the command line.
void add_serve_flags(CLI::App& command, ServeFlags& flags);

/// Gives what depends on the device its value; returns whether the device is the CPU.
bool settle_device(ServeFlags& flags);

/// Gives the limits that were left to the server their values, once the device is settled. Ends the
/// parsing (CLI::ValidationError) where two of them contradict each other.
void settle_limits(ServeFlags& flags, bool on_cpu);

}  // namespace beralih
