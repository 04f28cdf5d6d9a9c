// Hears what becomes of a request while it happens.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "beralih/preprocess.h"

namespace beralih {

/// Each function is called by the thread that does the work, at the moment when it is done or,
/// where it says "begins", before. `item` counts the images of a request that has several. It must
/// be quick, throw nothing, and call nothing of the scheduler.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;

  /// Places for `items` images are taken; `before` requests were admitted earlier and are not
  /// answered yet.
  virtual void accepted(size_t items, size_t before) = 0;
  virtual void preprocessed(size_t item, const PreprocessResult& result,
                            const std::string& tensor_sha256) = 0;
  /// It waits for the network; `waiting` counts it and those that wait with it.
  virtual void queued(size_t item, size_t waiting) = 0;
  /// The network begins with its batch.
  virtual void batched(size_t item, size_t batch_size, size_t batch_rows, double waited_ms) = 0;
  virtual void inferred(size_t item, size_t batch_size, double inference_ms) = 0;
};

/// One image of an observed request.
struct ObservedItem {
  std::shared_ptr<RequestObserver> observer;  ///< nullptr: nobody listens
  size_t index = 0;
};

}  // namespace beralih
