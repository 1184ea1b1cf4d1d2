#!/usr/bin/env bash
# Generates C (protobuf-c) and Swift from the .proto files. Deterministic: the same input gives the
# same files, which are checked in.
set -euo pipefail
cd "$(dirname "$0")/.."

ours=(
  chatelaine/identity/v1/assertion.proto
  chatelaine/auth/v1/auth.proto
  chatelaine/vault/v1/vault.proto
  chatelaine/audit/v1/audit.proto
)
google=(
  google/protobuf/any.proto google/protobuf/duration.proto google/protobuf/empty.proto
  google/protobuf/field_mask.proto google/protobuf/struct.proto google/protobuf/timestamp.proto
  google/protobuf/descriptor.proto google/protobuf/compiler/plugin.proto
  google/api/http.proto google/api/annotations.proto
  google/rpc/status.proto google/rpc/error_details.proto
)
tests=(chatelaine/test/v1/kitchen_sink.proto)

# The Protobuf descriptor.proto, plugin.proto and friends come with Debian's libprotobuf-dev.
include=(-IProtos -I/usr/include)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

swift build --quiet --product protoc-gen-chatelaine
plugin=$(swift build --show-bin-path)/protoc-gen-chatelaine

# write_c DIRECTORY MODULE DESCRIPTOR_SET FILE...: C and a module map, replacing what was there.
write_c() {
  local directory=$1 module=$2 set=$3
  shift 3
  rm -rf "$work/c" && mkdir "$work/c"
  protoc --descriptor_set_in="$set" --c_out="$work/c" "$@"
  rm -rf "$directory" && mkdir -p "$directory/include"
  (
    cd "$work/c"
    find . -name "*.pb-c.h" -exec cp --parents {} "$OLDPWD/$directory/include" \;
    find . -name "*.pb-c.c" -exec cp --parents {} "$OLDPWD/$directory" \;
    echo "module $module {"
    find . -name '*.pb-c.h' | sort | sed 's|^\./\(.*\)$|  header "\1"|'
    echo "  export *"
    echo "}"
  ) >"$directory/include/module.modulemap"
}

protoc "${include[@]}" --include_imports --descriptor_set_out="$work/original.bin" \
  "${ours[@]}" "${google[@]}" "${tests[@]}"
"$plugin" --rewrite-descriptors <"$work/original.bin" >"$work/rewritten.bin"
write_c Sources/CMessages CMessages "$work/rewritten.bin" "${ours[@]}" "${google[@]}"

rm -rf Sources/ServiceAPI/Generated Sources/Protobuf/Generated
mkdir -p Sources/ServiceAPI/Generated Sources/Protobuf/Generated
protoc "${include[@]}" --plugin="$plugin" --chatelaine_out=Sources/ServiceAPI/Generated "${ours[@]}"
protoc "${include[@]}" --plugin="$plugin" --chatelaine_opt=module=Protobuf \
  --chatelaine_out=Sources/Protobuf/Generated \
  google/rpc/status.proto google/rpc/error_details.proto

# Messages that only tests need stay out of the products.
write_c Tests/CTestMessages CTestMessages "$work/rewritten.bin" "${tests[@]}"
rm -rf Tests/ProtobufTests/Generated && mkdir -p Tests/ProtobufTests/Generated
protoc "${include[@]}" --plugin="$plugin" --chatelaine_opt=c_module=CTestMessages \
  --chatelaine_out=Tests/ProtobufTests/Generated "${tests[@]}"
