"""Calls the test server with grpcio, which we did not write, and says what it got.

Usage: drive_calls.py PORT CA CERTIFICATE KEY CASE
Prints one line, "ok", or what was different.
"""

import concurrent.futures
import os
import sys

# Refused handshakes are what some cases are about.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

try:
    import grpc
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

SERVICE = "test.Service"


def expect(actual, wanted):
    if actual != wanted:
        sys.exit(f"got {actual!r}, not {wanted!r}")


def failure(call, request=b"", **options):
    try:
        answer = call(request, **options)
    except grpc.RpcError as error:
        return error
    sys.exit(f"the call succeeded with {answer!r}")


class Driver:
    def __init__(self, channel):
        self.channel = channel

    def method(self, name):
        return self.channel.unary_unary(f"/{SERVICE}/{name}")

    def unary(self):
        echo = self.method("Echo")
        expect(echo(b"hello", timeout=20), b"hello")
        expect(echo(b"", timeout=20), b"")

    def metadata(self):
        sent = (("name", "a value"), ("bytes-bin", bytes(range(256))), ("name", "second"))
        answer, call = self.method("Mirror").with_call(b"x", timeout=20, metadata=sent)
        expect(answer, b"x")
        got = [(m.key, m.value) for m in call.initial_metadata() if m.key in ("name", "bytes-bin")]
        expect(sorted(map(repr, got)), sorted(map(repr, sent)))
        expect(dict(call.trailing_metadata())["tail-bin"], b"\x00\xff\n\r")

    def status(self):
        error = failure(self.method("Fail"), timeout=20)
        expect(error.code(), grpc.StatusCode.FAILED_PRECONDITION)
        expect(error.details(), "naïve ☃ 100%\n\t end")
        status = rpc_status.from_call(error)
        expect(status.code, 9)
        bad_request = error_details_pb2.BadRequest()
        expect(status.details[0].Unpack(bad_request), True)
        expect(bad_request.field_violations[0].field, "apiKey")
        expect(bad_request.field_violations[0].description, "is empty")
        retry = error_details_pb2.RetryInfo()
        expect(status.details[1].Unpack(retry), True)
        expect((retry.retry_delay.seconds, retry.retry_delay.nanos), (1, 500_000_000))
        info = error_details_pb2.ErrorInfo()
        expect(status.details[2].Unpack(info), True)
        expect((info.reason, info.domain), ("QUOTA", "chatelaine"))

    def unimplemented(self):
        error = failure(self.method("Nothing"), timeout=20)
        expect(error.code(), grpc.StatusCode.UNIMPLEMENTED)
        missing = self.channel.unary_unary("/no.Service/No")
        expect(failure(missing, timeout=20).code(), grpc.StatusCode.UNIMPLEMENTED)

    def deadline(self):
        error = failure(self.method("Wait"), timeout=0.2)
        expect(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def cancel(self):
        future = self.method("Wait").future(b"cancel me", timeout=60)
        expect(self.method("UntilStarted")(b"", timeout=20), b"")
        future.cancel()
        # Answers when the server's handler has been cancelled.
        expect(self.method("UntilCancelled")(b"", timeout=20), b"")

    def large(self):
        data = bytes(range(256)) * (4 * 4096)
        expect(len(data), 4 << 20)
        expect(self.method("Echo")(data, timeout=60), data)
        error = failure(self.method("Echo"), data + b"x", timeout=60)
        expect(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def concurrent(self):
        echo = self.method("Echo")
        payloads = [f"call {index}".encode() * 50 for index in range(200)]
        with concurrent.futures.ThreadPoolExecutor(max_workers=50) as pool:
            answers = list(pool.map(lambda data: echo(data, timeout=60), payloads))
        expect(answers, payloads)
        futures = [echo.future(data, timeout=60) for data in payloads]
        expect([future.result() for future in futures], payloads)

    def refused(self):
        """With a certificate that the server must not take."""
        error = failure(self.method("Echo"), timeout=20)
        expect(error.code(), grpc.StatusCode.UNAVAILABLE)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    port, authority, certificate, key, case = sys.argv[1:]
    if certificate:
        credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
    else:
        credentials = grpc.ssl_channel_credentials(read(authority))
    options = [("grpc.max_receive_message_length", 8 << 20)]
    with grpc.secure_channel(f"localhost:{port}", credentials, options) as channel:
        getattr(Driver(channel), case)()
    print("ok")


main()
