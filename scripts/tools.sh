#!/usr/bin/env bash
# Usage: scripts/tools.sh TOOL…
# Installs the tools that the Makefile uses and that a machine with Rust and Python may lack, below
# .tools/ and nowhere else. Does nothing when the right version is there.
set -euo pipefail
cd "$(dirname "$0")/.."

version_of() {
    case "$1" in
    aws-sam-cli) echo 1.170.0 ;;
    cfn-lint) echo 1.58.0 ;;
    cargo-lambda) echo 1.9.2 ;; # brings zig, which links for the C library that Lambda has
    cargo-deny) echo 0.20.2 ;;
    cargo-machete) echo 0.9.2 ;;
    cargo-fuzz) echo 0.13.2 ;;
    ministack) echo 1.5.33 ;; # AWS on this machine, for the tests of deploying
    opentok) echo 3.15.0 ;; # PyPI's server SDK of the vendor, for tests
    older-opentok) echo 3.6.0 ;; # the same, when it read XML alone and wrote Python's booleans
    vonage-video) echo 1.6.1 ;; # the vendor's newer one
    older-npm-opentok) echo 2.10.0 ;; # npm's, before it was written anew
    wrtc) echo 0.10.0 ;; # libwebrtc for Node, which `make bench` measures ours against
    *) echo "scripts/tools.sh: unknown tool $1" >&2 && return 1 ;;
    esac
}

from_pypi() {
    echo "Installing $1 $2 into $3 (once, under a minute)."
    if ! python3 -m venv "$3" >/dev/null; then
        echo "This needs Python 3.10 or newer with its venv module (on Debian: apt-get install python3-venv)." >&2
        return 1
    fi
    "$3/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$1==$2" "${@:4}"
}

from_crates_io() {
    echo "Building $1 $2 into $3 (once, two to ten minutes)."
    cargo install --quiet --locked --root "$3" "$1@$2"
}

from_npm() {
    echo "Installing $1 $2 into $3 (once, half a minute)."
    npm install --prefix "$3" --ignore-scripts --no-audit --no-fund --loglevel=error "$1@$2"
}

for tool in "$@"; do
    version=$(version_of "$tool")
    folder=.tools/$tool
    # A venv does not survive being moved, so its place is part of the stamp.
    stamp="$version in $PWD"
    [[ "$(cat "$folder/installed" 2>/dev/null)" == "$stamp" ]] && continue
    rm -rf "$folder"
    case "$tool" in
    cargo-deny | cargo-machete | cargo-fuzz) from_crates_io "$tool" "$version" "$folder" ;;
    ministack) from_pypi "$tool" "$version" "$folder" aws-sam-translator==1.115.0 ;; # for our templates
    wrtc) from_npm "@roamhq/wrtc" "$version" "$folder" ;;
    older-npm-opentok) from_npm opentok "$version" "$folder" ;;
    older-opentok) from_pypi opentok "$version" "$folder" ;;
    *) from_pypi "$tool" "$version" "$folder" ;;
    esac
    echo "$stamp" >"$folder/installed"
done
