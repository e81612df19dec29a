# RECANT_SANITIZE=address,undefined | thread: applied to everything that is built.
if(RECANT_SANITIZE)
  add_compile_options(-fsanitize=${RECANT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RECANT_SANITIZE})
endif()
