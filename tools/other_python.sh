#!/usr/bin/env bash
# Prints the interpreter of the newest Python that the package can be built and tested for and that is of another version
# than PYTHON; nothing where there is none. Looks on the PATH and among the versions of pyenv.
#   other_python.sh [--all] [PYTHON]     PYTHON: python3 without it
#   --all: one of each version that the package can be built for, oldest first; older ones than the tools of its tests take too
set -euo pipefail

least='(3, 11)'  # python/requirements-test.txt
choose='$p'
if [[ "${1:-}" == --all ]]; then
  least='(3, 10)'  # pyproject.toml
  choose=p
  shift
fi
works="import sys, sysconfig, venv, ensurepip, pathlib
assert sys.version_info >= $least and (pathlib.Path(sysconfig.get_path('include')) / 'Python.h').exists()
print('.'.join(map(str, sys.version_info[:2])))"
own=$("${1:-python3}" -c 'import sys; print(".".join(map(str, sys.version_info[:2])))')

candidates=()
IFS=: read -ra places <<< "$PATH"
for place in "${places[@]}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do
  for program in "$place"/python3.[0-9] "$place"/python3.[0-9][0-9]; do
    [[ -x "$program" ]] && candidates+=("$program")
  done
done
for program in "${candidates[@]}"; do
  version=$("$program" -c "$works" 2> /dev/null) || continue
  [[ "$version" == "$own" ]] || echo "$version $program"
done | sort --version-sort --key=1,1 --unique | sed 's/^[^ ]* //' | sed -n "$choose"
