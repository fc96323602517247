#!/usr/bin/env bash
# Usage: scripts/nearest.sh WRONG NAME…
# Prints the names, those first that somebody who wrote WRONG is likeliest to have meant.
set -euo pipefail
wrong=$1
shift
# By how many letters have to be changed, put in or taken out (Levenshtein).
printf '%s\n' "$@" | awk -v wrong="$wrong" '
  function least(a, b, c) { return a < b ? (a < c ? a : c) : (b < c ? b : c) }
  {
    for (i = 0; i <= length(wrong); i++) for (j = 0; j <= length($0); j++)
      d[i, j] = !i ? j : !j ? i : least(d[i-1, j] + 1, d[i, j-1] + 1, \
        d[i-1, j-1] + (substr(wrong, i, 1) != substr($0, j, 1)))
    print d[length(wrong), length($0)], $0
  }' | sort -s -n -k1,1 | cut -d' ' -f2- | paste -sd' ' -
