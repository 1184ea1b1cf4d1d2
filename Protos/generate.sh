#!/usr/bin/env bash
# Generates C (protobuf-c) and Swift from the .proto files. Deterministic: the same input gives the
# same files, which are checked in.
set -euo pipefail
cd "$(dirname "$0")/.."

ours=(
  chatelaine/identity/v1/assertion.proto
  chatelaine/identity/v1/assertion_keys.proto
  chatelaine/auth/v1/auth.proto
  chatelaine/vault/v1/vault.proto
  chatelaine/vault/v1/key_management.proto
  chatelaine/audit/v1/audit.proto
  chatelaine/gateway/v1/gateway.proto
)
google=(
  google/protobuf/any.proto google/protobuf/duration.proto google/protobuf/empty.proto
  google/protobuf/field_mask.proto google/protobuf/struct.proto google/protobuf/timestamp.proto
  google/protobuf/descriptor.proto google/protobuf/compiler/plugin.proto
  google/api/http.proto google/api/annotations.proto
  google/rpc/status.proto google/rpc/error_details.proto
)
# Messages and services of module Protobuf's own making, or of nobody's: only reflection serves
# these files, because others import them.
described=(
  google/protobuf/any.proto google/protobuf/duration.proto google/protobuf/empty.proto
  google/protobuf/field_mask.proto google/protobuf/struct.proto google/protobuf/timestamp.proto
  google/protobuf/descriptor.proto google/api/http.proto google/api/annotations.proto
)
standard=(
  grpc/health/v1/health.proto
  grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto
  opentelemetry/proto/collector/trace/v1/trace_service.proto
)
interop=(grpc/testing/empty.proto grpc/testing/messages.proto grpc/testing/test.proto)
tests=(chatelaine/test/v1/kitchen_sink.proto)
bench=(bench.proto)

# The Protobuf descriptor.proto, plugin.proto and friends come with Debian's libprotobuf-dev and libprotoc-dev, those
# of gRPC with its grpc-proto.
include=(-IProtos -IBenchmarks -I/usr/include -I/usr/share/grpc-proto)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

read -ra flags <<<"$(scripts/build-flags)"
swift build "${flags[@]}" --quiet --product protoc-gen-chatelaine
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

# write_swift DIRECTORY OPTIONS FILE...: Swift beside what is there.
write_swift() {
  local directory=$1 options=$2
  shift 2
  protoc "${include[@]}" --plugin="$plugin" --chatelaine_opt="$options" \
    --chatelaine_out="$directory" "$@"
}

# clear DIRECTORY: an empty one.
clear() {
  rm -rf "$1" && mkdir -p "$1"
}

protoc "${include[@]}" --include_imports --descriptor_set_out="$work/original.bin" \
  "${ours[@]}" "${google[@]}" "${standard[@]}" "${interop[@]}" "${tests[@]}" "${bench[@]}"
"$plugin" --rewrite-descriptors <"$work/original.bin" >"$work/rewritten.bin"

write_c Sources/Runtime/C/CMessages CMessages "$work/rewritten.bin" "${google[@]}" "${standard[@]}"
write_c Sources/Services/CServiceMessages CServiceMessages "$work/rewritten.bin" "${ours[@]}"
clear Sources/Runtime/Protobuf/Generated
write_swift Sources/Runtime/Protobuf/Generated module=Protobuf \
  google/rpc/status.proto google/rpc/error_details.proto
write_swift Sources/Runtime/Protobuf/Generated module=Protobuf,only=descriptors "${described[@]}"
clear Sources/Services/ServiceAPI/Generated
write_swift Sources/Services/ServiceAPI/Generated module=ServiceAPI,c_module=CServiceMessages \
  "${ours[@]}"
# What no .proto file says: which methods anybody may call, and answers besides the usual one.
open=(
  chatelaine.auth.v1.Auth.{CreateAccount,RequestPasswordReset,ResetPassword,RedeemLink}
  chatelaine.auth.v1.Auth.{BeginPasskeyLogIn,ListLogInProviders}
  chatelaine.gateway.v1.Gateway.{CreateSession,CompleteSession,CreatePasskeySession}
)
answers=(
  chatelaine.gateway.v1.Gateway.CreateSession:200:chatelaine.gateway.v1.SecondFactorNeeded
  chatelaine.gateway.v1.Gateway.CreateSession:201:chatelaine.gateway.v1.BegunSession
  chatelaine.gateway.v1.Gateway.CompleteSession:201:chatelaine.gateway.v1.BegunSession
)
write_swift Sources/Services/Gateway/API/Documents \
  "only=openapi$(printf ',open=%s' "${open[@]}")$(printf ',answer=%s' "${answers[@]}")" \
  "${ours[@]}"
clear Sources/Runtime/RPCServices/Generated
write_swift Sources/Runtime/RPCServices/Generated module=RPCServices "${standard[@]}"

# Messages that only tests need stay out of the products.
write_c Tests/Support/CInteropMessages CInteropMessages "$work/rewritten.bin" "${interop[@]}"
clear Tests/Support/RPCInterop/Generated
write_swift Tests/Support/RPCInterop/Generated module=RPCInterop,c_module=CInteropMessages \
  "${interop[@]}"
write_c Tests/Support/CTestMessages CTestMessages "$work/rewritten.bin" "${tests[@]}"
clear Tests/Runtime/ProtobufTests/Generated
write_swift Tests/Runtime/ProtobufTests/Generated module=ProtobufTests,c_module=CTestMessages "${tests[@]}"
write_c Benchmarks/Sources/CBenchMessages CBenchMessages "$work/rewritten.bin" "${bench[@]}"
clear Benchmarks/Sources/BenchMessages/Generated
write_swift Benchmarks/Sources/BenchMessages/Generated module=BenchMessages,c_module=CBenchMessages \
  "${bench[@]}"

Protos/generate-actions
