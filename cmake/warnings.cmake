# Warnings of our own code; an interface target, so that no dependency is compiled with them.
add_library(recant_warnings INTERFACE)
target_compile_options(recant_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wcast-qual -Wnull-dereference $<$<BOOL:${RECANT_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # The first two fire inside Eigen and the standard library at -O2 and above, on code that is
  # right; the third on every designated initialiser that leaves a member at its default.
  target_compile_options(recant_warnings INTERFACE -Wno-maybe-uninitialized -Wno-null-dereference
    -Wno-missing-field-initializers)
endif()
