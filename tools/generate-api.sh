#!/bin/sh
# Writes src/api/generated/ (or the folder given) from src/api/proto/*.proto. Needs only what npm ci installed: buf compiles, ts-proto writes. No network.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/node_modules/.bin
out=${1:-src/api/generated}
rm -rf "$out"
PATH=$bin:$PATH "$bin/buf" generate src/api/proto --template '{
  "version": "v2",
  "plugins": [{
    "local": "protoc-gen-ts_proto",
    "out": "'"$out"'",
    "opt": [
      "esModuleInterop=true", "importSuffix=.ts", "env=both", "forceLong=bigint", "oneof=unions-value", "enumsAsLiterals=true",
      "unrecognizedEnum=false", "outputServices=generic-definitions", "outputJsonMethods=false", "useOptionals=none",
      "annotateFilesWithVersion=false", "removeEnumPrefix=false", "comments=true", "exportCommonSymbols=false"
    ]
  }]
}'
fingerprint=$(cat src/api/proto/*.proto | sha256sum | cut -c1-12)
printf "/** Changes with the protos: px and an agent of the same version can still be of different states of the source. */\nexport const apiFingerprint = '%s';\n" "$fingerprint" >"$out/fingerprint.ts"
