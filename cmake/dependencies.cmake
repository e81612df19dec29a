# Every third-party library, found once. Debian packages: tools/packages.txt.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(FastFloat 3.9 REQUIRED)

# recant_system_library(NAME HEADER LIBRARY [FOLDER]) makes recant_NAME of a library that has no
# CMake package; FOLDER is a place below the usual ones to look in first.
function(recant_system_library name header library)
  string(TOUPPER ${name} NAME)
  find_library(${NAME}_LIBRARY ${library} REQUIRED
    HINTS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/${ARGV3})
  find_path(${NAME}_INCLUDE_DIR ${header} REQUIRED
    HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/${ARGV3}
    PATH_SUFFIXES ${library} ${ARGV3})
  add_library(recant_${name} INTERFACE)
  target_include_directories(recant_${name} SYSTEM INTERFACE $<BUILD_INTERFACE:${${NAME}_INCLUDE_DIR}>)
  target_link_libraries(recant_${name} INTERFACE ${${NAME}_LIBRARY})
  set_property(GLOBAL APPEND PROPERTY RECANT_SYSTEM_LIBRARIES recant_${name})
endfunction()

# OpenBLAS carries LAPACK. The pthread build: the serial one is not safe to call from several threads.
recant_system_library(openblas cblas.h openblas openblas-pthread)
recant_system_library(sodium sodium.h sodium)
# Both databases that can hold a ledger, by their own interface in C.
recant_system_library(sqlite3 sqlite3.h sqlite3)
recant_system_library(pq libpq-fe.h pq postgresql)
# The library itself loads libpq when it needs it (src/ledger/libpq.hpp).
add_library(recant_pq_headers INTERFACE)
target_include_directories(recant_pq_headers SYSTEM INTERFACE $<BUILD_INTERFACE:${PQ_INCLUDE_DIR}>)
set_property(GLOBAL APPEND PROPERTY RECANT_SYSTEM_LIBRARIES recant_pq_headers)
# Correctly rounded functions at any precision: where a bound must err to the safe side.
recant_system_library(mpfr mpfr.h mpfr)
# Vector code for several instruction sets in one binary. Not compiled for: what differs from its
# neighbour in nothing that sums of products use, and vectors of unknown length, which no array holds.
recant_system_library(highway hwy/highway.h hwy)
target_compile_definitions(recant_highway INTERFACE
  "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_AVX3_DL|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128|HWY_RVV)")
# Its sort, which chooses an instruction set by itself.
recant_system_library(highway_contrib hwy/contrib/sort/vqsort.h hwy_contrib)
