# Warnings of our own code, as errors. Link privately to beralih::warnings.
add_library(beralih_warnings INTERFACE)
add_library(beralih::warnings ALIAS beralih_warnings)
target_compile_options(beralih_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlapping copies in std::string concatenation where there are none (GCC bug 105651).
  target_compile_options(beralih_warnings INTERFACE -Wno-restrict)
endif()
