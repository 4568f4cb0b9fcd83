#!/usr/bin/env bash
# Makes .cache/pxapi-…, a virtual environment with Pixie's Python client and Prometheus's, if it is not there. Prints its python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=$PWD/.cache/pxapi-0.9.0-prometheus-0.22.1
mkdir -p "${home%/*}"
exec 9>"$home.lock"
# Of several at once one installs.
[ -e "$home/ready" ] || flock 9
if [ ! -e "$home/ready" ]; then
  # pxapi 0.9.0 has exact pins, which have wheels for Python 3.11.
  python=$(command -v python3.11 || command -v python3 || true)
  if [ -z "$python" ] || [ "$("$python" -c 'import sys; print(sys.version_info[:2] == (3, 11))')" != True ]; then
    echo "pxapi: Python 3.11 is needed for the tests with Pixie's Python client, and is not in the path (python3.11, or python3 of that version)" >&2
    exit 3
  fi
  rm -rf "$home"
  "$python" -m venv "$home" >&2 || { echo "pxapi: $python cannot make a virtual environment (Debian: the package python3.11-venv)" >&2; exit 3; }
  "$home/bin/pip" install --quiet --no-input --disable-pip-version-check pxapi==0.9.0 prometheus-client==0.22.1 >&2 || {
    echo 'pxapi: pip could not install pxapi 0.9.0 and prometheus-client 0.22.1 (is PyPI, or a mirror of it, in reach?)' >&2
    exit 3
  }
  touch "$home/ready"
fi
echo "$home/bin/python"
