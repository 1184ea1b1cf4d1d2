"""Calls a server with grpcio and checks the answers: h2load doesn't look at grpc-status.

verify.py DESCRIPTORS PORT [AUTHORITY CERTIFICATE KEY]
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

CALLS = 20
CHUNKS = 50
CHUNK_BYTES = 3000


def messages(path):
    """The message classes of bench.proto, by name."""
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as file:
        files.ParseFromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bench.{name}"))
            for name in ("GetRequest", "GetResponse", "SourceRequest", "Chunk", "SinkResponse")}


def channel(port, authority=None, certificate=None, key=None):
    if authority is None:
        return grpc.insecure_channel(f"127.0.0.1:{port}")
    def read(path):
        with open(path, "rb") as file:
            return file.read()
    credentials = grpc.ssl_channel_credentials(read(authority), read(key), read(certificate))
    return grpc.secure_channel(f"localhost:{port}", credentials)


def main(descriptors, *server):
    types = messages(descriptors)

    def method(kind, name, answer):
        return kind(f"/bench.Bench/{name}", request_serializer=lambda message:
                    message.SerializeToString(), response_deserializer=types[answer].FromString)

    with channel(*server) as target:
        get = method(target.unary_unary, "Get", "GetResponse")
        for number in range(CALLS):
            request = types["GetRequest"](user_id=f"user {number}", provider="anthropic")
            response = get(request, timeout=10)
            assert response == types["GetResponse"](
                id="0b6f1d5e-8c1a-4c0e-9d58-6f3f6f0c9a11", user_id=request.user_id,
                provider="anthropic", ciphertext=b"\xc3" * 60, iv=b"\xa5" * 12, tag=b"\x5a" * 16,
                created_at=1763900000123, enabled=True), response
        chunk = types["Chunk"](data=b"x" * CHUNK_BYTES)
        source = method(target.unary_stream, "Source", "Chunk")
        asked = types["SourceRequest"](chunks=CHUNKS, chunk_bytes=CHUNK_BYTES)
        assert list(source(asked, timeout=10)) == [chunk] * CHUNKS
        sink = method(target.stream_unary, "Sink", "SinkResponse")
        assert sink(iter([chunk] * CHUNKS), timeout=10) == types["SinkResponse"](
            chunks=CHUNKS, bytes=CHUNKS * CHUNK_BYTES)
        echo = method(target.stream_stream, "Echo", "Chunk")
        assert list(echo(iter([chunk] * CHUNKS), timeout=10)) == [chunk] * CHUNKS


if __name__ == "__main__":
    main(*sys.argv[1:])
