# The commands of every day; `make` alone lists them.
SHELL := /bin/bash
PREFIX ?= /usr/local
WERROR ?= OFF
SECONDS_PER_FUZZER ?= 60
STAGES ?= core linalg
PYTHON ?= python3
JOBS := $(shell nproc)
# Names relative to the checkout, so that the compiler cache knows the same file in another checkout: the wheel's test
# builds in one.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
FUZZERS := $(patsubst fuzz/%_fuzz.cpp,%,$(wildcard fuzz/*_fuzz.cpp))

# With the Python package where the second word says so.
configure = cmake --preset $(1) -DRECANT_WERROR=$(WERROR) $(if $(2),-DRECANT_PYTHON=ON \
	-DPython_EXECUTABLE="$(CURDIR)/build/python/env/bin/python") \
	-DCMAKE_CXX_COMPILER_LAUNCHER="$$(command -v ccache)" > build/$(1).log || { cat build/$(1).log; exit 1; }
compile = cmake --build --preset $(1) --parallel $(JOBS)
check = ctest --preset $(1) --parallel $(JOBS)
bench_python = { test -x build/bench/venv/bin/pip || /usr/bin/python3 -m venv build/bench/venv; } && \
	build/bench/venv/bin/pip install --quiet --requirement bench/requirements.txt

.PHONY: help
help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: packages
packages:  # what is missing of tools/packages.txt
	@mkdir -p build
	@tools/install_packages.sh

.PHONY: build
build: packages  ## the command, build/release/bin/recant
	@$(call configure,release)
	@$(call compile,release) --target recant_command

.PHONY: demo
demo: build  ## fit, explain and correct a model; DATA=DIR for UCI Adult (examples/README.md)
	@PATH="$(CURDIR)/build/release/bin:$$PATH" examples/demo.sh $(DATA)

.PHONY: python-env
python-env: packages  # what the Python package is built and tested with; PYTHON makes it, where it is not there yet
	@tools/python_env.sh build/python/env $(PYTHON)

.PHONY: test
test: python-env  ## all tests, of the Python package too, but the nightly ones; WERROR=ON makes warnings errors
	@$(call configure,release,python)
	@$(call compile,release) --target all --target all_verify_interface_header_sets
	@$(call check,release) --label-exclude nightly
	@tools/test_other_python.sh

.PHONY: test-quick
test-quick: python-env  ## the tests without the slow ones
	@$(call configure,release,python)
	@$(call compile,release)
	@$(call check,release) --label-exclude 'slow|nightly'

.PHONY: nightly
nightly: python-env  ## the tests that take minutes each: 10^8 draws, 10,000 instances, every crash
	@$(call configure,release,python)
	@$(call compile,release)
	@$(call check,release) --label-regex nightly

.PHONY: python-stub
python-stub: python-env  ## write python/recant/_core.pyi anew, after a change of the bindings
	@$(call configure,release,python)
	@$(call compile,release) --target recant_module_stub
	@cp build/release/python/_core.pyi python/recant/_core.pyi

.PHONY: sanitize
sanitize: packages  ## the unit tests under the address and undefined-behaviour sanitizers; needs Clang
	@tools/install_packages.sh fuzz
	@$(call configure,asan)
	@$(call compile,asan)
	@$(call check,asan) --label-regex unit

.PHONY: race
race: packages  ## the unit tests of STAGES="core linalg" under the thread sanitizer
	@$(call configure,tsan)
	@$(call compile,tsan) --target $(addsuffix _test,$(STAGES))
	@$(call check,tsan) --tests-regex "^($$(echo $(STAGES) | tr ' ' '|'))/"

.PHONY: bench
bench: packages  ## speed next to other programs and to the machine; BENCH=quick, PARTS="fit knn …", DATA=DIR for UCI Adult
	@tools/install_packages.sh bench
	@$(call configure,bench)
	@$(call compile,bench)
	@$(bench_python)
	@build/bench/venv/bin/python bench/run.py build/bench $(if $(filter quick,$(BENCH)),--quick) \
	  $(if $(PARTS),--parts $(PARTS)) $(if $(DATA),--adult "$(DATA)")

.PHONY: profile
profile: packages  ## where the time of the command's jobs goes, by perf; ONLY="fit forget …", DATA=DIR for UCI Adult
	@tools/install_packages.sh bench
	@$(call configure,bench)
	@$(call compile,bench) --target recant_command --target adopt_model
	@$(if $(DATA),:,$(bench_python))
	@$(if $(DATA),python3,build/bench/venv/bin/python) bench/profile/profile.py build/bench \
	  $(if $(ONLY),--only $(ONLY)) $(if $(DATA),--adult "$(DATA)")

.PHONY: guard
guard: packages  ## instructions of the hottest kernels, next to what was recorded; WERROR=ON: also by which compiler
	@tools/install_packages.sh guard
	@$(call configure,bench)
	@$(call compile,bench) --target guard_kernels
	@python3 bench/guard/check_instructions.py build/bench/bench/guard/guard_kernels \
	  $(if $(filter ON,$(WERROR)),--same-compiler)

.PHONY: fuzz
fuzz: packages  ## run each fuzzer for SECONDS_PER_FUZZER (60), as many at once as there are cores; needs Clang
	@tools/install_packages.sh fuzz
	@$(call configure,asan)
	@$(call compile,asan) --target $(FUZZERS:%=%_fuzz)
	@printf '%s\n' $(FUZZERS) | xargs -P $(JOBS) -I NAME sh -c '\
	  mkdir -p build/fuzz/corpus/NAME; \
	  TMPDIR=$$(mktemp -d -p /dev/shm recant-fuzz-XXXXXX 2> /dev/null || mktemp -d); export TMPDIR; \
	  trap "rm -rf $$TMPDIR" EXIT; trap "exit 255" INT TERM; \
	  build/asan/bin/NAME_fuzz -max_total_time=$(SECONDS_PER_FUZZER) -timeout=60 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/NAME- build/fuzz/corpus/NAME fuzz/corpus/NAME > build/fuzz/NAME.log 2>&1 || \
	    { tail -n 60 build/fuzz/NAME.log; exit 255; }; \
	  echo "NAME: $$(sed -n "s/stat::number_of_executed_units: *//p" build/fuzz/NAME.log) inputs, nothing found"'

.PHONY: install
install: packages  ## the command, the headers and the CMake package, under PREFIX=…
	@$(call configure,release)
	@$(call compile,release)
	@cmake --install build/release --prefix "$(abspath $(PREFIX))"

.PHONY: format
format: packages  ## format every C++ file
	@git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' | xargs -0 clang-format -i

.PHONY: clean
clean:  ## remove build/
	@rm -rf build
