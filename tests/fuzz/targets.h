// What the fuzzers feed and the replay of their corpora repeats.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace beralih::fuzz {

/// Each returns what is wrong with the code under test, "" where nothing is. Crashes, leaks and
/// undefined behaviour are the sanitizers' to find.
std::string decode(std::span<const uint8_t> input);
std::string contract(std::span<const uint8_t> input);
std::string pipeline(std::span<const uint8_t> input);
std::string safetensors(std::span<const uint8_t> input);

}  // namespace beralih::fuzz
