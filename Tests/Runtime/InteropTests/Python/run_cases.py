"""Runs the interoperability cases with grpcio against our server.

Usage: run_cases.py PORT [CA CERTIFICATE KEY]
Prints a line per case: "ok   CASE", or "FAIL CASE: " and what was different.
"""

import concurrent.futures
import os
import queue
import sys
import time
import traceback

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from testing_service import (
    ECHO_INITIAL, ECHO_TRAILING, METHODS, SEE_COMPRESSION, SERVICE, BoolValue, EchoStatus, Empty,
    Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, file_bytes, grpc, stub,
)

from grpc._cython import cygrpc

TIMEOUT = 30
REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
INITIAL = "test_initial_metadata_value"
TRAILING = b"\xab\xab\xab"
GZIP = grpc.Compression.Gzip


class Plain(bytes):
    """A request that is not to be compressed in a call whose requests are.

    The core knows a flag for it, which grpcio offers to servers only.
    """


send_message = cygrpc.SendMessageOperation


def send_with_flags(data, flags):
    plain = cygrpc.WriteFlag.no_compress if isinstance(data, Plain) else 0
    return send_message(bytes(data), flags | plain)


cygrpc.SendMessageOperation = send_with_flags


def expect(what, actual, wanted):
    if actual != wanted:
        raise AssertionError(f"{what} is {actual!r}, not {wanted!r}")


def expect_payload(received, size):
    expect("the payload's size", len(received.message.payload.body), size)
    expect("the payload", received.message.payload.body, bytes(size))


def expect_failure(call, code, message=None):
    try:
        answer = call()
    except grpc.RpcError as error:
        expect("the status", error.code(), code)
        if message is not None:
            expect("the status message", error.details(), message)
        return
    raise AssertionError(f"the call has succeeded with {answer!r}")


def zeros(size):
    return Payload(body=bytes(size))


def flag(value):
    return BoolValue(value=value)


def wanting(request_size, response_size):
    return StreamingOutputCallRequest(
        response_parameters=[ResponseParameters(size=response_size)], payload=zeros(request_size))


class Feed:
    """Requests that are sent when the test wants."""

    def __init__(self):
        self.queue = queue.SimpleQueue()

    def __iter__(self):
        return iter(self.queue.get, None)

    def send(self, request):
        self.queue.put(request)

    def close(self):
        self.queue.put(None)


class Cases:
    def __init__(self, connect):
        self.connect = connect
        self.channel = connect()

    def stub(self, name):
        return stub(self.channel, name)

    def large_request(self, **fields):
        return SimpleRequest(response_size=314159, payload=zeros(271828), **fields)

    def empty_unary(self):
        expect("the answer", self.stub("EmptyCall")(Empty(), timeout=TIMEOUT).message, Empty())

    def cacheable_unary(self):
        received, call = self.stub("CacheableUnaryCall").with_call(
            SimpleRequest(), timeout=TIMEOUT, metadata=[("x-user-ip", "1.2.3.4")])
        directives = dict(call.initial_metadata())["cache-control"]
        expect("the caching", sorted(directives.split(", ")), ["max-age=60", "public"])
        # Both clocks are this machine's.
        if not 0 <= time.time_ns() - int(received.message.payload.body) < 60e9:
            raise AssertionError(f"the time is {received.message.payload.body}")

    def large_unary(self):
        expect_payload(self.stub("UnaryCall")(self.large_request(), timeout=TIMEOUT), 314159)

    def client_compressed_unary(self):
        call = self.stub("UnaryCall")
        compressed = self.large_request(expect_compressed=flag(True))
        expect_failure(
            lambda: call(compressed, timeout=TIMEOUT), grpc.StatusCode.INVALID_ARGUMENT)
        expect_payload(call(compressed, timeout=TIMEOUT, compression=GZIP), 314159)
        plain = self.large_request(expect_compressed=flag(False))
        expect_payload(call(plain, timeout=TIMEOUT), 314159)

    def server_compressed_unary(self):
        for wanted in (True, False):
            received = self.stub("UnaryCall")(
                self.large_request(response_compressed=flag(wanted)), timeout=TIMEOUT)
            expect("that the answer is compressed", received.compressed, wanted)
            expect_payload(received, 314159)

    def client_streaming(self):
        requests = (StreamingInputCallRequest(payload=zeros(size)) for size in REQUEST_SIZES)
        received = self.stub("StreamingInputCall")(requests, timeout=TIMEOUT)
        expect("the aggregated size", received.message.aggregated_payload_size, 74922)

    def client_compressed_streaming(self):
        first = StreamingInputCallRequest(payload=zeros(27182), expect_compressed=flag(True))
        second = StreamingInputCallRequest(payload=zeros(45904), expect_compressed=flag(False))
        probe = self.stub("StreamingInputCall")
        expect_failure(
            lambda: probe(iter([first]), timeout=TIMEOUT), grpc.StatusCode.INVALID_ARGUMENT)
        call = self.channel.stream_unary(
            f"/{SERVICE}/StreamingInputCall",
            request_serializer=lambda request: (
                bytes if request.expect_compressed.value else Plain
            )(request.SerializeToString()),
            response_deserializer=METHODS["StreamingInputCall"][1].FromString)
        response = call(iter([first, second]), timeout=TIMEOUT, compression=GZIP)
        expect("the aggregated size", response.aggregated_payload_size, 73086)

    def server_streaming(self):
        request = StreamingOutputCallRequest(
            response_parameters=[ResponseParameters(size=size) for size in RESPONSE_SIZES])
        responses = list(self.stub("StreamingOutputCall")(request, timeout=TIMEOUT))
        expect("the number of responses", len(responses), 4)
        for received, size in zip(responses, RESPONSE_SIZES):
            expect_payload(received, size)

    def server_compressed_streaming(self):
        request = StreamingOutputCallRequest(
            response_parameters=[
                ResponseParameters(size=31415, compressed=flag(True)),
                ResponseParameters(size=92653, compressed=flag(False)),
            ])
        first, second = self.stub("StreamingOutputCall")(request, timeout=TIMEOUT)
        expect("the compression", (first.compressed, second.compressed), (True, False))
        expect_payload(first, 31415)
        expect_payload(second, 92653)

    def ping_pong(self):
        feed = Feed()
        responses = self.stub("FullDuplexCall")(iter(feed), timeout=TIMEOUT)
        for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
            feed.send(wanting(request_size, response_size))
            expect_payload(next(responses), response_size)
        feed.close()
        expect("what follows", list(responses), [])

    def half_duplex(self):
        """Not in the descriptions' list, but a method of the service."""
        requests = [wanting(*sizes) for sizes in zip(REQUEST_SIZES, RESPONSE_SIZES)]
        responses = list(self.stub("HalfDuplexCall")(iter(requests), timeout=TIMEOUT))
        expect("the number of responses", len(responses), 4)
        for received, size in zip(responses, RESPONSE_SIZES):
            expect_payload(received, size)

    def empty_stream(self):
        expect("what comes", list(self.stub("FullDuplexCall")(iter(()), timeout=TIMEOUT)), [])

    def timeout_on_sleeping_server(self):
        feed = Feed()
        feed.send(StreamingOutputCallRequest(payload=zeros(27182)))
        responses = self.stub("FullDuplexCall")(iter(feed), timeout=0.001)
        expect_failure(lambda: next(responses), grpc.StatusCode.DEADLINE_EXCEEDED)
        feed.close()

    def cancel_after_begin(self):
        feed = Feed()
        call = self.stub("StreamingInputCall").future(iter(feed), timeout=TIMEOUT)
        call.cancel()
        expect("that the call is cancelled", call.cancelled(), True)
        expect("the status", call.code(), grpc.StatusCode.CANCELLED)
        feed.close()

    def cancel_after_first_response(self):
        feed = Feed()
        feed.send(wanting(27182, 31415))
        responses = self.stub("FullDuplexCall")(iter(feed), timeout=TIMEOUT)
        expect_payload(next(responses), 31415)
        responses.cancel()
        expect_failure(lambda: next(responses), grpc.StatusCode.CANCELLED)
        feed.close()

    def status_code_and_message(self):
        message = "test status message"
        status = EchoStatus(code=2, message=message)
        expect_failure(
            lambda: self.stub("UnaryCall")(SimpleRequest(response_status=status), timeout=TIMEOUT),
            grpc.StatusCode.UNKNOWN, message)
        requests = [StreamingOutputCallRequest(response_status=status)]
        expect_failure(
            lambda: list(self.stub("FullDuplexCall")(iter(requests), timeout=TIMEOUT)),
            grpc.StatusCode.UNKNOWN, message)

    def special_status_message(self):
        message = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
        request = SimpleRequest(response_status=EchoStatus(code=2, message=message))
        expect_failure(
            lambda: self.stub("UnaryCall")(request, timeout=TIMEOUT),
            grpc.StatusCode.UNKNOWN, message)

    def custom_metadata(self):
        metadata = ((ECHO_INITIAL, INITIAL), (ECHO_TRAILING, TRAILING))
        received, call = self.stub("UnaryCall").with_call(
            self.large_request(), timeout=TIMEOUT, metadata=metadata)
        expect_payload(received, 314159)
        self.expect_echo(call)
        responses = self.stub("FullDuplexCall")(
            iter([wanting(271828, 314159)]), timeout=TIMEOUT, metadata=metadata)
        expect_payload(next(responses), 314159)
        expect("what follows", list(responses), [])
        self.expect_echo(responses)

    def expect_echo(self, call):
        expect("initial metadata", dict(call.initial_metadata())[ECHO_INITIAL], INITIAL)
        expect("trailing metadata", dict(call.trailing_metadata())[ECHO_TRAILING], TRAILING)

    def unimplemented_method(self):
        expect_failure(
            lambda: self.stub("UnimplementedCall")(Empty(), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        other = stub(self.channel, "UnimplementedCall", "grpc.testing.UnimplementedService")
        expect_failure(lambda: other(Empty(), timeout=TIMEOUT), grpc.StatusCode.UNIMPLEMENTED)

    def rpc_soak(self):
        call = self.stub("UnaryCall")
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            for received in pool.map(
                lambda _: call(self.large_request(), timeout=TIMEOUT), range(40)
            ):
                expect_payload(received, 314159)

    def channel_soak(self):
        for _ in range(10):
            with self.connect() as channel:
                received = stub(channel, "UnaryCall")(self.large_request(), timeout=TIMEOUT)
                expect_payload(received, 314159)


def connector(port, files):
    options = [SEE_COMPRESSION, ("grpc.use_local_subchannel_pool", 1)]
    if not files:
        return lambda: grpc.insecure_channel(f"127.0.0.1:{port}", options)
    authority, certificate, key = map(file_bytes, files)
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    return lambda: grpc.secure_channel(f"localhost:{port}", credentials, options)


def main():
    cases = Cases(connector(sys.argv[1], sys.argv[2:]))
    helpers = {"stub", "large_request", "expect_echo"}
    for name in [name for name in vars(Cases) if name[0] != "_" and name not in helpers]:
        try:
            getattr(cases, name)()
            print(f"ok   {name}", flush=True)
        except Exception as error:
            what = " ".join("".join(traceback.format_exception_only(error)).split())
            print(f"FAIL {name}: {what}", flush=True)


main()
