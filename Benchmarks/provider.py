"""A provider that answers at once and costs little, so that its share of the machine is small.

A question that wants a stream gets "chunks" events, one every 2 ms, each with the time on it.

    provider.py PORT_FILE: listens on a port of the kernel's choice and writes it there.
"""

import asyncio
import contextlib
import json
import os
import sys
import time

CHUNK_SECONDS = 0.002
STREAM_HEAD = (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
               b"transfer-encoding: chunked\r\n\r\n")
MODELS = json.dumps({"object": "list", "data": [{"id": "bench", "object": "model"}]})
COMPLETION = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "bench",
    "choices": [{"index": 0, "finish_reason": "stop",
                 "message": {"role": "assistant", "content": "hello " * 20}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 20, "total_tokens": 21}})


def answer(body):
    head = ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n")
    return (head + body).encode()


class Provider(asyncio.Protocol):
    """Reads requests with a known length, which is what our clients send."""

    get, post = answer(MODELS), answer(COMPLETION)

    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            length = 0
            if (start := head.find(b"\r\ncontent-length:")) >= 0:
                length = int(head[start + 17:].split(b"\r\n", 1)[0])
            if len(self.received) < end + 4 + length:
                return
            body = self.received[end + 4:end + 4 + length]
            self.received = self.received[end + 4 + length:]
            if b'"stream": true' in body:
                self.transport.write(STREAM_HEAD)
                self.stream(json.loads(body)["chunks"])
            else:
                self.transport.write(self.post if head.startswith(b"post") else self.get)

    def stream(self, chunks):
        if chunks == 0:
            self.transport.write(b"0\r\n\r\n")
            return
        event = f'data: {{"time": {time.monotonic_ns()}}}\n\n'.encode()
        self.transport.write(b"%x\r\n%s\r\n" % (len(event), event))
        asyncio.get_running_loop().call_later(CHUNK_SECONDS, self.stream, chunks - 1)


async def main(port_file):
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    with open(port_file + ".new", "w") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
