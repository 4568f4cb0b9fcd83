#!/usr/bin/env bash
# The demo from end to end: build the server, start it, trace a running function of it, send requests, show the rows, clean up.
# Needs Linux, root, and either Go or apt-get to get it. Everything it makes lies in one temporary folder, its agent too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
[ -t 1 ] || { say() { printf '\n==> %s\n' "$*"; }; show() { printf '$ %s\n' "$*"; "$@"; }; }

[ "$(uname -s)" = Linux ] || { echo 'demo: Sonde traces by eBPF: Linux is needed' >&2; exit 3; }
[ "$(id -u)" = 0 ] || { echo 'demo: probes need root: sudo make demo' >&2; exit 3; }
if ! command -v curl >/dev/null; then
  command -v apt-get >/dev/null || { echo 'demo: curl is needed' >&2; exit 3; }
  say 'Installing the Debian package curl'
  apt-get update -q && apt-get install -q -y --no-install-recommends curl
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/sonde-demo.XXXXXX")
export SONDE_DIR=$folder/agent
server=
clean_up() {
  status=$?
  trap - EXIT INT TERM
  say 'Cleaning up: agent, server, files'
  [ -d "$SONDE_DIR" ] && { ./px agent stop || true; }
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; }
  rm -rf "$folder"
  [ "$status" = 0 ] && printf '\nDone in %d s.\n' "$SECONDS" || printf '\nThe demo failed (exit code %d).\n' "$status" >&2
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say 'Node packages (px would install them itself; here first, so that you see it)'
bash tools/packages.sh
echo "they are there: Node $(node_modules/.bin/node --version)"

bash tools/go.sh
say "Building the demo server with $(go env GOVERSION)"
(cd examples/simple-gotracing && show go build -o "$folder/gotracing" .)

say 'Starting it on a free port'
"$folder/gotracing" -port 0 2>"$folder/server.log" &
server=$!
port=
for _ in $(seq 100); do
  port=$(sed -n 's/.*listening on port //p' "$folder/server.log")
  [ -n "$port" ] && break
  kill -0 "$server" 2>/dev/null || { cat "$folder/server.log" >&2; exit 1; }
  sleep 0.1
done
[ -n "$port" ] || { echo 'demo: the server does not listen' >&2; exit 1; }
url=http://localhost:$port
echo "pid $server, $url/e"

say 'Which Go processes run here? (px run px/upids; px starts its agent by itself)'
show ./px run px/upids | tee "$folder/upids"
# The second and third group of a UPID are the pid.
part=$(printf '%08x' "$server" | sed 's/^\(....\)/\1-/')
upid=$(grep -oE "[0-9a-f]{8}-$part-[0-9a-f]{4}-[0-9a-f]{12}" "$folder/upids" | head -n 1)
[ -n "$upid" ] || { echo "demo: the server (pid $server) is not in that list" >&2; exit 1; }

say 'Placing a probe on main.computeE of the running server: no rows yet'
show ./px run -f examples/simple-gotracing/capture_args.pxl -- --upid "$upid"

say 'Three requests'
show curl -sS "$url/e"
show curl -sS "$url/e?iters=2"
show curl -sS "$url/e?iters=200"

say 'The same script again: three rows, an argument that the server never logged'
show ./px run -f examples/simple-gotracing/capture_args.pxl -- --upid "$upid" | tee "$folder/rows"
for iterations in 100 2 200; do
  awk -v n="$iterations" '{ for (i = 1; i <= NF; i++) if ($i == n) found = 1 } END { exit !found }' "$folder/rows" ||
    { echo "demo: no row with iterations $iterations" >&2; exit 1; }
done

say 'The same without a script: every call as it happens, here until two have been seen'
./px trace "$server" main.computeE --count 2 >"$folder/trace" 2>&1 &
trace=$!
for _ in $(seq 100); do
  grep -q armed "$folder/trace" && break
  kill -0 "$trace" 2>/dev/null || break
  sleep 0.1
done
echo "\$ ./px trace $server main.computeE --count 2"
curl -sS "$url/e?iters=7" >/dev/null
curl -sS "$url/e?iters=70000" >/dev/null
wait "$trace" || { cat "$folder/trace" >&2; exit 1; }
cat "$folder/trace"
