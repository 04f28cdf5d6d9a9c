# Defines beralih::onednn where there is a oneDNN of version 2 to compile against: libtorch's own, whose Winograd
# convolutions libtorch does not ask for. Version 3 has another interface. Found by its header and its library, since
# Debian's own CMake files ask for OpenCL, which nothing here uses.
find_path(BERALIH_onednn_include oneapi/dnnl/dnnl_version.h)
find_library(BERALIH_onednn dnnl)
mark_as_advanced(BERALIH_onednn_include BERALIH_onednn)
if(BERALIH_onednn AND BERALIH_onednn_include)
  file(STRINGS ${BERALIH_onednn_include}/oneapi/dnnl/dnnl_version.h version REGEX "define DNNL_VERSION_MAJOR +2$")
  if(version)
    add_library(beralih_onednn INTERFACE)
    add_library(beralih::onednn ALIAS beralih_onednn)
    target_link_libraries(beralih_onednn INTERFACE ${BERALIH_onednn})
  endif()
endif()
