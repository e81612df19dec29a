# Every third-party library, found once. Debian packages: tools/packages.txt.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(FastFloat 3.9 REQUIRED)

find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
add_library(recant_libcsv INTERFACE)
target_include_directories(recant_libcsv SYSTEM INTERFACE $<BUILD_INTERFACE:${CSV_INCLUDE_DIR}>)
target_link_libraries(recant_libcsv INTERFACE ${CSV_LIBRARY})

# OpenBLAS carries LAPACK. The serial build is asked for first: threads are ours, not BLAS's.
find_library(OPENBLAS_LIBRARY openblas REQUIRED
  HINTS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial)
find_path(OPENBLAS_INCLUDE_DIR cblas.h REQUIRED
  HINTS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-serial
  PATH_SUFFIXES openblas openblas-serial)
add_library(recant_openblas INTERFACE)
target_include_directories(recant_openblas SYSTEM INTERFACE $<BUILD_INTERFACE:${OPENBLAS_INCLUDE_DIR}>)
target_link_libraries(recant_openblas INTERFACE ${OPENBLAS_LIBRARY})
