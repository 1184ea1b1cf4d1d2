"""An HTTP/1.1 client that sends what it is told and shows what it gets, byte for byte."""

import base64
import socket
from urllib.parse import urlsplit


class Answer:
    def __init__(self, head):
        lines = head.decode("latin-1").split("\r\n")
        self.version, status, self.reason = (lines[0] + " ").split(" ", 2)
        self.status = int(status)
        self.headers = [
            (name.lower(), value.strip()) for name, _, value in
            (line.partition(":") for line in lines[1:])]
        self.body = b""

    def all(self, name):
        return [value for field, value in self.headers if field == name]

    def get(self, name):
        return next(iter(self.all(name)), None)


class Wire:
    """A connection to whoever serves `provider` on this way."""

    def __init__(self, way, provider="openai", seconds=10, key=None):
        parts = urlsplit(way.base(provider))
        self.host, self.path = parts.netloc, parts.path
        self.credential = f"Authorization: Bearer {key or way.key}"
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=seconds)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, target="/v1/echo", *fields, method="GET", body=b"", credential=True,
                version="HTTP/1.1", host=True, send_body=True):
        """Sends a request; the fields are lines, and a length goes with every body."""
        lines = [f"{method} {self.path}{target} {version}"]
        lines += [f"Host: {self.host}"] if host else []
        lines += [self.credential] if credential else []
        lines += fields
        if body and not any(line.lower().startswith("transfer-encoding") for line in fields):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        if body and send_body:
            self.send(body)
        return self

    def more(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise EOFError("the peer closed")
        self.buffer += piece

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def rest(self):
        """Everything until the peer closes."""
        try:
            while True:
                self.more()
        except EOFError:
            found, self.buffer = self.buffer, b""
            return found

    def head(self):
        return Answer(self.until(b"\r\n\r\n"))

    def answer(self, has_body=True):
        """The final answer, with its body."""
        answer = self.head()
        while answer.status < 200 and answer.status != 101:
            answer = self.head()
        if not has_body or answer.status in (101, 204, 304):
            return answer
        if answer.get("transfer-encoding"):
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                answer.body += self.exactly(size)
                self.until(b"\r\n")
            while self.until(b"\r\n"):
                pass
        elif (length := answer.get("content-length")) is not None:
            answer.body = self.exactly(int(length))
        else:
            answer.body = self.rest()
        return answer


def ask(way, target="/v1/echo", *fields, provider="openai", **more):
    """One request on a connection of its own."""
    with Wire(way, provider) as wire:
        return wire.request(target, *fields, **more).answer(more.get("method") != "HEAD")


def raw(*pieces):
    """A change that sends these bytes in place of an answer."""
    return {"raw": [base64.b64encode(piece).decode() for piece in pieces]}
