"""Memory of a TLS connection that has made a call and now waits."""

import os
import resource
import socket
import ssl
import struct

from peers import GRPC_CPP, NGHTTPD, OURS, Peer
from processes import resident_bytes
from tables import table

CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "10000"))
# Descriptors that a process needs besides its connections.
SPARE_DESCRIPTORS = 200
LIMIT_KIB = 40
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def run(place, goals):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The servers inherit it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = min(CONNECTIONS, most - SPARE_DESCRIPTORS)
    rows = []
    for name in (OURS, NGHTTPD, GRPC_CPP):
        with Peer(name, place, True) as server:
            server.verify()
            kib = _per_connection(server, place, count)
            server.verify()
        rows.append([name, f"{kib:.1f}"])
        if name == OURS:
            goals.at_most("memory per idle TLS connection", kib, LIMIT_KIB, " KiB")
    table(f"Growth of resident memory per idle connection: {count:,} connections, TLS 1.3, one "
          "call each", ["", "KiB"], rows)


def _per_connection(server, place, count):
    context = ssl.create_default_context(cafile=place.certificates.authority)
    context.load_cert_chain(place.certificates.load, place.certificates.load_key)
    context.set_alpn_protocols(["h2"])
    with open(place.path("Get"), "rb") as file:
        body = file.read()
    # The first connection pays for what all share.
    connections = [_open(context, server, body)]
    before = resident_bytes(server.pid)
    try:
        connections += [_open(context, server, body) for _ in range(count)]
        return (resident_bytes(server.pid) - before) / 1024 / count
    finally:
        for connection in connections:
            connection.close()


def _open(context, server, body):
    """A connection on which a call has been made and answered."""
    plain = socket.create_connection(("127.0.0.1", server.port), 30)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + _call(server, body))
    received = b""
    while True:
        piece = connection.recv(16384)
        if not piece:
            raise SystemExit(f"{server.name} closed an idle connection")
        received += piece
        while len(received) >= 9:
            length = int.from_bytes(received[:3], "big")
            if len(received) < 9 + length:
                break
            kind, flags = received[3], received[4]
            stream = struct.unpack(">I", received[5:9])[0]
            received = received[9 + length:]
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(_frame(SETTINGS, ACK, 0, b""))
            if stream == 1 and kind in (DATA, HEADERS) and flags & END_STREAM:
                return connection


def _frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def _call(server, body):
    is_file = server.name == NGHTTPD
    fields = [(b":method", b"GET" if is_file else b"POST"), (b":scheme", b"https"),
              (b":path", b"/answer" if is_file else b"/bench.Bench/Get"),
              (b":authority", b"localhost")]
    if is_file:
        return _frame(HEADERS, END_HEADERS | END_STREAM, 1, _header_block(fields))
    fields += [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
    return _frame(HEADERS, END_HEADERS, 1, _header_block(fields)) + _frame(
        DATA, END_STREAM, 1, body)


def _header_block(fields):
    """RFC 7541, 6.2.2: literals without indexing, all shorter than 127 bytes."""
    return b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
                    for name, value in fields)
