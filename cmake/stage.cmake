# recant_add_stage(NAME [DEPENDS stage...] [EXTERNAL target...] SOURCES file...)
#
# Declares a stage once: its public headers are include/recant/NAME/*.hpp, its sources (and
# headers nobody else can reach) src/NAME, its edges DEPENDS. EXTERNAL targets are used by the
# sources only. The edges are written to stages.txt in the build tree, where
# tools/check_layers.py reads them to check every #include; nothing repeats them.
# A stage that does not exist yet cannot be depended on, so a cycle cannot be configured.
file(WRITE ${PROJECT_BINARY_DIR}/stages.txt "")
set_property(GLOBAL PROPERTY RECANT_STAGES "")

function(recant_add_stage name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;EXTERNAL;SOURCES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "recant_add_stage(${name}): give SOURCES; not understood: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(edges "")
  foreach(stage IN LISTS arg_DEPENDS)
    if(NOT TARGET recant_${stage})
      message(FATAL_ERROR "recant_add_stage(${name}): stage '${stage}' is not above it in the pipeline")
    endif()
    list(APPEND edges recant_${stage})
  endforeach()

  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/recant/${name}/*.hpp)
  add_library(recant_${name} STATIC ${arg_SOURCES})
  add_library(recant::${name} ALIAS recant_${name})
  set_target_properties(recant_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
  target_sources(recant_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
                 FILES ${headers})
  target_include_directories(recant_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src/${name})
  target_compile_features(recant_${name} PUBLIC cxx_std_20)  # of the headers: users need it too
  target_link_libraries(recant_${name}
    PUBLIC ${edges} Eigen3::Eigen
    PRIVATE ${arg_EXTERNAL} Threads::Threads $<BUILD_INTERFACE:recant_warnings>)

  string(JOIN " " line "${name}:" ${arg_DEPENDS})
  file(APPEND ${PROJECT_BINARY_DIR}/stages.txt "${line}\n")
  set_property(GLOBAL APPEND PROPERTY RECANT_STAGES ${name})
endfunction()
