# libwebp and its container reader, as WebP::demux; libwebp installs no CMake package on Debian.
find_path(WEBP_INCLUDE_DIR webp/demux.h)
find_library(WEBP_LIBRARY webp)
find_library(WEBP_DEMUX_LIBRARY webpdemux)
mark_as_advanced(WEBP_INCLUDE_DIR WEBP_LIBRARY WEBP_DEMUX_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WebPDemux
  REQUIRED_VARS WEBP_DEMUX_LIBRARY WEBP_LIBRARY WEBP_INCLUDE_DIR)

if(WebPDemux_FOUND AND NOT TARGET WebP::demux)
  add_library(WebP::demux UNKNOWN IMPORTED)
  set_target_properties(WebP::demux PROPERTIES
    IMPORTED_LOCATION "${WEBP_DEMUX_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${WEBP_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${WEBP_LIBRARY}")
endif()
