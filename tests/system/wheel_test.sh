#!/usr/bin/env bash
# The Python package as a stranger gets it: a clean checkout, `pip wheel .`, the wheel in a fresh virtual environment
# with nothing but NumPy, the command it brings, and the package at work.
#   wheel_test.sh SOURCE PYTHON COMPILER WERROR [COMPILER_LAUNCHER]
# Packages come from where pip is told to look. Exit status 77: this Python makes no virtual environments, or pip finds
# no packages.
set -euo pipefail

source=$1
python=$2
compiler=$3
werror=$4
launcher=${5:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -c 'import venv, ensurepip' 2> /dev/null || { echo "no venv here"; exit 77; }

# Files as they are now, committed or not, and nothing that lies ignored beside them.
mkdir "$folder/checkout"
git -c safe.directory='*' -C "$source" ls-files -z --cached --others --exclude-standard |
  (cd "$source" && xargs -0 ls -d -- 2> /dev/null | tar --create --files-from=- --file=-) |
  tar --extract --directory="$folder/checkout"

cd "$folder/checkout"
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$python" -m venv "$folder/build"
"$folder/build/bin/pip" download --quiet --no-deps --dest "$folder/download" scikit-build-core nanobind numpy ||
  { echo "pip finds none of what a build needs: skipped"; exit 77; }
# The compiler of this build and, where it has a cache, the names that it knows from build/release.
export CXX=$compiler
[[ -z "$launcher" ]] || export CMAKE_CXX_COMPILER_LAUNCHER=$launcher CCACHE_BASEDIR=$folder CCACHE_NOHASHDIR=1
"$folder/build/bin/pip" wheel --quiet --no-deps --wheel-dir "$folder/wheels" \
  --config-settings=build-dir="$folder/checkout/build/wheel" --config-settings=cmake.define.RECANT_WERROR="$werror" .
wheel=$(ls "$folder"/wheels/recant-*.whl)
echo "$(basename "$wheel"), $(stat --format=%s "$wheel") bytes"
case $("$python" -c 'import sys; print(sys.version_info >= (3, 12))') in
  True) [[ "$wheel" == *-cp312-abi3-* ]] || { echo "is not for the stable ABI"; exit 1; } ;;
esac

"$python" -m venv "$folder/fresh"
"$folder/fresh/bin/pip" install --quiet "$wheel"
cd "$folder"
version=$(sed -n 's/^project(recant VERSION \([0-9.]*\).*/\1/p' checkout/CMakeLists.txt)
[[ "$(fresh/bin/recant --version)" == *"$version"* ]]
fresh/bin/python - "$version" << 'CODE'
import importlib.metadata
import pathlib
import sys

import numpy as np

import recant

assert recant.__version__ == importlib.metadata.version("recant") == sys.argv[1]
assert (pathlib.Path(recant.__file__).parent / "py.typed").exists()
assert (pathlib.Path(recant.__file__).parent / "_core.pyi").exists()
required = [r for r in importlib.metadata.requires("recant") if "extra ==" not in r]
assert [r.split(">")[0] for r in required] == ["numpy"], required
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
model = recant.LogisticRegression().fit(X, y)
gone = model.forget([1, 2], audit=True)
assert gone.distance <= gone.bound, gone
model.save("model.rct")
print(recant.__version__, "works")
CODE
fresh/bin/recant status model.rct --json > status.json
grep -q '"schema":"recant.status/1"' <(tr -d ' \n' < status.json)
