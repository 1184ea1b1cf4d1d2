"""A stand-in for every provider: speaks their protocols on loopback and tells what it was sent.

Usage: stand_in.py CERTIFICATE KEY ROOM...
Prints one line of JSON, {"admin": PORT, "rooms": {ROOM: {"provider": PORT, "secure": PORT,
"elsewhere": PORT, "closed": PORT}}}, and serves until SIGTERM. A room is one client's own provider,
the same by TLS and HTTP/2, another host to which redirects lead, and a port at which nobody
listens; rooms know nothing of each other.

At the admin port, with JSON:
  POST /ROOM/script   a list of changes, one for each coming request at `provider` (see Change)
  POST /ROOM/release  lets held answers go on
  GET  /ROOM/records  everything both hosts of the room were sent since the last such question
  POST /ROOM/until    waits until the newest record has these members, e.g. {"end": "left"}
"""

import asyncio
import base64
import gzip
import hashlib
import json
import re
import signal
import socket
import sys
from urllib.parse import urlsplit

import brotli

import answers
import http2_front

HEAD_BYTES_MAX = 1 << 20
WEBSOCKET_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Change:
    """What makes one answer differ from what its path would get; all are optional."""

    NAMES = {
        "status": "instead of the usual one",
        "headers": "besides the usual ones; {origin}, {elsewhere} and {target} in a value stand "
                   "for this host, the other one and the request's own target",
        "body": "instead of the usual one",
        "encoding": "gzip or br",
        "cut": "breaks off after so many bytes of the body",
        "hold": "head and first piece are sent, the rest waits for /release",
        "silent": "nothing at all is sent until /release",
        "early": "answers after so many bytes of the request's body and closes",
        "lingers": "with early: reads the rest before it closes",
        "unread": "leaves the request's body alone until /release",
        "raw": "pieces (base64) instead of an answer; the connection closes then",
    }

    def __init__(self, fields):
        if unknown := set(fields) - set(self.NAMES):
            raise ValueError(f"no such change: {unknown}")
        self.__dict__.update(dict.fromkeys(self.NAMES), **fields)


class Gate:
    """Where any number wait until it opens for all of them; it shuts at once."""

    def __init__(self):
        self.event = asyncio.Event()

    def open(self):
        event, self.event = self.event, asyncio.Event()
        event.set()

    async def wait(self):
        await self.event.wait()


class Room:
    def __init__(self, name):
        self.name = name
        self.script = []
        self.records = []
        self.connections = 0
        self.held = Gate()
        self.news = Gate()
        self.ports = {}

    def change(self):
        return Change(self.script.pop(0) if self.script else {})

    def note(self, record, **more):
        record |= more
        self.news.open()

    def origin(self, host):
        return f"http://127.0.0.1:{self.ports[host]}"


class Request:
    """A request's head as it came, and its body's framing."""

    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.headers = [
            (name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        self.path, self.query = urlsplit(self.target).path, urlsplit(self.target).query
        self.body = b""

    def get(self, name):
        return next((value for field, value in self.headers if field.lower() == name), "")

    def json(self):
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            return {}

    def digest(self):
        """Of the body, with the boundary of a multipart body, which is random, left out."""
        body = self.body
        if match := re.search(r'boundary="?([^";]+)', self.get("content-type")):
            body = body.replace(match.group(1).encode(), b"BOUNDARY")
        return hashlib.sha256(body).hexdigest()

    async def pieces(self, reader):
        """The body as it comes, without its framing."""
        if "chunked" in self.get("transfer-encoding").lower():
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                yield await reader.readexactly(size)
                await reader.readexactly(2)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        elif length := int(self.get("content-length") or 0):
            while length:
                piece = await reader.read(min(length, 1 << 16))
                if not piece:
                    raise ConnectionError("the client left while it sent")
                length -= len(piece)
                yield piece


class Reader(asyncio.StreamReader):
    """Tells of the client's end without reading, which would take the next request."""

    def __init__(self):
        super().__init__(limit=HEAD_BYTES_MAX)
        self.ended = asyncio.Event()

    def feed_eof(self):
        super().feed_eof()
        self.ended.set()

    def set_exception(self, error):
        super().set_exception(error)
        self.ended.set()


class Connection:
    def __init__(self, room, host, reader, writer):
        self.room, self.host = room, host
        self.reader, self.writer = reader, writer
        room.connections += 1
        self.number = room.connections

    async def serve(self):
        try:
            while await self.serve_one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.writer.close()

    async def serve_one(self):
        """Answers a request; false when the connection is to end."""
        request = Request((await self.reader.readuntil(b"\r\n\r\n"))[:-4])
        record = {
            "host": self.host, "connection": self.number, "line": request.line,
            "headers": request.headers}
        self.room.records.append(record)
        self.room.note(record, end="open")
        change = self.room.change() if self.host == "provider" else Change({})
        try:
            is_open = await self.answer(request, change, record)
            self.room.note(record, end="answered")
            return is_open
        except (ConnectionError, asyncio.IncompleteReadError):
            self.room.note(record, end="left")
            raise

    async def answer(self, request, change, record):
        if change.unread:
            await self.or_left(self.room.held.wait())
        if request.get("expect").lower() == "100-continue" and change.early is None:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for piece in request.pieces(self.reader):
            request.body += piece
            if change.early is not None and len(request.body) >= change.early:
                break
        # How much has come when one stops early is up to chance.
        digest = request.digest() if change.early is None else None
        self.room.note(record, bytes=len(request.body), digest=digest)
        if request.get("upgrade").lower() == "websocket":
            return await self.websocket(request)
        if change.silent:
            await self.or_left(self.room.held.wait())
        if change.raw is not None:
            for piece in change.raw:
                self.writer.write(base64.b64decode(piece))
                await self.writer.drain()
            return False
        await self.send(request, change)
        if change.early is not None and change.lingers:
            self.writer.write_eof()
            while await self.reader.read(1 << 16):
                pass
        return change.early is None and change.cut is None

    async def send(self, request, change):
        origin = self.room.origin(self.host)
        answer = answers.answer(request, origin)
        answer.status = change.status or answer.status
        if change.body is not None:
            answer.pieces = [change.body.encode()]
        if change.encoding:
            squeeze = {"gzip": gzip.compress, "br": brotli.compress}[change.encoding]
            answer.pieces = [squeeze(b"".join(answer.pieces))]
            answer.headers.append(("content-encoding", change.encoding))
        names = {"origin": origin, "elsewhere": self.room.origin("elsewhere"),
                 "target": request.target}
        for name, value in change.headers or []:
            for key, text in names.items():
                value = value.replace("{%s}" % key, text)
            answer.headers.append((name, value))
        if change.cut is not None:
            whole = b"".join(answer.pieces)
            answer.headers.append(("content-length", str(len(whole))))
            answer.pieces = [whole[:change.cut]]
        await self.write(request, answer, change.hold)

    async def write(self, request, answer, holds):
        names = {name.lower() for name, _ in answer.headers}
        is_chunked = len(answer.pieces) != 1 and "content-length" not in names
        if is_chunked:
            answer.headers.append(("transfer-encoding", "chunked"))
        elif "content-length" not in names and answer.status not in (204, 304):
            answer.headers.append(("content-length", str(len(answer.pieces[0]))))
        head = [f"HTTP/1.1 {answer.status} Said"] + [f"{n}: {v}" for n, v in answer.headers]
        self.writer.write(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        pieces = answer.pieces if request.method != "HEAD" else []
        for number, piece in enumerate(pieces):
            if number == 1 and holds:
                await self.or_left(self.room.held.wait())
            self.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)
            await self.writer.drain()
        if is_chunked and pieces:
            self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def or_left(self, wait):
        """Waits, and notices when the client leaves meanwhile."""
        waiting = asyncio.ensure_future(wait)
        leaving = asyncio.ensure_future(self.reader.ended.wait())
        await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if leaving.done():
            raise ConnectionError("the client left")
        leaving.cancel()

    async def websocket(self, request):
        """Accepts the first protocol offered, says hello, then sends back what it is sent."""
        key = request.get("sec-websocket-key").encode() + WEBSOCKET_MAGIC
        protocol = request.get("sec-websocket-protocol").split(",")[0]
        self.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key).digest()) + b"\r\n"
            + (b"Sec-WebSocket-Protocol: %s\r\n" % protocol.encode() if protocol else b"")
            + b"\r\n")
        self.frame(1, answers.realtime_greeting())
        while True:
            opcode, length = await self.reader.readexactly(2)
            length &= 127
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            mask = await self.reader.readexactly(4)
            payload = await self.reader.readexactly(length)
            payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
            self.frame(opcode & 15, payload)
            if opcode & 15 == 8:
                return False

    def frame(self, opcode, payload):
        size = len(payload)
        length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
        self.writer.write(bytes([128 | opcode]) + length + payload)


class Admin:
    def __init__(self, rooms):
        self.rooms = rooms

    async def serve(self, reader, writer):
        try:
            request = Request((await reader.readuntil(b"\r\n\r\n"))[:-4])
            request.body = b"".join([piece async for piece in request.pieces(reader)])
            _, name, what = request.path.split("/")
            answer = json.dumps(await getattr(self, what)(self.rooms[name], request)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                         % (len(answer), answer))
            await writer.drain()
        finally:
            writer.close()

    async def script(self, room, request):
        room.script = json.loads(request.body)

    async def release(self, room, request):
        room.held.open()

    async def records(self, room, request):
        records, room.records = room.records, []
        return records

    async def until(self, room, request):
        wanted = json.loads(request.body).items()
        while not room.records or not wanted <= room.records[-1].items():
            await room.news.wait()


async def listen(serve):
    server = await asyncio.get_running_loop().create_server(
        lambda: asyncio.StreamReaderProtocol(Reader(), serve), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def serve_host(room, host):
    return lambda reader, writer: Connection(room, host, reader, writer).serve()


async def main(certificate, key, names):
    rooms = {name: Room(name) for name in names}
    kept = []
    for room in rooms.values():
        for host in ("provider", "elsewhere"):
            server, room.ports[host] = await listen(serve_host(room, host))
            kept.append(server)
        server, room.ports["secure"] = await http2_front.listen(
            room.ports["provider"], certificate, key)
        kept.append(server)
        # Bound and never listened at: whoever connects is refused, and nobody else gets the port.
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        kept.append(closed)
        room.ports["closed"] = closed.getsockname()[1]
    server, port = await listen(Admin(rooms).serve)
    print(json.dumps({"admin": port, "rooms": {r.name: r.ports for r in rooms.values()}}),
          flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3], sys.argv[3:]))
