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
# What was found in another prefix, before the codecs' build changed, is looked for again.
get_cmake_property(cached_names CACHE_VARIABLES)
foreach(name IN LISTS cached_names)
  if("${${name}}" MATCHES "/wasm/[0-9a-f]+/" AND NOT "${${name}}" MATCHES "^${wasm_prefix}/")
    unset(${name} CACHE)
  endif()
endforeach()

# Exceptions are in every browser since December 2021. SIMD, in all since March 2023, is for single files (core/CMakeLists.txt):
# what is linked without them runs in the browsers between.
set(CMAKE_C_FLAGS_INIT "-sSUPPORT_LONGJMP=wasm")
set(CMAKE_CXX_FLAGS_INIT "-sSUPPORT_LONGJMP=wasm -fwasm-exceptions")
# An executable is a test that Node runs, with the machine's files; the page's module says otherwise for itself.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-sENVIRONMENT=node -sNODERAWFS=1 -sEXIT_RUNTIME=1 -sALLOW_MEMORY_GROWTH=1")
# Node 18 and later have fetch, which this Emscripten takes for a browser's.
find_program(NODE node REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR "${NODE};--no-experimental-fetch")

include(${emscripten_platform})
