#!/usr/bin/env bash
# Brings the Node packages that package-lock.json names into node_modules, if they are not there as it says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ node_modules/.package-lock.json -nt package-lock.json ] && [ -x node_modules/.bin/node ]; then exit 0; fi
if ! command -v npm >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo 'packages: there is no npm; installing the Debian package npm'
    apt-get update -q && apt-get install -q -y --no-install-recommends npm
  else
    echo 'packages: npm is needed and is not in the path: install Node.js with npm' >&2
    exit 3
  fi
fi
echo 'packages: npm ci (Node packages, the Node that runs Sonde among them)'
npm ci --no-audit --no-fund --loglevel=error
touch node_modules/.package-lock.json
