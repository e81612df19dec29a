#!/usr/bin/env bash
# Prints the interpreter of the newest Python that the package can be built for and that is of another version than
# PYTHON; nothing where there is none. Looks on the PATH and among the versions of pyenv.
#   other_python.sh [PYTHON]     PYTHON: python3 without it
set -euo pipefail

works='import sys, sysconfig, venv, ensurepip, pathlib
assert sys.version_info >= (3, 11) and (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists()
print(".".join(map(str, sys.version_info[:2])))'
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
done | sort --version-sort --reverse | sed -n '1s/^[^ ]* //p'
