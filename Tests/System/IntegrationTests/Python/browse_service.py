"""Asks a service of the mesh for its health and for its API, with a certificate of the mesh.

Usage: browse_service.py ADDRESS SERVICE CERTIFICATE PRIVATE_KEY AUTHORITY
Prints a JSON object: "health", "watched" and "process" are names of statuses; "services" is what
reflection lists, or the name of the code with which it refuses.
"""

import json
import os
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

try:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

TIMEOUT = 20
STATUS = health_pb2.HealthCheckResponse.ServingStatus


def read(path):
    with open(path, "rb") as file:
        return file.read()


def services(channel):
    try:
        return sorted(ProtoReflectionDescriptorDatabase(channel).get_services())
    except grpc.RpcError as error:
        return error.code().name


def main():
    address, service, certificate, key, authority = sys.argv[1:]
    credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
    with grpc.secure_channel(address, credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        watch = stub.Watch(request, timeout=TIMEOUT)
        found = {
            "health": STATUS.Name(stub.Check(request, timeout=TIMEOUT).status),
            "watched": STATUS.Name(next(watch).status),
            "process": STATUS.Name(
                stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT).status),
            "services": services(channel),
        }
        watch.cancel()
    print(json.dumps(found))


main()
