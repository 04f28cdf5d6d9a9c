# BERALIH_SANITIZE=address,undefined (or thread) instruments everything that is compiled here.
set(BERALIH_SANITIZE "" CACHE STRING "sanitizers to compile in, comma-separated")
if(BERALIH_SANITIZE)
  add_compile_options(-fsanitize=${BERALIH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BERALIH_SANITIZE})
endif()
