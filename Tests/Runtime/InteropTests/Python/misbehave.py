"""Answers UnaryCall as the "negative HTTP/2" interoperability tests want it: frames by hand.

Usage: misbehave.py CASE [HTTP/2 error code]
Prints "listening on 127.0.0.1:PORT", serves until SIGTERM, then prints what it has seen:
"connections=N calls=N concurrent=N pings=N acks=N".
"""

import selectors
import signal
import socket
import struct
import sys

try:
    import hpack
    from hyperframe import frame as frames
except ImportError as error:
    sys.exit(f"missing Python package: {error}; see Tests/requirements.txt")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD_BYTES = 9
DATA_BYTES_MAX = 16384
WINDOW_BYTES = 65535
RESPONSE_BYTES = 314159
STREAMS_MAX = 1
REFUSED_STREAM = 7


def varint(number):
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def field(number, data):
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def response():
    """An enveloped SimpleResponse with a payload of zeros."""
    message = field(1, field(2, bytes(RESPONSE_BYTES)))
    return struct.pack(">BI", 0, len(message)) + message


class Seen:
    connections = calls = concurrent = pings = acks = 0

    def __str__(self):
        return (
            f"connections={self.connections} calls={self.calls} concurrent={self.concurrent} "
            f"pings={self.pings} acks={self.acks}")


class Stream:
    """What is still to be sent on a stream: frames, bytes of DATA, which wait for windows, and
    conditions, which hold up what follows."""

    def __init__(self, number, window):
        self.number = number
        self.window = window
        self.parts = None
        self.part = None

    def current(self):
        """The part that comes next; None after the last one. Parts are made as late as they can
        be: header blocks have to be packed in the order in which they are sent."""
        if self.part is None and self.parts is not None:
            self.part = next(self.parts, None)
        return self.part


class Connection:
    def __init__(self, sock, case, seen):
        self.sock = sock
        self.case = case
        self.seen = seen
        self.index = seen.connections
        seen.connections += 1
        self.input = b""
        self.has_preface = False
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.window = WINDOW_BYTES
        self.stream_window = WINDOW_BYTES
        self.streams = {}
        self.pings_unanswered = set()
        settings = frames.SettingsFrame(settings=case.settings)
        self.send(settings)

    # Bytes and frames

    def send(self, frame):
        self.sock.sendall(frame.serialize())

    def receive(self):
        """False when the client has closed the connection."""
        data = self.sock.recv(1 << 16)
        self.input += data
        if not self.has_preface and len(self.input) >= len(PREFACE):
            assert self.input.startswith(PREFACE), "no HTTP/2"
            self.input = self.input[len(PREFACE):]
            self.has_preface = True
        while self.has_preface and len(self.input) >= FRAME_HEAD_BYTES:
            frame, length = frames.Frame.parse_frame_header(
                memoryview(self.input[:FRAME_HEAD_BYTES]))
            end = FRAME_HEAD_BYTES + length
            if len(self.input) < end:
                break
            frame.parse_body(memoryview(self.input[FRAME_HEAD_BYTES:end]))
            self.input = self.input[end:]
            self.handle(frame)
        return bool(data)

    def handle(self, frame):
        if isinstance(frame, frames.SettingsFrame) and "ACK" not in frame.flags:
            self.encoder.header_table_size = frame.settings.get(
                frames.SettingsFrame.HEADER_TABLE_SIZE, self.encoder.header_table_size)
            window = frame.settings.get(frames.SettingsFrame.INITIAL_WINDOW_SIZE)
            if window is not None:
                for stream in self.streams.values():
                    stream.window += window - self.stream_window
                self.stream_window = window
            self.send(frames.SettingsFrame(flags=["ACK"]))
            self.pump()
        elif isinstance(frame, frames.PingFrame):
            if "ACK" in frame.flags:
                self.answered(frame.opaque_data)
            else:
                self.send(frames.PingFrame(opaque_data=frame.opaque_data, flags=["ACK"]))
        elif isinstance(frame, frames.WindowUpdateFrame):
            if frame.stream_id == 0:
                self.window += frame.window_increment
            elif frame.stream_id in self.streams:
                self.streams[frame.stream_id].window += frame.window_increment
            self.pump()
        elif isinstance(frame, frames.HeadersFrame):
            self.decoder.decode(frame.data)
            self.streams[frame.stream_id] = Stream(frame.stream_id, self.stream_window)
            self.seen.calls += 1
            self.seen.concurrent = max(self.seen.concurrent, len(self.streams))
            if "END_STREAM" in frame.flags:
                self.request_ended(frame.stream_id)
        elif isinstance(frame, frames.DataFrame):
            if frame.flow_controlled_length > 0:
                for number in (0, frame.stream_id):
                    self.send(frames.WindowUpdateFrame(
                        number, window_increment=frame.flow_controlled_length))
            if "END_STREAM" in frame.flags:
                self.request_ended(frame.stream_id)
        elif isinstance(frame, frames.RstStreamFrame):
            self.streams.pop(frame.stream_id, None)

    def request_ended(self, number):
        if number in self.streams:
            stream = self.streams[number]
            stream.parts = iter(self.case.answer(self, stream))
            self.pump()

    def pump(self):
        """Sends what windows and missing acknowledgements allow."""
        for stream in list(self.streams.values()):
            while (part := stream.current()) is not None and self.advance(stream, part):
                pass
            if stream.parts is not None and part is None:
                self.streams.pop(stream.number, None)

    def advance(self, stream, part):
        """Sends a part, or a piece of it; false when that has to wait."""
        if callable(part):
            if not part():
                return False
            stream.part = None
        elif isinstance(part, bytes):
            room = min(self.window, stream.window, DATA_BYTES_MAX)
            if room <= 0:
                return False
            chunk = part[:room]
            stream.part = part[room:] or None
            self.window -= len(chunk)
            stream.window -= len(chunk)
            self.send(frames.DataFrame(stream.number, data=chunk))
        else:
            stream.part = None
            self.send(part)
        return True

    # Parts of answers

    def header_frame(self, stream, fields, end):
        flags = ["END_HEADERS"] + (["END_STREAM"] if end else [])
        return frames.HeadersFrame(stream.number, data=self.encoder.encode(fields), flags=flags)

    def initial(self, stream):
        return self.header_frame(
            stream, [(":status", "200"), ("content-type", "application/grpc")], False)

    def trailers(self, stream):
        return self.header_frame(stream, [("grpc-status", "0")], True)

    def ping(self):
        number = self.seen.pings
        self.seen.pings += 1
        data = struct.pack(">Q", number)
        self.pings_unanswered.add(data)
        return frames.PingFrame(opaque_data=data)

    def answered(self, data):
        self.pings_unanswered.remove(data)
        self.seen.acks += 1
        self.pump()


class Case:
    """A proper answer, from which the cases differ."""

    settings = {}

    def __init__(self, code):
        self.code = code

    def answer(self, connection, stream):
        yield connection.initial(stream)
        yield response()
        yield connection.trailers(stream)

    def reset(self, stream):
        return frames.RstStreamFrame(stream.number, error_code=self.code)


class GoAway(Case):
    """The connection is to end with this call; the next one has to find another."""

    def answer(self, connection, stream):
        initial, data, trailers = super().answer(connection, stream)
        yield initial
        yield frames.GoAwayFrame(last_stream_id=stream.number)
        yield data
        yield trailers


class GoAwayUnprocessed(Case):
    """The first connection ends without having looked at the call."""

    def answer(self, connection, stream):
        if connection.index > 0:
            yield from super().answer(connection, stream)
        else:
            yield frames.GoAwayFrame(last_stream_id=0)


class RefusedOnce(Case):
    """The first call is refused before it was looked at."""

    def answer(self, connection, stream):
        if connection.seen.calls > 1:
            yield from super().answer(connection, stream)
        else:
            yield frames.RstStreamFrame(stream.number, error_code=REFUSED_STREAM)


class RstAfterHeader(Case):
    def answer(self, connection, stream):
        yield connection.initial(stream)
        yield self.reset(stream)


class RstDuringData(Case):
    def answer(self, connection, stream):
        yield connection.initial(stream)
        yield response()[:RESPONSE_BYTES // 2]
        yield self.reset(stream)


class RstAfterData(Case):
    def answer(self, connection, stream):
        yield connection.initial(stream)
        yield response()
        yield self.reset(stream)


class Ping(Case):
    """Pings at all points of an answer, whose end waits for every acknowledgement."""

    def answer(self, connection, stream):
        data = response()
        yield connection.ping()
        yield connection.initial(stream)
        yield connection.ping()
        for start in range(0, len(data), DATA_BYTES_MAX):
            yield data[start:start + DATA_BYTES_MAX]
            yield connection.ping()
        yield lambda: not connection.pings_unanswered
        yield connection.trailers(stream)


class MaxStreams(Case):
    settings = {frames.SettingsFrame.MAX_CONCURRENT_STREAMS: STREAMS_MAX}


CASES = {
    "goaway": GoAway,
    "goaway_unprocessed": GoAwayUnprocessed,
    "refused_once": RefusedOnce,
    "rst_after_header": RstAfterHeader,
    "rst_during_data": RstDuringData,
    "rst_after_data": RstAfterData,
    "ping": Ping,
    "max_streams": MaxStreams,
}


class Ended(Exception):
    pass


def end(*_):
    raise Ended


def serve(listener, case, seen):
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, Connection(sock, case, seen))
                continue
            try:
                is_open = key.data.receive()
            except ConnectionError:
                is_open = False
            if not is_open:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def main():
    name, *code = sys.argv[1:]
    seen = Seen()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        signal.signal(signal.SIGTERM, end)
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        try:
            serve(listener, CASES[name](int(code[0]) if code else 0), seen)
        except Ended:
            print(seen, flush=True)


main()
