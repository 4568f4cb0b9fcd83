#!/usr/bin/env bash
# install.sh PREFIX: a copy of what px needs in PREFIX/lib/sonde, its packages without those for development, and a link in PREFIX/bin.
set -euo pipefail
prefix=${1:?usage: install.sh PREFIX}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v npm >/dev/null || { echo 'install: npm is needed and is not in the path' >&2; exit 3; }
lib=$prefix/lib/sonde
echo "install: copying to $lib"
rm -rf "$lib"
mkdir -p "$lib" "$prefix/bin"
cp -R px package.json package-lock.json .npmrc LICENSE scripts k8s "$lib/"
tar -c --exclude='*.test.ts' src | tar -x -C "$lib"
echo 'install: npm ci --omit=dev'
(cd "$lib" && npm ci --omit=dev --no-audit --no-fund --loglevel=error)
ln -sfn ../lib/sonde/px "$prefix/bin/px"
# The manual page and what shells complete, from the same source as the commands.
share=$prefix/share
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
"$prefix/bin/px" man > "$share/man/man1/px.1"
"$prefix/bin/px" completion bash > "$share/bash-completion/completions/px"
"$prefix/bin/px" completion zsh > "$share/zsh/site-functions/_px"
"$prefix/bin/px" completion fish > "$share/fish/vendor_completions.d/px.fish"
echo "install: $prefix/bin/px is $("$prefix/bin/px" version)"
