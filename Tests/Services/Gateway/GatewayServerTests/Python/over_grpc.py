"""Calls the services through a gateway with grpcio, by what its reflection says.

Arguments: host:port, the authority's file, an access token. Each check prints its name; the first
that fails ends the run.
"""
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

address, authority, token = sys.argv[1:]
with open(authority, "rb") as file:
    credentials = grpc.ssl_channel_credentials(file.read())
channel = grpc.secure_channel(address, credentials)
database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)
bearer = [("authorization", f"Bearer {token}")]


def check(name, holds, seen=""):
    print(name, flush=True)
    if not holds:
        sys.exit(f"failed: {name}: {seen}")


def call(service, method, fields=None, metadata=bearer, **options):
    description = pool.FindServiceByName(service).FindMethodByName(method)
    request = json_format.ParseDict(fields or {}, message_factory.GetMessageClass(description.input_type)())
    answer = message_factory.GetMessageClass(description.output_type)
    stub = channel.unary_unary(
        f"/{service}/{method}", request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString)
    try:
        return json_format.MessageToDict(stub(request, metadata=metadata, timeout=20, **options))
    except grpc.RpcError as error:
        return error


def call_unknown(service, method):
    """Calls what reflection doesn't tell of, with a message of nothing."""
    try:
        return channel.unary_unary(f"/{service}/{method}")(b"", metadata=bearer, timeout=20)
    except grpc.RpcError as error:
        return error


def is_error(answer, code):
    return isinstance(answer, grpc.RpcError) and answer.code() == code


services = {name for name in database.get_services() if name.startswith("chatelaine.")}
check("reflection names what may be called",
      services == {"chatelaine.auth.v1.Auth", "chatelaine.vault.v1.Vault", "chatelaine.audit.v1.Audit"}, services)

vault, auth = "chatelaine.vault.v1.Vault", "chatelaine.auth.v1.Auth"
shown = {method.full_name for name in services for method in pool.FindServiceByName(name).methods}
check("and nothing else of their files", f"{vault}.ListProviderConfigs" in shown
      and f"{vault}.ResolveCredential" not in shown and f"{auth}.WatchRevocations" not in shown, shown)
me = call(auth, "GetCurrentAccount")
check("a token tells who calls", "email" in me, me)
listed = call(vault, "ListProviderConfigs")
check("a list comes back", not isinstance(listed, grpc.RpcError), listed)
check("no token is unauthenticated", is_error(seen := call(vault, "ListProviderConfigs", metadata=[]), grpc.StatusCode.UNAUTHENTICATED), seen)
check("and says so", bool(seen.details()), seen)
check("an endpoint that is never reached is refused",
      is_error(seen := call(vault, "CreateProviderConfig", {"provider": "custom", "label": "x", "apiKey": "a-key-of-some-length", "baseUrl": "http://169.254.169.254"}),
               grpc.StatusCode.INVALID_ARGUMENT) and "baseUrl" in seen.details(), seen)
check("what is for services only isn't there",
      is_error(seen := call_unknown(vault, "ResolveCredential"), grpc.StatusCode.UNIMPLEMENTED), seen)
check("a message that is compressed without a word is refused",
      is_error(seen := call(auth, "GetCurrentAccount", compression=grpc.Compression.Gzip), grpc.StatusCode.UNIMPLEMENTED)
      or "email" in seen, seen)
print("all hold")
