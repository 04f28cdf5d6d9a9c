# Emscripten as Debian packages it, with the codecs that toolchains/wasm_codecs.sh builds. The `wasm` preset uses it.
set(EMSCRIPTEN_ROOT_PATH /usr/share/emscripten)
set(emscripten_platform ${EMSCRIPTEN_ROOT_PATH}/cmake/Modules/Platform/Emscripten.cmake)
if(NOT EXISTS ${emscripten_platform})
  message(FATAL_ERROR "Emscripten is missing; install the packages of toolchains/packages/web.txt")
endif()

execute_process(
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/wasm_codecs.sh
  OUTPUT_VARIABLE wasm_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
# Only this prefix and Emscripten's own sysroot are searched: never /usr.
list(APPEND CMAKE_FIND_ROOT_PATH ${wasm_prefix})

# SIMD is in every browser since March 2023, exceptions since December 2021.
set(CMAKE_C_FLAGS_INIT "-msimd128 -sSUPPORT_LONGJMP=wasm")
set(CMAKE_CXX_FLAGS_INIT "-msimd128 -sSUPPORT_LONGJMP=wasm -fwasm-exceptions")
# An executable is a test that Node runs, with the machine's files; the page's module says otherwise for itself.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-sENVIRONMENT=node -sNODERAWFS=1 -sEXIT_RUNTIME=1 -sALLOW_MEMORY_GROWTH=1")
# Node 18 and later have fetch, which this Emscripten takes for a browser's.
find_program(NODE node REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR "${NODE};--no-experimental-fetch")

include(${emscripten_platform})
