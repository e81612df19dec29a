#!/usr/bin/env bash
# Fits a model, looks at a gap between two groups, closes it by reweighting training rows, and shows what that costs
# next to deleting rows.
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

# demo TARGET POSITIVE: fit, evaluate, correct and compare on train.csv, validation.csv, test.csv.
demo() {
  show recant fit train.csv --target "$1" --positive "$2" --sensitive sex -o model.rct
  show recant evaluate model.rct test.csv
  say "Now give every training row a weight of its own, somewhat above or below 1, such that the gap" \
      "closes on the validation rows, and move the model to where training with these weights ends."
  show recant correct model.rct --validation validation.csv --test test.csv \
    --close demographic_parity --weights weights.csv -o corrected.rct
  show recant evaluate corrected.rct test.csv
  say "What did it cost, and what would it have cost to delete rows instead? Both ways once more, each to a" \
      "fifth of the gap:"
  show recant compare train.csv --target "$1" --positive "$2" --sensitive sex \
    --validation validation.csv --test test.csv
  say "Compare the two polish lines of a table: the gap is the same, but deletion raises the log-loss several" \
      "times as much as soft weights do. A deleted row takes with it all that it taught the model; a soft" \
      "weight takes a part, and every row gives a little."
}

if [[ $# -eq 0 ]]; then
  cd "$tmp"
  cp "$here"/berkeley/{train,validation,test}.csv .
  { cat train.csv; tail -qn +2 validation.csv test.csv; } > all.csv
  say "Berkeley, fall 1973: who was admitted, of all 4,526 applicants to the six largest departments?"
  rates all.csv yes
  say "A gap of 14 points. A model fitted to these applications shows it too:"
  demo admitted yes
  say "The corrected model gives men and women the same mean score. On hard labels nothing has moved: it" \
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
  say "The corrected model gives men and women the same mean score, or nearly. Now look at the equal" \
      "opportunity gap in its table, the same difference among those who do earn more than 50,000 dollars:" \
      "it favoured men before, and favours women now, by more than that. In these data almost three times" \
      "as many men as women earn so much, of a hundred each. To make the means equal all the same, the scores" \
      "of women rose and those of men fell whatever they earn, and so did they among those who earn it." \
      "The first lines of that table say what that costs: a higher log-loss and a lower accuracy, on rows" \
      "that no model was trained on. recant does exactly what it is asked for and says what it costs;" \
      "which gap is the one to close, and whether it is worth the price, is for people to say."
fi
