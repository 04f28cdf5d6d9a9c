#include "cli/lab_flags.h"

#include <map>

namespace beralih {

void add_lab_flags(CLI::App& command, LabFlags& flags) {
  command
      .add_flag("--lab", flags.on,
                "run the lesson's experiments on demand, in child processes; only on a loopback "
                "address, for this machine alone")
      ->envname("BERALIH_LAB");
  command
      .add_option("--lab-peer", flags.peer,
                  "a Python service beside this one, which --lab may compare with, e.g. "
                  "http://127.0.0.1:8000/api/classify")
      ->envname("BERALIH_LAB_PEER")
      ->option_text("URL");
  const std::map<std::string, LoadPolicy> policies{
      {"at-start",      LoadPolicy::kAtStart     },
      {"first-request", LoadPolicy::kFirstRequest},
      {"per-request",   LoadPolicy::kEveryRequest}
  };
  command
      .add_option("--load", flags.policy,
                  "when the model is loaded: at-start (default); first-request and per-request "
                  "show what is wrong with them, /api/classify alone works then")
      ->envname("BERALIH_LOAD")
      ->transform(CLI::CheckedTransformer(policies, CLI::ignore_case)
                      .description("at-start|first-request|per-request"))
      ->type_name("POLICY");
}

}  // namespace beralih
