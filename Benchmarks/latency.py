"""What a caller waits longer: for an answer at one connection, and for each chunk of a stream.

One connection to each server; each round asks all of them, so that what disturbs the machine
disturbs them all.
"""

import json
import socket
import statistics
import time
import urllib.parse

from tables import table

ROUNDS = 1_500
WARM_UP_ROUNDS = 200
STREAMS = 12
CHUNKS = 200
TIMEOUT_SECONDS = 30


class Connection:
    """HTTP/1.1 on one socket, as far as the provider's answers need it."""

    def __init__(self, url, headers, body):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}",
                 "content-type: application/json", f"content-length: {len(body)}",
                 *(f"{name}: {value}" for name, value in headers.items())]
        self._request = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self._received = b""

    def close(self):
        self._socket.close()

    def _receive(self):
        data = self._socket.recv(65536)
        if not data:
            raise SystemExit("a connection was closed in the middle of an answer")
        self._received += data

    def _head(self):
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self._received = self._received[:end].lower(), self._received[end + 4:]
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"not an answer to measure: {head.decode()}")
        return head

    def microseconds(self):
        """One request with an answer of known length, or in chunks."""
        start = time.perf_counter_ns()
        self._socket.sendall(self._request)
        head = self._head()
        if (found := head.find(b"\r\ncontent-length:")) >= 0:
            length = int(head[found + 17:].split(b"\r\n", 1)[0])
            while len(self._received) < length:
                self._receive()
            self._received = self._received[length:]
        else:
            while not self._received.endswith(b"0\r\n\r\n"):
                self._receive()
            self._received = b""
        return (time.perf_counter_ns() - start) / 1e3

    def chunk_microseconds(self):
        """How old each chunk of a stream is when it arrives: the provider writes the time into it."""
        self._socket.sendall(self._request)
        self._head()
        now, ages = time.monotonic_ns(), []
        while True:
            while (end := self._received.find(b"\n\n")) < 0:
                if self._received.endswith(b"0\r\n\r\n"):
                    self._received = b""
                    return ages
                self._receive()
                now = time.monotonic_ns()
            line, self._received = self._received[:end], self._received[end + 2:]
            written = json.loads(line[line.index(b"data: ") + 6:])["time"]
            ages.append((now - written) / 1e3)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def answers(servers, question, goals):
    """`servers`: name to URL and headers. The first one is the provider itself."""
    connections = {name: Connection(url, headers, question)
                   for name, (url, headers) in servers.items()}
    times = {name: [] for name in servers}
    for number in range(WARM_UP_ROUNDS + ROUNDS):
        for name, connection in connections.items():
            took = connection.microseconds()
            if number >= WARM_UP_ROUNDS:
                times[name].append(took)
    for connection in connections.values():
        connection.close()
    straight = statistics.median(next(iter(times.values())))
    added = {name: statistics.median(values) - straight for name, values in times.items()}
    table("A chat completion at one connection: latency in us",
          ["", "p50", "p99", "added p50"],
          [[name, f"{statistics.median(values):.0f}", f"{percentile(values, 0.99):.0f}",
            f"{added[name]:.0f}"] for name, values in times.items()])
    if "smg 1.13" in added:
        goals.at_most("chat completion, 1 connection: added p50 by smg's",
                      added["the portal"] / added["smg 1.13"], 2.0, "x")


def streams(servers, goals):
    """The same for each chunk of a stream of events, one every 2 ms."""
    question = json.dumps({"model": "bench", "stream": True, "chunks": CHUNKS,
                           "messages": [{"role": "user", "content": "hello"}]})
    connections = {name: Connection(url, headers, question)
                   for name, (url, headers) in servers.items()}
    ages = {name: [] for name in servers}
    for number in range(STREAMS + 1):
        for name, connection in connections.items():
            came = connection.chunk_microseconds()
            if len(came) != CHUNKS:
                raise SystemExit(f"{name}: {len(came)} of {CHUNKS} chunks came")
            if number > 0:
                ages[name] += came
    for connection in connections.values():
        connection.close()
    straight = next(iter(ages.values()))
    table("A stream of events, a chunk every 2 ms: age of a chunk in us",
          ["", "p50", "p99", "added p50", "added p99"],
          [[name, *(f"{percentile(values, share):.0f}" for share in (0.5, 0.99)),
            *(f"{percentile(values, share) - percentile(straight, share):.0f}"
              for share in (0.5, 0.99))] for name, values in ages.items()])
    goals.at_most(
        "stream of events: added p99 of a chunk",
        (percentile(ages["the portal"], 0.99) - percentile(straight, 0.99)) / 1e3, 1.0, " ms")
