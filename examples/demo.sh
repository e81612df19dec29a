#!/usr/bin/env bash
# Fits a model, looks at a gap between two groups, and closes it by reweighting training rows.
#   examples/demo.sh            admissions to Berkeley, 1973 (examples/berkeley, 4,526 applicants)
#   examples/demo.sh DATA_DIR   UCI Adult: DATA_DIR/train.csv and test.csv (examples/README.md)
# Needs `recant` on PATH; `make demo` sees to that. Everything is written to a temporary folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

say() { printf '\n'; printf '%s\n' "$@"; }
show() {  # prints a command, quoted where the shell needs it, and runs it
  local word text='$'
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_./-]+$ ]] || word="'$word'"
    text+=" $word"
  done
  printf '\n%s\n' "$text"
  "$@"
}

# rates FILE LABEL_OF_YES [COLUMN]: share of yes by sex, for each value of COLUMN and overall.
rates() {
  awk -F, -v yes="$2" -v by="${3:-}" '
    NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; label = NF; next }
    {
      sex = tolower($at["sex"]); part = by == "" ? "" : $at[by]
      ++n["all", sex]; if ($label == yes) ++k["all", sex]
      if (by != "") { ++n[part, sex]; if ($label == yes) ++k[part, sex]; parts[part] }
    }
    function line(part) {
      printf "  %-10s %6.1f %% of %5d %7.1f %% of %5d\n", part,
             100 * k[part, "male"] / n[part, "male"], n[part, "male"],
             100 * k[part, "female"] / n[part, "female"], n[part, "female"]
    }
    END {
      printf "  %-10s %17s %17s\n", by, "men", "women"
      for (c = 65; c < 91; ++c) if (sprintf("%c", c) in parts) line(sprintf("%c", c))
      line("all")
    }' "$1"
}

# demo TARGET POSITIVE: fit, evaluate and correct on train.csv, validation.csv, test.csv.
demo() {
  show recant fit train.csv --target "$1" --positive "$2" --sensitive sex -o model.rct
  show recant evaluate model.rct test.csv
  say "Now give every training row a weight of its own, somewhat above or below 1, such that the gap" \
      "closes on the validation rows, and move the model to where training with these weights ends."
  show recant correct model.rct --validation validation.csv --test test.csv \
    --close demographic_parity --weights weights.csv -o corrected.rct
  show recant evaluate corrected.rct test.csv
}

if [[ $# -eq 0 ]]; then
  cd "$tmp"
  cp "$here"/berkeley/{train,validation,test}.csv .
  { cat train.csv; tail -qn +2 validation.csv test.csv; } > all.csv
  say "Berkeley, fall 1973: who was admitted, of all 4,526 applicants to the six largest departments?"
  rates all.csv yes
  say "A gap of 14 points. A model fitted to these applications shows it too:"
  demo admitted yes
  say "The mean scores of men and women are equal now. On hard labels nothing has moved: this model" \
      "knows only twelve kinds of applicant, and none of them crosses the threshold of one half." \
      "" \
      "So much for the total. Now look at the admissions department by department:"
  rates all.csv yes department
  say "Within departments there is no gap to women's disadvantage worth the name: in four of six they" \
      "were admitted more often, in A by 20 points. But women applied more where few of either sex get" \
      "in (C to F), men where most do (A, B): Simpson's paradox. So the correction made the totals" \
      "equal by preferring women within departments. recant does exactly what it is asked for and says" \
      "what it costs; which gap is the one to close, that of the totals or that among comparable" \
      "applicants, is for people to say. (Bickel, Hammel and O'Connell, Science 187, 1975.)"
else
  for file in train.csv test.csv; do
    [[ -r "$1/$file" ]] || { echo "$0: $1/$file cannot be read; see examples/README.md" >&2; exit 1; }
  done
  data=$(cd "$1" && pwd)
  cd "$tmp"
  ln -s "$data/train.csv" train.csv
  half=$((($(wc -l < "$data/test.csv") - 1) / 2))  # of the rows below the header
  head -n $((1 + half)) "$data/test.csv" > validation.csv
  { head -n 1 "$data/test.csv"; tail -n +$((2 + half)) "$data/test.csv"; } > test.csv
  say "UCI Adult: who earns more than 50,000 dollars a year?"
  rates train.csv ">50K"
  say "validation.csv and test.csv below are the two halves of the given test.csv."
  demo income ">50K"
fi
