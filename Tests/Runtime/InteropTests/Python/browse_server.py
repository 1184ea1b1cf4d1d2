"""Looks at a server through health and reflection alone, as grpcurl and load balancers do.

Usage: browse_server.py PORT list | call | version | health
       browse_server.py PORT status WANTED    (what Check says of the whole server)
       browse_server.py PORT drain PROCESS    (sends it SIGTERM)
Prints "ok", or what was different.
"""

import os
import queue
import signal
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

try:
    import grpc
    from google.protobuf import descriptor_pool, message_factory
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

TIMEOUT = 20
SERVICE = "grpc.testing.TestService"
SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    SERVICE,
]
STATUS = health_pb2.HealthCheckResponse.ServingStatus


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}: got {actual!r}, not {wanted!r}")


def expect_failure(call, code):
    try:
        answer = call()
    except grpc.RpcError as error:
        expect("the status", error.code(), code)
        return
    sys.exit(f"the call has succeeded with {answer!r}")


class Browser:
    def __init__(self, channel):
        self.channel = channel
        self.health_stub = health_pb2_grpc.HealthStub(channel)

    def list(self):
        database = ProtoReflectionDescriptorDatabase(self.channel)
        expect("services", sorted(database.get_services()), SERVICES)

    def call(self):
        """Calls a method that is known from the server only, with a message built from that."""
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        service = pool.FindServiceByName(SERVICE)
        expect(
            "methods", [method.name for method in service.methods],
            [
                "EmptyCall", "UnaryCall", "CacheableUnaryCall", "StreamingOutputCall",
                "StreamingInputCall", "FullDuplexCall", "HalfDuplexCall", "UnimplementedCall",
            ])
        unary = self.invoke(service.methods_by_name["UnaryCall"])
        response = next(unary({"response_size": 77, "fill_server_id": True}))
        expect("the payload", response.payload.body, bytes(77))
        expect("that a server id came", bool(response.server_id), True)
        streaming = self.invoke(service.methods_by_name["StreamingOutputCall"])
        sizes = [{"size": 3}, {"size": 4, "interval_us": 1000}]
        bodies = [r.payload.body for r in streaming({"response_parameters": sizes})]
        expect("the responses", bodies, [bytes(3), bytes(4)])
        # Every file of every service has to be whole, with all that it imports.
        for name in SERVICES:
            for method in pool.FindServiceByName(name).methods:
                message_factory.GetMessageClass(method.input_type)()
                message_factory.GetMessageClass(method.output_type)()

    def invoke(self, method):
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        call = self.channel.unary_stream(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString)
        return lambda fields: call(request(**fields), timeout=TIMEOUT)

    def version(self):
        """grpcio-reflection speaks v1alpha; v1 has the same messages under another name."""
        reflect = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
        questions = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{SERVICE}.UnaryCall"),
            reflection_pb2.ServerReflectionRequest(file_by_filename="no/such.proto"),
        ]
        services, files, missing = reflect(iter(questions), timeout=TIMEOUT)
        found = sorted(service.name for service in services.list_services_response.service)
        expect("services", found, SERVICES)
        expect("files", len(files.file_descriptor_response.file_descriptor_proto) >= 1, True)
        expect("the error", missing.error_response.error_code, 5)

    def check(self, service=""):
        request = health_pb2.HealthCheckRequest(service=service)
        return self.health_stub.Check(request, timeout=TIMEOUT).status

    def watch(self, service=""):
        request = health_pb2.HealthCheckRequest(service=service)
        return self.health_stub.Watch(request, timeout=TIMEOUT)

    def health(self):
        expect("the server", self.check(), STATUS.SERVING)
        expect("the service", self.check(SERVICE), STATUS.SERVING)
        expect_failure(lambda: self.check("no.Service"), grpc.StatusCode.NOT_FOUND)
        watch = self.watch(SERVICE)
        expect("the service", next(watch).status, STATUS.SERVING)
        watch.cancel()
        watch = self.watch("no.Service")
        expect("a stranger", next(watch).status, STATUS.SERVICE_UNKNOWN)
        watch.cancel()

    def status(self, wanted):
        expect("the server", self.check(), STATUS.Value(wanted))

    def drain(self, process):
        """A server that is told to end says so, and ends the calls that it has begun."""
        requests = queue.SimpleQueue()
        echo = self.channel.stream_stream(f"/{SERVICE}/FullDuplexCall")
        responses = echo(iter(requests.get, None), timeout=TIMEOUT)
        asks_for_nothing, asks_for_one = b"", b"\x12\x00"
        requests.put(asks_for_one)
        next(responses)
        watch = self.watch()
        expect("before", next(watch).status, STATUS.SERVING)
        os.kill(int(process), signal.SIGTERM)
        expect("after", next(watch).status, STATUS.NOT_SERVING)
        expect_failure(lambda: next(watch), grpc.StatusCode.UNAVAILABLE)
        requests.put(asks_for_one)
        next(responses)
        requests.put(asks_for_nothing)
        requests.put(None)
        expect("what follows", list(responses), [])
        expect("the status of the running call", responses.code(), grpc.StatusCode.OK)


def main():
    port, action, *arguments = sys.argv[1:]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        getattr(Browser(channel), action)(*arguments)
    print("ok")


main()
