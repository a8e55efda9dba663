#!/bin/sh
# Types dashboards/*.json against Grafana's published schema. Needs node and npm; everything it fetches and makes lies in
# the target folder. Prints nothing but a count when all is well; else the compiler's messages, and exit 1.
# usage: dashboards/check/run.sh [DASHBOARD.json...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
for tool in node npm; do
    command -v "$tool" >/dev/null || {
        echo "dashboards/check: $tool is missing; apt-get install --no-install-recommends nodejs npm" >&2
        exit 1
    }
done
[ $# -gt 0 ] || set -- "$root"/dashboards/*.json

work=${CARGO_TARGET_DIR:-$root/target}/grafana-check
mkdir -p "$work"
# fetched again only when what is pinned changed
if ! cmp -s "$here/package-lock.json" "$work/installed-lock.json"; then
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$work/installed-lock.json"
fi
node "$here/types.mjs" "$work/dashboards.ts" "$@"
cd "$work" && node node_modules/typescript/bin/tsc --noEmit --strict --skipLibCheck \
    --moduleResolution bundler --module esnext --target es2022 dashboards.ts
