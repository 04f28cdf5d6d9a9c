# Defines beralih::libtorch and BERALIH_CUDA (whether it can use cards).
#
# BERALIH_LIBTORCH empty: the system's libtorch, by its own CMake files. A folder: the libtorch there, by its headers and
# libraries alone: that of a Python package (.../site-packages/torch), an unpacked archive, or /usr of Debian's
# libtorch-cuda-dev. Its own CMake files would ask for a whole CUDA toolkit with its compiler, which nothing here needs.
set(BERALIH_LIBTORCH "" CACHE PATH "folder of a libtorch with include/ and lib/; empty: the system's")
set(BERALIH_CUDA 0)
add_library(beralih_libtorch INTERFACE)
add_library(beralih::libtorch ALIAS beralih_libtorch)

if(NOT BERALIH_LIBTORCH)
  find_package(Torch REQUIRED)
  target_link_libraries(beralih_libtorch INTERFACE ${TORCH_LIBRARIES})
  if(TARGET torch_cuda)
    set(BERALIH_CUDA 1)
  endif()
  message(STATUS "libtorch ${Torch_VERSION} of the system, CUDA: ${BERALIH_CUDA}")
  return()
endif()

set(torch_folders ${BERALIH_LIBTORCH}/lib ${BERALIH_LIBTORCH}/lib/${CMAKE_LIBRARY_ARCHITECTURE})
foreach(name torch torch_cpu c10)
  find_library(BERALIH_${name} ${name} PATHS ${torch_folders} NO_DEFAULT_PATH REQUIRED)
  list(APPEND torch_libraries ${BERALIH_${name}})
endforeach()
foreach(name torch_cuda c10_cuda)
  find_library(BERALIH_${name} ${name} PATHS ${torch_folders} NO_DEFAULT_PATH)
endforeach()
set(torch_includes ${BERALIH_LIBTORCH}/include ${BERALIH_LIBTORCH}/include/torch/csrc/api/include)
if(NOT EXISTS ${BERALIH_LIBTORCH}/include/torch/script.h)
  message(FATAL_ERROR "BERALIH_LIBTORCH=${BERALIH_LIBTORCH}: there is no include/torch/script.h; it wants the folder in "
                      "which libtorch's include/ and lib/ lie")
endif()

if(BERALIH_torch_cuda AND BERALIH_c10_cuda)
  # Python's packages of CUDA lie beside that of torch; their headers are as good as the toolkit's.
  file(GLOB cuda_packages ${BERALIH_LIBTORCH}/../nvidia/cu[0-9]* ${BERALIH_LIBTORCH}/../nvidia/*)
  set(cuda_roots $ENV{CUDA_HOME} /usr/local/cuda ${cuda_packages} /usr)
  foreach(header cuda_runtime_api.h cublas_v2.h cusparse.h cusolverDn.h nv/target)
    string(MAKE_C_IDENTIFIER ${header} id)
    find_path(BERALIH_${id} ${header} PATHS ${cuda_roots} PATH_SUFFIXES include include/cccl NO_DEFAULT_PATH REQUIRED)
    list(APPEND cuda_includes ${BERALIH_${id}})
  endforeach()
  find_library(BERALIH_cudart NAMES cudart libcudart.so.13 libcudart.so.12 PATHS ${cuda_roots}
    PATH_SUFFIXES lib64 lib lib/${CMAKE_LIBRARY_ARCHITECTURE} targets/x86_64-linux/lib NO_DEFAULT_PATH REQUIRED)
  list(REMOVE_DUPLICATES cuda_includes)
  list(REMOVE_ITEM cuda_includes /usr/include) # the compiler looks there anyway, and at the right time
  list(APPEND torch_includes ${cuda_includes})
  # libtorch_cuda registers itself when it is loaded; the linker would drop it, since few of its symbols are asked for.
  list(APPEND torch_libraries -Wl,--no-as-needed ${BERALIH_torch_cuda} ${BERALIH_c10_cuda} -Wl,--as-needed ${BERALIH_cudart})
  set(BERALIH_CUDA 1)
endif()
list(REMOVE_ITEM torch_includes /usr/include)
target_include_directories(beralih_libtorch SYSTEM INTERFACE ${torch_includes})
target_link_libraries(beralih_libtorch INTERFACE ${torch_libraries})
message(STATUS "libtorch in ${BERALIH_LIBTORCH}, CUDA: ${BERALIH_CUDA}")
