#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The experiment of docs/experiments/soft-weighting.md: soft weights against deletion on four public
# data sets, for two gaps. DATA holds a folder per set with train.csv, test.csv and schema.json.
#   PATH=build/release/bin:$PATH bench/experiments/soft_weighting.sh DATA
set -euo pipefail
data=$1
for set in adult bank compas german; do
  for gap in demographic_parity equal_opportunity; do
    printf '\n## %s, %s\n\n' "$set" "$gap"
    recant compare "$data/$set/train.csv" --schema "$data/$set/schema.json" \
      --test "$data/$set/test.csv" --close "$gap" --close-share 0.8
  done
done
