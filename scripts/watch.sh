#!/usr/bin/env bash
# Usage: scripts/watch.sh ARBITER_LOCAL
# Serves the functions for `cargo lambda invoke`, with the tables and sockets of a running `make run`.
set -euo pipefail
folder=${LOCAL_DIR:-.local}
if [[ ! -e $folder/urls.json ]]; then
    echo "There is no gateway to work with: start 'make run' in another terminal first." >&2
    exit 1
fi
LOCAL_DIR=$folder "$1" env >"$folder/functions.env"

# Loopback only: unless told, it listens on every interface. ::1 is where `cargo lambda invoke` looks.
address=::1 invoke="cargo lambda invoke"
if [[ $(uname) == Linux && ! -e /proc/net/if_inet6 ]]; then
    address=127.0.0.1 invoke="cargo lambda invoke --invoke-address 127.0.0.1"
fi
echo "In a third terminal (a function is compiled at its first call):"
command -v cargo-lambda | sed "s|\(.*\)/cargo-lambda$|    PATH=\"\1:\$PATH\"|"
echo "    $invoke identify --data-file events/identify.json"
exec cargo lambda watch --invoke-address "$address" --env-file "$folder/functions.env"
