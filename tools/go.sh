#!/usr/bin/env bash
# Installs a Go toolchain if there is none in the path.
set -euo pipefail
command -v go >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo 'go: there is none in the path; installing the Debian package golang-go'
  apt-get update -q && apt-get install -q -y --no-install-recommends golang-go
else
  echo 'go: a Go toolchain is needed and is not in the path (1.17 or later; 1.21 or later for all tests)' >&2
  exit 3
fi
