#!/usr/bin/env bash
# Installs into a temporary prefix, builds and runs a program against it, and looks for paths
# of this build in what was installed.
# install_test.sh CMAKE BUILD SOURCE COMPILER [SANITIZERS]
set -euo pipefail
cmake=$1 build=$2 source=$3 compiler=$4 sanitizers=${5:-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$cmake" --install "$build" --prefix "$tmp/prefix" > "$tmp/install.log"
if grep -rIlF -e "$build" -e "$source" "$tmp/prefix"; then
  echo "the files above name the build or the source folder" >&2
  exit 1
fi
# Moved after installing: nothing may depend on where the prefix was.
mv "$tmp/prefix" "$tmp/moved"

"$cmake" -S "$(dirname "$0")/consumer" -B "$tmp/build" -DCMAKE_PREFIX_PATH="$tmp/moved" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="${sanitizers:+-fsanitize=$sanitizers}" > "$tmp/configure.log"
"$cmake" --build "$tmp/build" > "$tmp/build.log" || { cat "$tmp/build.log"; exit 1; }
"$tmp/build/consumer" "$tmp/model.rct"
if [[ -e "$tmp/moved/bin/recant" ]]; then
  "$tmp/moved/bin/recant" --version
fi
echo "installed package works"
