# SPDX-License-Identifier: MIT
# cmake -P cmake/docs.cmake: all documents as web pages, in build/html. Nothing is built for that.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(python3-markdown mandoc)
execute_process(COMMAND /usr/bin/python3 ${source}/cmake/docs_html.py ${source} ${source}/build/html
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "The pages are not as they should be")
endif()
