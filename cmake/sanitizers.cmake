# RECANT_SANITIZE=address,undefined | thread: applied to everything that is built.
if(RECANT_SANITIZE)
  # Left out are checks of every access to memory: the address sanitizer finds bad ones by what they touch, and these
  # make compiling templates of matrices four times as slow.
  add_compile_options(-fsanitize=${RECANT_SANITIZE} -fno-sanitize=null,alignment,object-size,vptr
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RECANT_SANITIZE})
endif()
