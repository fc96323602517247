#!/usr/bin/env bash
# Usage: scripts/fuzz.sh [TARGET] [SECONDS]
# Runs one fuzz target, or each of them, for a while. A crash leaves its input below fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh cargo-fuzz
PATH="$PWD/.tools/cargo-fuzz/bin:$PATH"
seconds=${2:-60}
targets=${1:-$(cargo fuzz list)}
for target in $targets; do
    echo "Fuzzing $target for $seconds s (the first build takes two minutes)."
    mkdir -p "fuzz/corpus/$target"
    # No address sanitizer: it needs a nightly compiler, and the workspace forbids unsafe code.
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -dict=fuzz/signaling.dict -max_total_time="$seconds" -verbosity=0 -print_final_stats=1
done
