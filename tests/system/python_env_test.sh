#!/usr/bin/env bash
# Where pip cannot reach its index, tools/python_env.sh ends with one line that says so and what to do, shows no
# password, and leaves nothing that the next run would take for done.
#   python_env_test.sh SOURCE PYTHON     Exit status 77: this Python makes no virtual environments.
set -euo pipefail
source=$1 python=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$python" -c 'import venv, ensurepip' 2> /dev/null || { echo "SKIPPED: no venv here"; exit 77; }

unset PIP_FIND_LINKS PIP_NO_INDEX PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null PIP_RETRIES=1 PIP_INDEX_URL=http://user:secret@127.0.0.1:9/simple  # nobody answers there
for attempt in 1 2; do
  if "$source/tools/python_env.sh" "$tmp/env" "$python" > "$tmp/out" 2> "$tmp/err"; then
    echo "attempt $attempt found packages where there are none"
    exit 1
  fi
  last=$(tail -n 1 "$tmp/err")
  for part in "could not reach http://127.0.0.1:9/simple" PIP_INDEX_URL PIP_FIND_LINKS docs/decisions/0009; do
    [[ "$last" == *"$part"* ]] || { echo "attempt $attempt: nothing of '$part' in the last line: $last"; exit 1; }
  done
  if grep -q secret "$tmp/out" "$tmp/err"; then
    echo "the password is shown"
    exit 1
  fi
done
page=$source/$(grep -o 'docs/decisions/[^ ]*\.md' <<< "$last")
[[ -r "$page" ]] || { echo "$page is not there"; exit 1; }
echo "says what could not be reached"
