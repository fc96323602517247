#!/usr/bin/env bash
# Usage: scripts/fuzz.sh [TARGET] [SECONDS]
# Runs one fuzz target, or each of them in turn, for SECONDS (60). What is found lies below fuzz/artifacts/, what
# was learnt below fuzz/corpus/. Any toolchain will do: only the sanitizers need a nightly one, and the workspace
# forbids unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-}
seconds=${2:-60}

# libFuzzer would take anything else for "without end".
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "SECONDS_EACH must be a whole number of seconds, not \"$seconds\"." >&2
    exit 2
fi
# Before the minutes that cargo-fuzz takes to be built.
mapfile -t targets < <(sed -n '/^\[\[bin\]\]/,/^$/s/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml)
if [[ -n $target ]]; then
    if [[ " ${targets[*]} " != *" $target "* ]]; then
        echo "There is no target $target. There are: $(scripts/nearest.sh "$target" "${targets[@]}")" >&2
        exit 2
    fi
    targets=("$target")
fi
if ! command -v c++ >/dev/null; then
    echo "libFuzzer is C++: install a compiler first (on Debian: apt-get install g++)." >&2
    exit 1
fi
if ! scripts/tools.sh cargo-fuzz; then
    echo "cargo-fuzz could not be built. \"cargo install cargo-fuzz\" by hand shows why." >&2
    exit 1
fi
PATH="$PWD/.tools/cargo-fuzz/bin:$PATH"

failed=()
for target in "${targets[@]}"; do
    echo "Fuzzing $target for $seconds s (the first build takes two minutes)."
    mkdir -p "fuzz/corpus/$target"
    # More than any frame that API Gateway takes (32 KB).
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -dict=fuzz/signaling.dict -max_total_time="$seconds" -max_len=40000 -timeout=10 \
        -verbosity=0 -print_final_stats=1 || failed+=("$target")
done

if ((${#failed[@]})); then
    echo "Something was found in: ${failed[*]}. The input is below fuzz/artifacts/." >&2
    exit 1
fi
echo "Nothing was found."
