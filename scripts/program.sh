#!/usr/bin/env bash
# Usage: scripts/program.sh chromium|coturn|firefox
# Prints the path of a program that tests need and that npm and cargo do not have: the one that CHROMIUM, COTURN or FIREFOX names, one that is
# installed, or Debian's, which it installs where it may. Exits 1, with a sentence, when there is none to be had.
set -euo pipefail

package=$1
case "$1" in
chromium) names="${CHROMIUM:-} chromium chromium-browser google-chrome" ;;
coturn) names="${COTURN:-} turnserver" ;;
firefox) names="${FIREFOX:-} firefox-esr firefox" package=firefox-esr ;;
*) echo "scripts/program.sh: unknown program $1" >&2 && exit 1 ;;
esac

find_one() {
    for name in $names; do
        command -v "$name" && return
    done
    return 1
}

if find_one; then exit; fi
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing $1 with apt-get (once, under a minute)." >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install --yes --no-install-recommends "$package"; } >/dev/null 2>&1 || true
fi
find_one || {
    echo "There is no $1 here, and it cannot be installed: install it (on Debian: apt-get install $package), or name one with ${1^^}=…" >&2
    exit 1
}
