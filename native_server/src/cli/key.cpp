// beralih key: makes the keys that `beralih serve --api-keys` knows.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/report.h"
#include "http/api_keys.h"

namespace beralih {
namespace {

struct KeyFlags {
  std::string name;
  bool admin = false;
};

void new_key(const KeyFlags& flags) {
  const auto made = make_api_key(flags.name, flags.admin ? Role::kAdmin : Role::kUser);
  if (!made) fail_command(made.error());
  // The key to the person, the line to the file: `beralih key new NAME >> FILE` is all that it
  // takes.
  std::cerr << "The key of " << flags.name << ", shown this once: " << made->key << '\n';
  std::puts(made->line.c_str());
  flush_stdout();
}

}  // namespace

void add_key_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("key", "make API keys");
  command->require_subcommand(1);
  auto flags = std::make_shared<KeyFlags>();
  CLI::App* make = command->add_subcommand(
      "new",
      "print a new key once on standard error, and on standard output the line with its hash for "
      "the file of serve --api-keys");
  make->add_option("NAME", flags->name, "whose key it is, for the file and the log")->required();
  make->add_flag("--admin", flags->admin, "it may also reload the bundle");
  make->callback([flags] { new_key(*flags); });
}

}  // namespace beralih
