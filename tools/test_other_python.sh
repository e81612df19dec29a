#!/usr/bin/env bash
# The Python package once more, under another version of Python than that of build/python/env, where one is at hand,
# against the libraries that build/release holds already.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$(tools/other_python.sh build/python/env/bin/python)
if [[ -z "$python" ]]; then
  echo "no second version of Python here: its tests are left out"
  exit 0
fi
folder=$PWD/build/python/other
echo "the Python package under $("$python" --version)"
tools/python_env.sh "$folder/env" "$python"
cmake --install build/release --prefix "$folder/recant" > "$folder/install.log"
cmake -S python -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$folder/recant" \
  -DPython_EXECUTABLE="$folder/env/bin/python" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" > "$folder/configure.log" ||
  { cat "$folder/configure.log"; exit 1; }
cmake --build "$folder/build" --target recant_module > "$folder/build.log" || { cat "$folder/build.log"; exit 1; }
PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 PYTHONPATH="$folder/build" RECANT_COMMAND="$folder/recant/bin/recant" \
  timeout 1200 "$folder/env/bin/python" -m pytest -q python/tests -k "not (adult_l1 or adult_l001n)"  # minutes of the core alone
