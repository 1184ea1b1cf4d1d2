"""Serves grpc.testing.TestService with grpcio, for our client.

Usage: serve_testing.py [CA CERTIFICATE KEY]
Prints "listening on 127.0.0.1:PORT" and serves until it is killed.
"""

import concurrent.futures
import sys
import time

from testing_service import (
    ECHO_INITIAL, ECHO_TRAILING, METHODS, SEE_COMPRESSION, SERVICE, Empty, Payload,
    SimpleResponse, StreamingInputCallResponse, StreamingOutputCallResponse, file_bytes, grpc,
    reader,
)

CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    received = context.invocation_metadata()
    context.send_initial_metadata([pair for pair in received if pair[0] == ECHO_INITIAL])
    context.set_trailing_metadata([pair for pair in received if pair[0] == ECHO_TRAILING])


def end_as_asked(request, context):
    if request.response_status.code != 0:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def check_compression(request, compressed, context):
    if request.HasField("expect_compressed") and request.expect_compressed.value != compressed:
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"compressed: {compressed}, expected: {request.expect_compressed.value}")


def zeros(count):
    return Payload(body=bytes(count))


class TestService:
    def EmptyCall(self, received, context):
        echo_metadata(context)
        return Empty()

    def UnaryCall(self, received, context):
        request = received.message
        # Before the metadata is sent: it names the encoding.
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        check_compression(request, received.compressed, context)
        end_as_asked(request, context)
        return SimpleResponse(payload=zeros(request.response_size))

    def CacheableUnaryCall(self, received, context):
        context.send_initial_metadata([("cache-control", "max-age=60, public")])
        return SimpleResponse(payload=Payload(body=str(time.time_ns()).encode()))

    def StreamingInputCall(self, requests, context):
        echo_metadata(context)
        count = 0
        for received in requests:
            check_compression(received.message, received.compressed, context)
            count += len(received.message.payload.body)
        return StreamingInputCallResponse(aggregated_payload_size=count)

    def StreamingOutputCall(self, received, context):
        request = received.message
        if any(wanted.compressed.value for wanted in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        echo_metadata(context)
        yield from self.responses(request, context)

    def FullDuplexCall(self, requests, context):
        echo_metadata(context)
        for received in requests:
            yield from self.responses(received.message, context)

    def HalfDuplexCall(self, requests, context):
        echo_metadata(context)
        for received in list(requests):
            yield from self.responses(received.message, context)

    def responses(self, request, context):
        end_as_asked(request, context)
        for wanted in request.response_parameters:
            time.sleep(wanted.interval_us / 1e6)
            if not wanted.compressed.value:
                context.disable_next_message_compression()
            yield StreamingOutputCallResponse(payload=zeros(wanted.size))


def handlers():
    service = TestService()
    for name, (request, response, client_streams, server_streams) in METHODS.items():
        if name == "UnimplementedCall":
            continue
        kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        yield name, make(
            getattr(service, name), request_deserializer=reader(request),
            response_serializer=response.SerializeToString)


def main():
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        server = grpc.server(pool, options=[SEE_COMPRESSION])
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(SERVICE, dict(handlers()))])
        if sys.argv[1:]:
            authority, certificate, key = map(file_bytes, sys.argv[1:])
            credentials = grpc.ssl_server_credentials([(key, certificate)], authority, True)
            port = server.add_secure_port("127.0.0.1:0", credentials)
        else:
            port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        print(f"listening on 127.0.0.1:{port}", flush=True)
        server.wait_for_termination()


main()
