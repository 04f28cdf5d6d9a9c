// Errors as values: every fallible function of Beralih returns a Result.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace beralih {

enum class ErrorCode {
  kInvalidArgument,    ///< the caller asked for something that makes no sense (a knob, a size)
  kUnsupportedFormat,  ///< not an image, or a format that this build does not decode
  kCorruptImage,       ///< an image whose data ends early or breaks its format's rules
  kImageTooLarge,      ///< the header announces more pixels than the limit allows
  kInvalidContract,    ///< contract.json breaks its schema; the message names the JSON path
  kInvalidBundle,      ///< a bundle's file is missing, altered, or does not fit the contract
  kContractMismatch,   ///< the client preprocessed under another contract
  kIo,                 ///< reading or writing a file failed
  kOverloaded,         ///< refused now, may succeed later
  kDeadlineExceeded,   ///< accepted, but not begun before its deadline
  kCancelled,          ///< whoever asked has gone
  kUnavailable,        ///< not ready yet, or shutting down
  kOutOfMemory,        ///< the accelerator's memory does not suffice
  kDeviceLost,         ///< the accelerator answers nothing any more; only a new process helps
  kInternal,           ///< a defect of ours or of a library
};

/// The code's name as it appears in JSON and logs, e.g. "corrupt_image". Static storage.
std::string_view error_code_name(ErrorCode code);

/// Why a request was refused, for kOverloaded.
struct Overload {
  std::string limit;             ///< "queue" (no place left) or "deadline" (it would be too late)
  double predicted_wait_ms = 0;  ///< until its answer, had it been accepted
  double retry_after_s = 0;      ///< when trying again makes sense
};

struct Error {
  ErrorCode code;
  std::string
      message;  ///< for people: what was wrong, where, what to do; UTF-8, no final period needed
  std::optional<Overload> overload = std::nullopt;
};

/// Holds a T or an Error. `if (!result) return result.error();`
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const { return state_.index() == 0; }

  T& value() & {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(*this);
    return std::move(*std::get_if<0>(&state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  const Error& error() const {
    assert(!*this);
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

struct Ok {};
using Status = Result<Ok>;

}  // namespace beralih
