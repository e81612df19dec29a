#!/usr/bin/env bash
# Installs what packages.txt lists and this machine lacks; with nothing missing it only looks.
#   install_packages.sh [WORD]     WORD: the lines that begin with "WORD:" too
set -euo pipefail

list="$(dirname "$0")/packages.txt"
wanted=$(sed -E "s/#.*//; s/[[:space:]]//g; s/^${1:--}://; /:/d; /^\$/d" "$list" | sort)

if ! command -v dpkg-query > /dev/null; then
  echo "$0: no apt here; going on with what is installed (needed: $list)" >&2
  exit 0
fi
# shellcheck disable=SC2086  # one argument a package
installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' $wanted 2> /dev/null |
  sed -n 's/^.i *//p' | sort -u) || true  # dpkg-query fails when it does not know one of them
missing=$(comm -23 <(echo "$wanted") <(echo "$installed"))
[[ -n "$missing" ]] || exit 0

as_root=()
if [[ "$(id -u)" -ne 0 ]]; then
  if ! command -v sudo > /dev/null; then
    echo "$0: run as root: apt-get install" $missing >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" < /dev/null
}
echo "installing:" $missing
apt update || echo "$0: some package lists could not be fetched; trying with those that were" >&2
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing
