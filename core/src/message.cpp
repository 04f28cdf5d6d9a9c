#include "message.h"

namespace beralih {

void Part::append_to(std::string& message) const {
  if (is_number_) {
    message += std::to_string(number_);
  } else {
    message += text_;
  }
}

std::string joined(std::initializer_list<Part> parts) {
  std::string message;
  for (const Part& part : parts) part.append_to(message);
  return message;
}

Error error_of(ErrorCode code, std::string_view head, std::initializer_list<Part> parts) {
  std::string message(head);
  for (const Part& part : parts) part.append_to(message);
  return {code, std::move(message)};
}

}  // namespace beralih
