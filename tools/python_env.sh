#!/usr/bin/env bash
# A virtual environment with what the Python package is built and tested with; where it is there already, only says so.
#   python_env.sh FOLDER [PYTHON]     FOLDER/bin/python afterwards; PYTHON: python3 without it
# Packages come from where pip is told to look: docs/decisions/0009-python-tools-from-pypi.md says why not from apt, and
# what to do without a network.
set -euo pipefail

folder=$1
python=${2:-python3}
wanted="$(dirname "$0")/../python/requirements-test.txt"
stamp="$folder/requirements-test.txt"

if [[ -x "$folder/bin/python" ]] && cmp --silent "$wanted" "$stamp"; then
  exit 0
fi
echo "installing what the Python tests need into $folder"
"$python" -m venv --clear "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check)
said="$folder/pip.log"
if ! "${pip[@]}" install --quiet --requirement "$wanted" 2> "$said"; then
  cat "$said" >&2
  if grep -qE 'connection broken by|Could not fetch URL' "$said"; then
    index=${PIP_INDEX_URL:-$("${pip[@]}" config get global.index-url 2> /dev/null || echo https://pypi.org/simple)}
    index=$(sed 's|//[^/]*@|//|' <<< "$index")  # without a password
    echo "$0: pip could not reach $index for the tools of the Python package's tests: set PIP_INDEX_URL to an index" \
      "that it can reach, or PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER_OF_WHEELS;" \
      "docs/decisions/0009-python-tools-from-pypi.md says what works without" >&2
  fi
  exit 1
fi
cp "$wanted" "$stamp"
