"""The messages of grpc.testing, and how to see in grpcio what was compressed.

grpcio hands over messages decompressed and doesn't say how they came. With its core's own
decompression off, they come as they were sent, and one that begins with gzip's magic number was
compressed: as protobuf those bytes would be a field of a wire type that doesn't exist.
"""

import gzip
import subprocess
import sys
import tempfile

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

SERVICE = "grpc.testing.TestService"
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
SEE_COMPRESSION = ("grpc.per_message_decompression", 0)
GZIP_MAGIC = b"\x1f\x8b"

# Debian's package grpc-proto.
PROTO_DIRECTORY = "/usr/share/grpc-proto"


def load():
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(
            [
                "protoc", f"-I{PROTO_DIRECTORY}", "--include_imports",
                f"--descriptor_set_out={file.name}", "grpc/testing/test.proto",
            ],
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for proto in files.file:
        pool.Add(proto)
    return pool


pool = load()


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))


Empty = message("Empty")
BoolValue = message("BoolValue")
EchoStatus = message("EchoStatus")
Payload = message("Payload")
ResponseParameters = message("ResponseParameters")
SimpleRequest = message("SimpleRequest")
SimpleResponse = message("SimpleResponse")
StreamingInputCallRequest = message("StreamingInputCallRequest")
StreamingInputCallResponse = message("StreamingInputCallResponse")
StreamingOutputCallRequest = message("StreamingOutputCallRequest")
StreamingOutputCallResponse = message("StreamingOutputCallResponse")

# Method: (request, response, does the client stream, does the server stream).
METHODS = {
    "EmptyCall": (Empty, Empty, False, False),
    "UnaryCall": (SimpleRequest, SimpleResponse, False, False),
    "CacheableUnaryCall": (SimpleRequest, SimpleResponse, False, False),
    "StreamingOutputCall": (StreamingOutputCallRequest, StreamingOutputCallResponse, False, True),
    "StreamingInputCall": (StreamingInputCallRequest, StreamingInputCallResponse, True, False),
    "FullDuplexCall": (StreamingOutputCallRequest, StreamingOutputCallResponse, True, True),
    "HalfDuplexCall": (StreamingOutputCallRequest, StreamingOutputCallResponse, True, True),
    "UnimplementedCall": (Empty, Empty, False, False),
}


def reader(kind):
    """A deserializer whose messages say, in the name that grpcio doesn't use, how they came."""

    def read(data):
        compressed = data.startswith(GZIP_MAGIC)
        return Received(kind.FromString(gzip.decompress(data) if compressed else data), compressed)

    return read


class Received:
    """A message and whether it came compressed."""

    def __init__(self, message, compressed):
        self.message = message
        self.compressed = compressed


def stub(channel, name, service=SERVICE):
    request, response, client_streams, server_streams = METHODS[name]
    kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
    make = getattr(channel, kind)
    return make(
        f"/{service}/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=reader(response),
    )


def file_bytes(path):
    with open(path, "rb") as file:
        return file.read()
