# build_info.gen.hpp: version, compiler and git revision for harness/build_info.cpp. Included while
# configuring, and run as a script in every build: the revision changes without a configuration.
if(CMAKE_SCRIPT_MODE_FILE)  # cmake -D source=... -D in=... -D out=... -P version.cmake
  set(git_revision unknown)
  set(git_state unknown)
  if(DEFINED ENV{RNNBENCH_GIT_REVISION})  # a copy built elsewhere can say where it came from
    set(git_revision $ENV{RNNBENCH_GIT_REVISION})
    set(git_state "as stated when it was built")
  endif()
  find_program(git git)
  # Only this checkout counts: an unpacked archive may lie inside somebody else's.
  if(git AND EXISTS ${source}/.git AND NOT DEFINED ENV{RNNBENCH_GIT_REVISION})
    execute_process(COMMAND ${git} rev-parse --verify HEAD WORKING_DIRECTORY ${source}
      OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed)
      set(git_revision ${revision})
      execute_process(COMMAND ${git} status --porcelain --untracked-files=no
        WORKING_DIRECTORY ${source} OUTPUT_VARIABLE changes ERROR_QUIET RESULT_VARIABLE failed)
      if(NOT failed)
        # A new file among the sources is compiled like any other (impls/ and reports/ are globbed).
        execute_process(COMMAND ${git} ls-files --others --exclude-standard -- cmake harness impls
          "reports/*.cpp" "reports/*.hpp"
          WORKING_DIRECTORY ${source} OUTPUT_VARIABLE new ERROR_QUIET)
        set(git_state clean)
        if(changes OR new)
          set(git_state dirty)
        endif()
      endif()
    endif()
  endif()
  configure_file(${in} ${out})  # leaves the file alone when nothing changed
  return()
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}" rnnbench_flags_text)
string(REGEX REPLACE "([\\\\\"])" "\\\\\\1" rnnbench_flags_text "${rnnbench_flags_text}")
set(rnnbench_cuda_text "")
if(RNNBENCH_WITH_CUDA)
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " rnnbench_cuda_text)
  set(rnnbench_cuda_text
    "${CMAKE_CUDA_COMPILER_ID} ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${rnnbench_cuda_text}")
  if(RNNBENCH_JITTER)  # so that no result of such a build is taken for one of another
    string(APPEND rnnbench_cuda_text ", with RNNBENCH_JITTER")
  endif()
endif()
set(rnnbench_generated ${PROJECT_BINARY_DIR}/generated)
configure_file(cmake/build_info.gen.hpp.in ${rnnbench_generated}/build_info.gen.hpp.in @ONLY)
add_custom_target(rnnbench_revision
  COMMAND ${CMAKE_COMMAND} -D source=${PROJECT_SOURCE_DIR}
          -D in=${rnnbench_generated}/build_info.gen.hpp.in
          -D out=${rnnbench_generated}/build_info.gen.hpp -P ${CMAKE_CURRENT_LIST_FILE}
  BYPRODUCTS ${rnnbench_generated}/build_info.gen.hpp
  COMMENT "Reading the git revision" VERBATIM)

# A library of its own, so that no other file of the engine waits for the header.
add_library(rnnbench_build_info STATIC harness/build_info.cpp)
add_dependencies(rnnbench_build_info rnnbench_revision)
target_include_directories(rnnbench_build_info PRIVATE ${PROJECT_SOURCE_DIR} ${rnnbench_generated})
target_link_libraries(rnnbench_build_info PRIVATE rnnbench_flags)
