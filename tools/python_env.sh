#!/usr/bin/env bash
# A virtual environment with what the Python package is built and tested with; where it is there already, only says so.
#   python_env.sh FOLDER [PYTHON]     FOLDER/bin/python afterwards; PYTHON: python3 without it
# Packages come from where pip is told to look; without a network a folder of wheels will do (PIP_FIND_LINKS).
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
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
cp "$wanted" "$stamp"
