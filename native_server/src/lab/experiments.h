// The experiments themselves. The events that each tells are listed in
// native_server/src/lab/README.md.
#pragma once

#include "lab/lab.h"

namespace beralih {

/// Blocks until the experiment has ended; kills its children before it returns. Errors: kIo where a
/// child does not start, kCancelled after a stop.
Status run_experiment(const LabContext& context);

}  // namespace beralih
