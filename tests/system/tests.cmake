# Tests of the whole: the tree, the installed package, the examples and the documents.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# recant_system_test(NAME LABEL command...): runs with no .pyc left in the source tree, and on one thread unless
# it asks for more, as tests run side by side.
function(recant_system_test name label)
  add_test(NAME system/${name} COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 ${ARGN})
  set_tests_properties(system/${name} PROPERTIES LABELS "${label}" TIMEOUT 600)
endfunction()

set(layers ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_layers.py)
set(stages_file ${PROJECT_BINARY_DIR}/stages.txt)
recant_system_test(layers layering ${layers} ${stages_file})
recant_system_test(layers_self layering ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check_layers_test.py)
if(EXISTS ${PROJECT_SOURCE_DIR}/ARCHITECTURE.md)
  recant_system_test(stage_graph layering ${layers} ${stages_file} --page ${PROJECT_SOURCE_DIR}/ARCHITECTURE.md)
endif()

recant_system_test(demo_data system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/demo_data_test.py)
recant_system_test(instructions_self system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check_instructions_test.py)
recant_system_test(docs_self docs ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check_docs_test.py)
recant_system_test(references docs ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_references.py)
recant_system_test(references_self docs ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check_references_test.py)

recant_system_test(python_env system ${CMAKE_CURRENT_LIST_DIR}/python_env_test.sh
  ${PROJECT_SOURCE_DIR} ${Python3_EXECUTABLE})
set_tests_properties(system/python_env PROPERTIES SKIP_RETURN_CODE 77)
recant_system_test(verifier_size system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/verifier_size_test.py)

if(TARGET recant_all)
  recant_system_test(install system ${CMAKE_CURRENT_LIST_DIR}/install_test.sh
    ${CMAKE_COMMAND} ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR} ${CMAKE_CXX_COMPILER} "${RECANT_SANITIZE}")
endif()

if(TARGET recant_command)
  recant_system_test(docs docs ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/check_docs.py
    --bin $<TARGET_FILE_DIR:recant_command> --build ${PROJECT_BINARY_DIR})
  recant_system_test(command_reference docs ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/gen_command_reference.py
    $<TARGET_FILE:recant_command> --check)
  foreach(class Tables Odd Damage FullDisk LittleMemory Interrupted)
    recant_system_test(bad_input_${class} system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/bad_input_test.py
      $<TARGET_FILE:recant_command> ${class})
  endforeach()
  recant_system_test(command system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/command_test.py
    $<TARGET_FILE:recant_command>)

  recant_system_test(entropy system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/entropy_test.py
    $<TARGET_FILE:recant_command>)
  recant_system_test(second_verifier system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/second_verifier_test.py
    $<TARGET_FILE:recant_command>)

  foreach(class Fit Forget Keep)
    recant_system_test(forget_${class} system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/forget_test.py
      $<TARGET_FILE:recant_command> ${class})
  endforeach()

  recant_system_test(several_writers system ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/several_writers_test.py
    $<TARGET_FILE:recant_command>)

  set(canary ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/canary_test.py $<TARGET_FILE:recant_command>)
  if(NOT RECANT_SANITIZE)
    list(APPEND canary --interposer $<TARGET_FILE:recant_fault_interposer>)
  endif()
  recant_system_test(canary system ${canary})

  # Against values of an independent program, which are not in the tree: skipped where they are not.
  function(recant_golden_test name labels)
    recant_system_test(${name} "${labels}" ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/system/golden_test.py
      $<TARGET_FILE:recant_command> ${RECANT_SHARED_DIR} ${ARGN})
    set_tests_properties(system/${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 1800)
  endfunction()
  recant_golden_test(golden_small system
    synth_d20_l1_b0 synth_d20_l1_b1 synth_d5_l05_b0 synth_d5_l05_b1 ridge_d5 softmax_k3_d4 softmax_k4_d6 separable_n40_d60
    german_l1_b0 german_l1_b1 german_l001n_b0 german_l001n_b1 compas_l1_b0 compas_l1_b1 compas_l001n_b0 compas_l001n_b1)
  foreach(case adult_l1_b0 adult_l1_b1 adult_l001n_b0 adult_l001n_b1)
    recant_golden_test(golden_${case} "system;slow" ${case})
  endforeach()

  set(soft_weighting ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/soft_weighting_test.py $<TARGET_FILE:recant_command>)
  recant_system_test(soft_weighting system ${soft_weighting} berkeley)
  recant_system_test(soft_weighting_adult "system;slow" ${soft_weighting} adult ${RECANT_SHARED_DIR})
  set_tests_properties(system/soft_weighting_adult PROPERTIES SKIP_RETURN_CODE 77)

  recant_system_test(demo system ${CMAKE_COMMAND} -E env --modify PATH=path_list_prepend:$<TARGET_FILE_DIR:recant_command>
    ${PROJECT_SOURCE_DIR}/examples/demo.sh)
endif()
