"""A provider that means harm by HTTP/2, written frame by frame (RFC 9113)."""

import asyncio
import time

PREFACE_BYTES = 24
HEAD_BYTES = 9
DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
CANCEL = 8
# Without settings of the client (RFC 9113, 6.9.2).
WINDOW_BYTES = 65_535
PIECE_BYTES = 16 << 10
UNSENT_BYTES_MAX = 1 << 20
# Status 200 in HPACK's static table (RFC 7541, A).
OK = b"\x88"


def frame(kind, stream, payload=b"", flags=0):
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
            + payload)


class HostileProvider(asyncio.Protocol):
    """`kind` says what it does with each request: "slow" and "stream" keep to the rules."""

    def __init__(self, kind, provider):
        self.kind, self.provider = kind, provider
        self.received = b""
        self.has_preface = False
        self.initial = self.window = WINDOW_BYTES
        self.windows = {}
        self.flooding = None

    def connection_made(self, transport):
        self.transport = transport
        transport.write(frame(SETTINGS, 0))

    def connection_lost(self, error):
        if self.flooding:
            self.flooding.cancel()

    def data_received(self, data):
        self.received += data
        if not self.has_preface:
            if len(self.received) < PREFACE_BYTES:
                return
            self.received, self.has_preface = self.received[PREFACE_BYTES:], True
        while len(self.received) >= HEAD_BYTES:
            end = HEAD_BYTES + int.from_bytes(self.received[:3], "big")
            if len(self.received) < end:
                return
            head, payload = self.received[:HEAD_BYTES], self.received[HEAD_BYTES:end]
            self.received = self.received[end:]
            self.handle(head[3], head[4], int.from_bytes(head[5:], "big"), payload)

    def handle(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags:
            self.transport.write(frame(SETTINGS, 0, flags=1))
            for start in range(0, len(payload), 6):
                if payload[start:start + 2] == b"\0\4":
                    self.initial = int.from_bytes(payload[start + 2:start + 6], "big")
        elif kind == WINDOW_UPDATE:
            value = int.from_bytes(payload, "big")
            if stream == 0:
                self.window += value
            elif stream in self.windows:
                self.windows[stream] += value
            self.pump()
        elif kind == RESET:
            self.windows.pop(stream, None)
            self.provider.closed.put_nowait(time.monotonic())
        elif kind == HEADERS:
            self.answer(stream)

    def answer(self, stream):
        if self.kind == "slow":
            self.provider.begun.put_nowait(time.monotonic())
        elif self.kind == "stream":
            self.transport.write(frame(HEADERS, stream, OK, flags=4))
            self.windows[stream] = self.initial
            self.pump()
        elif self.kind == "status":
            # ":status" (8 in the table) with text of four digits.
            self.transport.write(frame(HEADERS, stream, b"\x08\x041000", flags=5))
        elif not self.flooding:
            self.flooding = asyncio.ensure_future(self.flood(stream))

    def pump(self):
        """As much of every stream as the windows allow."""
        for stream in self.windows:
            while min(self.window, self.windows[stream]) >= PIECE_BYTES:
                self.transport.write(frame(DATA, stream, b"s" * PIECE_BYTES))
                self.window -= PIECE_BYTES
                self.windows[stream] -= PIECE_BYTES

    async def flood(self, stream):
        pieces = {
            "pings": frame(PING, 0, bytes(8)),
            "settings": frame(SETTINGS, 0),
            "interim": frame(HEADERS, stream, b"\x08\x03103" + b"\0\4link\x7f\x80\x1f" + b"a" * 4_095,
                             flags=4),
        }
        piece = pieces[self.kind] * max(1, PIECE_BYTES // len(pieces[self.kind]))
        while not self.transport.is_closing():
            self.transport.write(piece)
            while self.transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
