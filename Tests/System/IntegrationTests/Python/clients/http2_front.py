"""An HTTP/2 front of a server of HTTP/1.1, over TLS: each stream becomes a connection of its own.

Whoever chooses HTTP/1.1 by ALPN is joined to the server as it is.
"""

import asyncio
import ssl

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated)
from h2.exceptions import ProtocolError

HEAD_BYTES_MAX = 1 << 20
CONNECTION_FIELDS = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"}


class Stream:
    """A request on its way to the server, and the answer on its way back."""

    def __init__(self, front, number, event):
        self.front, self.number = front, number
        self.fields = event.headers
        self.has_body = event.stream_ended is None
        self.body = asyncio.Queue()
        # Bytes that came, and for which the client got no new credit yet.
        self.owed = 0
        self.window = asyncio.Event()
        self.is_sent = not self.has_body
        self.task = asyncio.ensure_future(self.run())

    async def run(self):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.front.port, limit=HEAD_BYTES_MAX)
        upload = asyncio.ensure_future(self.upload(writer))
        try:
            await self.answer(reader)
            if not self.is_sent:
                self.front.reset(self.number, ErrorCodes.NO_ERROR)
        except asyncio.IncompleteReadError:
            self.front.reset(self.number, ErrorCodes.INTERNAL_ERROR)
        finally:
            upload.cancel()
            writer.close()
            self.front.settle(self)

    async def upload(self, writer):
        fields = dict(self.fields)
        lines = [b"%s %s HTTP/1.1" % (fields[b":method"], fields[b":path"]),
                 b"host: " + fields[b":authority"]]
        lines += [b"%s: %s" % field for field in self.fields if not field[0].startswith(b":")]
        is_chunked = self.has_body and b"content-length" not in fields
        if is_chunked:
            lines.append(b"transfer-encoding: chunked")
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        try:
            while self.has_body and (piece := await self.body.get()) is not None:
                data, credit = piece
                if data:
                    writer.write(b"%x\r\n%s\r\n" % (len(data), data) if is_chunked else data)
                await writer.drain()
                self.front.acknowledge(self, credit)
            if is_chunked:
                writer.write(b"0\r\n\r\n")
                await writer.drain()
            self.is_sent = True
        except ConnectionError:
            pass  # The server has enough; its answer says so.

    async def answer(self, reader):
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            except (asyncio.IncompleteReadError, ConnectionError):
                return self.front.transport.close()  # It said nothing; no more do we.
            lines = head.split(b"\r\n")
            if not lines[0].startswith(b"HTTP/"):
                return self.front.transport.write(head)  # No HTTP/2 either.
            status = lines[0].split(b" ")[1]
            fields = [(name.strip().lower(), self.front.public(value.strip())) for name, _, value in
                      (line.partition(b":") for line in lines[1:])]
            self.front.head(self.number, status, fields)
            if not status.startswith(b"1"):
                break
        method = dict(self.fields)[b":method"]
        named = dict(fields)
        if method == b"HEAD" or status in (b"204", b"304"):
            pass
        elif named.get(b"transfer-encoding") == b"chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await self.send(await reader.readexactly(size))
                await reader.readexactly(2)
        elif b"content-length" in named:
            left = int(named[b"content-length"])
            while left:
                piece = await reader.read(min(left, 1 << 16))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
                await self.send(piece)
        else:
            while piece := await reader.read(1 << 16):
                await self.send(piece)
        self.front.end(self.number)

    async def send(self, data):
        while data:
            room = self.front.room(self.number)
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.front.data(self.number, data[:room])
            data = data[room:]


class Front(asyncio.Protocol):
    """A connection to the front."""

    def __init__(self, port, public):
        self.port, self.public = port, public
        self.streams = {}
        self.connection = None
        self.pipe = None

    def connection_made(self, transport):
        self.transport = transport
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            self.connection = H2Connection(
                H2Configuration(client_side=False, header_encoding=None))
            self.connection.initiate_connection()
            self.flush()
        else:
            self.pipe = asyncio.Queue()
            self.joined = asyncio.ensure_future(self.join())

    def data_received(self, data):
        if self.pipe:
            return self.pipe.put_nowait(data)
        try:
            events = self.connection.receive_data(data)
        except ProtocolError:
            self.flush()
            return self.transport.close()
        for event in events:
            self.handle(event)
        self.flush()

    def handle(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        match event:
            case RequestReceived():
                self.streams[event.stream_id] = Stream(self, event.stream_id, event)
            case DataReceived() if stream:
                stream.owed += event.flow_controlled_length
                stream.body.put_nowait((event.data, event.flow_controlled_length))
                if stream.task.done():
                    self.settle(stream)
            case StreamEnded() if stream:
                stream.body.put_nowait(None)
            case StreamReset() if stream:
                self.streams.pop(event.stream_id).task.cancel()
            case WindowUpdated():
                for waiting in self.streams.values():
                    waiting.window.set()
            case ConnectionTerminated():
                self.transport.close()

    def connection_lost(self, error):
        for stream in self.streams.values():
            stream.task.cancel()
        if self.pipe:
            self.joined.cancel()

    def flush(self):
        if data := self.connection.data_to_send():
            self.transport.write(data)

    # What streams do; one that the client has reset takes nothing more.

    def act(self, number, action):
        if number in self.streams:
            action()
            self.flush()

    def head(self, number, status, fields):
        fields = [(b":status", status)] + [
            field for field in fields if field[0] not in CONNECTION_FIELDS]
        self.act(number, lambda: self.connection.send_headers(number, fields))

    def data(self, number, data):
        self.act(number, lambda: self.connection.send_data(number, data))

    def end(self, number):
        self.act(number, lambda: self.connection.end_stream(number))

    def reset(self, number, code):
        self.act(number, lambda: self.connection.reset_stream(number, code))

    def acknowledge(self, stream, count):
        """Also of a stream that is over: the connection's credit is everybody's."""
        if count > 0:
            stream.owed -= count
            self.connection.acknowledge_received_data(count, stream.number)
            self.flush()

    def settle(self, stream):
        """Gives credit for what the server will not read any more."""
        self.acknowledge(stream, stream.owed)

    def room(self, number):
        return min(self.connection.local_flow_control_window(number),
                   self.connection.max_outbound_frame_size)

    async def join(self):
        """Passes bytes on in both directions."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def forth():
            while True:
                writer.write(await self.pipe.get())

        sending = asyncio.ensure_future(forth())
        try:
            while data := await reader.read(1 << 16):
                self.transport.write(data)
        finally:
            sending.cancel()
            writer.close()
            self.transport.close()


async def listen(port, certificate, key):
    """Starts a front of `port`; the server and its own port. Where an answer's fields name the
    server, they name the front then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    own = 0

    def public(value):
        return value.replace(b"http://127.0.0.1:%d" % port, b"https://127.0.0.1:%d" % own)

    server = await asyncio.get_running_loop().create_server(
        lambda: Front(port, public), "127.0.0.1", 0, ssl=context)
    own = server.sockets[0].getsockname()[1]
    return server, own
