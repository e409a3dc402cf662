#!/usr/bin/env bash
# What the tests marked `browser` and `database` need, from the system's own packages (Debian,
# Ubuntu). Elsewhere: install Chromium and PostgreSQL by hand and run `VARIFACTORY_FULL=1 make test`.
set -euo pipefail

wanted=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || wanted+=(chromium)
command -v psql >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted+=(postgresql)
[ ${#wanted[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "install these by hand, then run 'VARIFACTORY_FULL=1 make test': ${wanted[*]}" >&2
    exit 2
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${wanted[@]}"
