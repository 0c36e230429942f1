# The pages' own files and Chart.js, as text in the library that writes reports.
find_file(CHART_JS NAMES chart.min.js chart.umd.js
  PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist NO_DEFAULT_PATH)
if(NOT CHART_JS)
  message(STATUS "Chart.js not found: report.html will have no charts (libjs-chart.js on Debian and "
                 "Ubuntu, or -D CHART_JS=FILE)")
endif()

set(page_dir ${PROJECT_SOURCE_DIR}/reports/page)
# In this order: what is used when it is read comes first.
set(page_scripts words style filter table charts growth samples roofline parts tables page)
set(history_scripts words style table charts history)
foreach(scripts page_scripts history_scripts)
  list(TRANSFORM ${scripts} PREPEND ${page_dir}/)
  list(TRANSFORM ${scripts} APPEND .js)
endforeach()

set(page_source ${PROJECT_BINARY_DIR}/generated/page_texts.cpp)
add_custom_command(OUTPUT ${page_source}
  COMMAND ${CMAKE_COMMAND} "-DOUT=${page_source}" "-DFRAME=${page_dir}/page.html"
          "-DSTYLE=${page_dir}/page.css" "-DSCRIPTS=${page_scripts}" "-DCHART=${CHART_JS}"
          "-DHISTORY_FRAME=${page_dir}/history.html" "-DHISTORY_SCRIPTS=${history_scripts}"
          -P ${PROJECT_SOURCE_DIR}/cmake/page_texts.cmake
  DEPENDS ${page_dir}/page.html ${page_dir}/history.html ${page_dir}/page.css ${page_scripts}
          ${history_scripts}
          ${PROJECT_SOURCE_DIR}/cmake/page_texts.cmake
  COMMENT "Building in reports/page" VERBATIM)
target_sources(rnnbench_reports PRIVATE ${page_source})
