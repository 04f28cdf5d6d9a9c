// Whose turn it is among a few staging buffers: taken in order, given back in the same order. No
// device, no memory, no threads.
#pragma once

#include <cassert>
#include <cstddef>

namespace beralih {

class StagingRing {
 public:
  explicit StagingRing(size_t slots) : slots_(slots) {}

  size_t slots() const { return slots_; }
  size_t taken() const { return taken_; }
  bool full() const { return taken_ == slots_; }
  bool empty() const { return taken_ == 0; }

  /// The next free slot. Needs one.
  size_t take() {
    assert(!full());
    return (oldest_ + taken_++) % slots_;
  }

  /// The slot taken first among those not given back. Needs one.
  size_t oldest() const {
    assert(!empty());
    return oldest_;
  }

  /// Gives oldest() back.
  void give_back() {
    assert(!empty());
    oldest_ = (oldest_ + 1) % slots_;
    --taken_;
  }

  /// Gives back the slot that was taken last: its batch could not be begun.
  void undo_take() {
    assert(!empty());
    --taken_;
  }

 private:
  size_t slots_;
  size_t oldest_ = 0;
  size_t taken_ = 0;
};

}  // namespace beralih
