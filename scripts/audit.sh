#!/usr/bin/env bash
# Licences, sources and duplicates (deny.toml), known vulnerabilities, and dependencies that nothing uses.
set -euo pipefail
echo "Licences, sources and banned crates."
cargo deny --workspace check --hide-inclusion-graph bans licenses sources
echo "Known vulnerabilities (downloads the RustSec database)."
if ! cargo deny --workspace fetch db >/dev/null 2>&1; then
    echo "The RustSec database cannot be reached from here: nothing is known of vulnerabilities." >&2
    exit 1
fi
cargo deny --workspace check advisories
echo "Known vulnerabilities of npm packages (asks the registry)."
(cd web && npm audit --audit-level=high)
echo "Unused dependencies."
# --with-metadata knows the crates whose name is not their package's.
cargo machete --with-metadata
