#!/usr/bin/env bash
# Licences, sources and duplicates (deny.toml), known vulnerabilities, and dependencies that nothing uses.
# AUDIT=offline: where the lists of vulnerabilities cannot be reached, it says so and passes.
set -euo pipefail

unknown() {
    echo "$1 cannot be reached from here: nothing is known of vulnerabilities." >&2
    [ "${AUDIT:-}" = offline ] || exit 1
}

echo "Licences, sources and banned crates."
cargo deny --workspace check --hide-inclusion-graph bans licenses sources
echo "Known vulnerabilities (downloads the RustSec database)."
if cargo deny --workspace fetch db >/dev/null 2>&1; then
    cargo deny --workspace check advisories
else
    unknown "The RustSec database"
fi
echo "Known vulnerabilities of npm packages (asks the registry)."
if (cd web && npm audit --json 2>/dev/null) | grep -q '"auditReportVersion"'; then
    (cd web && npm audit --audit-level=high)
else
    unknown "The registry's list"
fi
echo "Unused dependencies."
# --with-metadata knows the crates whose name is not their package's.
cargo machete --with-metadata
