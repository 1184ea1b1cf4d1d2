"""What strangers who mean harm take of the gateway, an honest client beside them.

Needs the programs in .build, and for the idle connections more descriptors than most shells give:

    prlimit --nofile=65536 python3 Benchmarks/way_in.py

BENCH_CONNECTIONS says how many idle ones there are.
"""

import asyncio
import contextlib
import os
import pathlib
import ssl
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

import certificates
import portal
from http2_frames import HEADERS, PING, RESET, SETTINGS, frame
from way_out import ATTACK_SECONDS, HONEST_PAUSE_SECONDS, MIB, Gateway, person, request

SLOW = 300
DRIP_SECONDS = 0.2
STALLED = 64
PIPELINED = 100
FLOODERS = 8
STREAM_CONNECTIONS = 20
STREAMS_EACH = 100
FLOOD_FRAMES = 100
CONTINUATION = 9
END_STREAM, END_HEADERS = 1, 4
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "10000"))
HANDSHAKES_AT_ONCE = 50
SECONDS_MAX = 30
# Larger than what the kernel keeps for a client that doesn't read.
LARGE = "/api/openapi.json"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Of SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.5.2): nothing may be sent on a stream.
NO_WINDOW = b"\0\4" + bytes(4)


def text(value):
    return bytes([len(value)]) + value.encode()


def block(path):
    """GET by HPACK's static table, with literals that aren't indexed (RFC 7541)."""
    return b"\x82\x86\x04" + text(path) + b"\x01" + text("a")


def get(stream, path="/healthz"):
    return frame(HEADERS, stream, block(path), END_STREAM | END_HEADERS)


def resets(first):
    return b"".join(get(first + 2 * n) + frame(RESET, first + 2 * n, b"\0\0\0\x08")
                    for n in range(FLOOD_FRAMES))


def bomb(first):
    """A field of 4,000 bytes, named by one byte again and again."""
    literal = b"\x40" + text("x") + b"\x7f" + bytes([0xA1, 0x1E]) + b"a" * 4_000
    stream = block("/healthz") + literal + b"\xbe" * 10_000
    return frame(HEADERS, first, stream, END_STREAM | END_HEADERS)


def continuations(first):
    return (frame(HEADERS, first, block("/healthz"), END_STREAM)
            + frame(CONTINUATION, first, b"\x00" + text("x") + text("y")) * FLOOD_FRAMES)


FLOODS = {
    "rapid reset": resets,
    "CONTINUATION without end": continuations,
    "header bombs": bomb,
    "PING without end": lambda _: frame(PING, 0, bytes(8)) * FLOOD_FRAMES,
    "SETTINGS without end": lambda _: frame(SETTINGS, 0) * FLOOD_FRAMES,
}


async def drip(gateway, start, piece, outcomes):
    """Sends `piece` again and again until it is let no more, then anew."""
    while True:
        reader, writer = await gateway.connect()
        try:
            writer.write(start)
            answer = asyncio.create_task(reader.read(1 << 16))
            while not answer.done():
                writer.write(piece)
                await asyncio.wait([answer], timeout=DRIP_SECONDS)
            outcomes.append((answer.result().split(b" ", 2)[1:2] or [b"closed"])[0].decode())
        except ConnectionError:
            outcomes.append("closed")
        finally:
            writer.transport.abort()


async def stall(gateway, sent):
    """Asks for much and reads nothing."""
    _, writer = await gateway.connect()
    writer.transport.pause_reading()
    try:
        writer.write(sent)
        await asyncio.sleep(ATTACK_SECONDS)
    finally:
        writer.transport.abort()


async def flood(gateway, made, outcomes):
    """Sends what `made` makes until the gateway closes, then again on another connection."""
    while True:
        reader, writer = await gateway.connect()
        ended = asyncio.create_task(reader.read())
        try:
            writer.write(PREFACE + frame(SETTINGS, 0))
            stream = 1
            while not ended.done():
                writer.write(made(stream))
                stream += 2 * FLOOD_FRAMES
                await writer.drain()
                await asyncio.sleep(0)
            outcomes.append("closed")
        except ConnectionError:
            outcomes.append("closed")
        finally:
            ended.cancel()
            writer.transport.abort()


async def honest(gateway, token, waits):
    """Asks who it is, one request after the other, as long as it is let."""
    reader, writer = await gateway.connect()
    try:
        while True:
            begin = time.monotonic()
            writer.write(request("/api/v1/me", token))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r", 1)[0])
            await reader.readexactly(length)
            waits.append(time.monotonic() - begin)
            await asyncio.sleep(HONEST_PAUSE_SECONDS)
    finally:
        writer.close()


async def end(client):
    """Stops an honest client; says what had ended it before, if anything."""
    client.cancel()
    result = (await asyncio.gather(client, return_exceptions=True))[0]
    return "" if isinstance(result, asyncio.CancelledError) else f", then {result!r}"


@contextlib.asynccontextmanager
async def measured(name, gateway, token):
    """Prints what the gateway took while the block ran, and how long the honest client waited."""
    await asyncio.sleep(1)
    gateway.forget_peak()
    before = gateway.memory("VmRSS")
    waits, outcomes = [], []
    client = asyncio.create_task(honest(gateway, token, waits))
    yield outcomes
    failed = await end(client)
    grown = (gateway.memory("VmHWM") - before) / MIB
    counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    print(f"| {name} | {counts} | {grown:+.1f} MiB | {len(waits)} | "
          f"{statistics.median(waits) * 1_000:.1f} / {max(waits) * 1_000:.0f} ms{failed} |",
          flush=True)


async def together(*calls, seconds=ATTACK_SECONDS):
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def attack(gateway, token):
    async with measured("nobody", gateway, token):
        await asyncio.sleep(ATTACK_SECONDS)
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    # Longer than the gateway waits for a head.
    async with measured(f"{SLOW} slow heads", gateway, token) as outcomes:
        await together(*(drip(gateway, head, b"X: y\r\n", outcomes) for _ in range(SLOW)),
                       seconds=2 * ATTACK_SECONDS)
    post = (b"POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 8000\r\n\r\n" + b" " * 7_000)
    async with measured(f"{SLOW} slow bodies", gateway, token) as outcomes:
        await together(*(drip(gateway, post, b" ", outcomes) for _ in range(SLOW)),
                       seconds=2 * ATTACK_SECONDS)
    asked = request(LARGE, "none") * PIPELINED
    async with measured(f"{STALLED} readers that stall", gateway, token):
        await together(*(stall(gateway, asked) for _ in range(STALLED)))
    for name, window in ("no window", NO_WINDOW), ("a window", b""):
        asked = PREFACE + frame(SETTINGS, 0, window) + b"".join(
            get(1 + 2 * number, LARGE) for number in range(STREAMS_EACH))
        name = f"{STREAM_CONNECTIONS * STREAMS_EACH} streams that nobody reads, {name}"
        async with measured(name, gateway, token):
            await together(*(stall(gateway, asked) for _ in range(STREAM_CONNECTIONS)))
    for name, made in FLOODS.items():
        async with measured(f"{FLOODERS} times {name}", gateway, token) as outcomes:
            await together(*(flood(gateway, made, outcomes) for _ in range(FLOODERS)))


async def idle(gateway, authority, token):
    """Connections over TLS with one answer each, that then wait."""
    context = ssl.create_default_context(cafile=authority)
    turn = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def connect():
        async with turn, asyncio.timeout(SECONDS_MAX):
            reader, writer = await asyncio.open_connection(
                gateway.host, gateway.port, ssl=context, server_hostname="localhost")
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            return writer

    opened = [await connect()]
    before = gateway.memory("VmRSS")
    waits = []
    client = asyncio.create_task(honest(gateway, token, waits))
    results = await asyncio.gather(*(connect() for _ in range(CONNECTIONS)), return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    opened += [result for result in results if not isinstance(result, BaseException)]
    grown = gateway.memory("VmRSS") - before
    ended = await end(client)
    print(f"{len(opened) - 1} idle connections over TLS, {len(failed)} failed {failed[:1]}: "
          f"{grown / 1024 / (len(opened) - 1):.1f} KiB each; the honest client meanwhile: "
          f"{len(waits)} calls, {statistics.median(waits) * 1_000:.1f} / {max(waits) * 1_000:.0f} ms{ended}")
    for writer in opened:
        writer.transport.abort()


async def main():
    with tempfile.TemporaryDirectory(prefix="chatelaine-bench-") as directory:
        made = certificates.Certificates(directory)
        settings = {
            "HTTPS_CERTIFICATE_FILE": made.server, "HTTPS_PRIVATE_KEY_FILE": made.server_key,
            "LOG_LEVEL": "warning",
        }
        with portal.Portal(settings) as running:
            token = await asyncio.to_thread(person, running.address, "good@example.org", [])
            gateway = Gateway(running)
            print(f"gateway of {portal.built().name}")
            print("| attack | what attackers got | memory | honest calls | median / longest |")
            print("|---|---|--:|--:|--:|")
            await attack(gateway, token)
            await idle(gateway, made.authority, token)


if __name__ == "__main__":
    asyncio.run(main())
