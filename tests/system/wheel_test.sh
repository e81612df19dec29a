#!/usr/bin/env bash
# The Python package as a stranger gets it: a clean checkout, `pip wheel .` and `pip install .`, each in a fresh virtual
# environment with nothing but NumPy, the command that comes with it, and the package at work. With "others", which takes
# minutes, the wheels for every other Python at hand that the package is for: one for 3.12 and all that follow, one of its
# own for those before.
#   wheel_test.sh own|others SOURCE PYTHON COMPILER WERROR [COMPILER_LAUNCHER]
# Packages come from where pip is told to look. Exit status 77: this Python makes no virtual environments, or pip finds
# no packages.
set -euo pipefail

which=$1
source=$2
python=$3
compiler=$4
werror=$5
launcher=${6:-}
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
settings=(--config-settings=build-dir="$folder/checkout/build/{wheel_tag}"
  --config-settings=cmake.define.RECANT_WERROR="$werror")
version=$(sed -n 's/^project(recant VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
least=$(sed -n 's/^requires-python = ">=\([0-9.]*\)"/\1/p' pyproject.toml)

tag() { "$1" -c 'import sys; print("cp3%d" % sys.version_info[1])'; }
is_stable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; }

# The wheel for this Python, made if there is none yet.
wheel_for() {
  local name=recant-*-$(tag "$1")-$(tag "$1")-*.whl
  if is_stable "$1"; then name=recant-*-cp312-abi3-*.whl; fi
  if ! compgen -G "$folder/wheels/$name" > /dev/null; then
    [[ -d "$folder/build-$(tag "$1")" ]] || "$1" -m venv "$folder/build-$(tag "$1")"
    "$folder/build-$(tag "$1")/bin/pip" wheel --quiet --no-deps --wheel-dir "$folder/wheels" "${settings[@]}" . >&2
  fi
  compgen -G "$folder/wheels/$name" || { echo "no wheel of that name, but $(ls "$folder/wheels")" >&2; return 1; }
}

# Of an environment into which the package was just installed: package and command at work.
works_in() {
  local bin=$1/bin
  mkdir "$1/work"
  cd "$1/work"
  [[ "$("$bin/recant" --version)" == *"$version"* ]]
  "$bin/python" - "$version" << 'CODE'
import importlib.metadata
import importlib.util
import pathlib
import sys

import numpy as np

import recant

assert recant.__version__ == importlib.metadata.version("recant") == sys.argv[1]
assert (pathlib.Path(recant.__file__).parent / "py.typed").exists()
assert (pathlib.Path(recant.__file__).parent / "_core.pyi").exists()
required = [r for r in importlib.metadata.requires("recant") if "extra ==" not in r]
assert [r.split(">")[0] for r in required] == ["numpy"], required
others = [name for name in ("sklearn", "scipy", "pandas", "matplotlib", "tqdm") if importlib.util.find_spec(name)]
assert not others, others
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
group = rng.integers(0, 2, 200)
model = recant.LogisticRegression().fit(X[:100], y[:100])
result = model.correct(X[100:], y[100:], sensitive_features=group[100:], progress=True)
assert result.applied and abs(result.after["validation"]["demographic_parity"]) < 1e-3, result
assert recant.values.knn_shapley(model, X[100:], y[100:]).values.shape == (100,)
gone = model.forget([1, 2], audit=True)
assert gone.distance <= gone.bound, gone
model.save("model.rct")
with recant.Vault("model.rct") as vault:
    assert vault.forget([3]).done and vault.check().fault is None
print(f"{recant.__version__} works under {sys.version.split()[0]} with NumPy {np.__version__} alone")
CODE
  "$bin/recant" status model.rct --json > status.json
  grep -q '"rows_left":97' <(tr -d ' \n' < status.json)
  cd "$folder/checkout"
}

# A fresh environment with the package and what it asks for.
install() {
  "$1" -m venv "$2"
  "$2/bin/pip" install --quiet "${@:3}"
  works_in "$2"
}

if [[ "$which" == own ]]; then
  wheel=$(wheel_for "$python")
  echo "$(basename "$wheel"), $(stat --format=%s "$wheel") bytes"
  install "$python" "$folder/fresh" "$wheel"
  echo "pip install ."
  install "$python" "$folder/direct" "${settings[@]}" .
  exit 0
fi

lowest=$(tag "$python")
for other in $(tools/other_python.sh --all "$python"); do
  echo "the wheel for $(tag "$other")"
  install "$other" "$folder/$(tag "$other")" "$(wheel_for "$other")"
  lowest=$(printf '%s\n' "$lowest" "$(tag "$other")" | sort --version-sort | head -n 1)
done
[[ "$lowest" == "cp${least/./}" ]] || echo "not tried: Python $least, from which on the package is said to work"
