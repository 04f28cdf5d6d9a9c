// One contract a line on standard input; a line for each: "ok", or the parser's error.
#include <iostream>
#include <string>

#include "beralih/contract.h"

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto contract = beralih::parse_contract(line);
    std::cout << (contract ? "ok" : contract.error().message) << '\n';
  }
}
