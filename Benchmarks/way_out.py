"""What providers and accounts that mean harm take of the gateway, an honest client beside them.

Needs the programs in .build and root, for a network and a name server of its own:

    Benchmarks/way-out
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
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

import certificates
import http2_frames
import portal

ATTACK_SECONDS = 8
HONEST_PAUSE_SECONDS = 0.02
MIB = 1 << 20
HOSTS = 516
SLOW_REQUESTS = 101
SILENT_NAMES = 4
CANCELLATIONS = 20
AT_ONCE = 129
ATTACKERS = 16
STALLED = 64
HTTP2_KINDS = ("slow", "stream", "status", "pings", "settings", "interim")


class Provider:
    """One listener for every kind of provider; the path says which."""

    def __init__(self):
        self.closed = asyncio.Queue()
        self.begun = asyncio.Queue()

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                if not await self.answer(path, reader, writer):
                    return
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def answer(self, path, reader, writer):
        kind = path.rsplit("/", 1)[-1]
        if kind == "honest":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()
            return True
        if kind == "slow":
            self.begun.put_nowait(time.monotonic())
            # Until the gateway goes.
            await reader.read()
            self.closed.put_nowait(time.monotonic())
            return False
        pieces = {
            "headers": (b"HTTP/1.1 200 OK\r\n", b"x-a: " + b"a" * 4_000 + b"\r\n"),
            "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nlink: " + b"a" * 4_000 + b"\r\n\r\n"),
            "stream": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                       b"%x\r\n%s\r\n" % (65_536, b"s" * 65_536)),
        }
        first, piece = pieces[kind]
        writer.write(first)
        while True:
            writer.write(piece)
            await writer.drain()


def request(path, token, field=""):
    return (f"GET {path} HTTP/1.1\r\nhost: portal\r\nauthorization: Bearer {token}\r\n{field}"
            "\r\n").encode()


class Gateway:
    def __init__(self, running):
        self.host, port = urllib.parse.urlsplit(running.address).netloc.split(":")
        self.port = int(port)
        self.process = next(
            id for id in running.children()
            if pathlib.Path(f"/proc/{id}/comm").read_text().strip() == "gateway")

    def memory(self, field):
        for line in pathlib.Path(f"/proc/{self.process}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process}/clear_refs").write_text("5")

    async def connect(self):
        return await asyncio.open_connection(self.host, self.port)

    async def ask(self, path, token):
        """One request on a connection of its own; returns the status."""
        reader, writer = await self.connect()
        try:
            writer.write(request(path, token, "connection: close\r\n"))
            status = (await reader.readline()).split(b" ")
            # Interim answers come before the one that counts.
            while status[1:2] == [b"103"]:
                await reader.readuntil(b"\r\n\r\n")
                status = (await reader.readline()).split(b" ")
            while await reader.read(65_536):
                pass
            return status[1].decode() if len(status) > 1 else "closed"
        except ConnectionError:
            return "closed"
        finally:
            writer.transport.abort()

    async def insist(self, path, token, outcomes):
        """Asks again and again."""
        while True:
            outcomes.append(await self.ask(path, token))

    async def stall(self, path, token, outcomes):
        """Asks and reads nothing."""
        _, writer = await self.connect()
        writer.write(request(path, token))
        writer.transport.pause_reading()
        outcomes.append("not read")
        try:
            await asyncio.sleep(ATTACK_SECONDS)
        finally:
            writer.transport.abort()


async def honest(gateway, token, waits):
    """Calls one after the other, as long as it is let."""
    reader, writer = await gateway.connect()
    try:
        while True:
            begin = time.monotonic()
            writer.write(request("/proxy/custom/good/v1/honest", token))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            assert await reader.readexactly(2) == b"ok"
            waits.append(time.monotonic() - begin)
            await asyncio.sleep(HONEST_PAUSE_SECONDS)
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def measured(name, gateway, token):
    """Prints what the gateway took while the block ran, and how long the honest client waited."""
    await asyncio.sleep(1)
    gateway.forget_peak()
    before = gateway.memory("VmRSS")
    waits, outcomes = [], []
    client = asyncio.create_task(honest(gateway, token, waits))
    yield outcomes
    client.cancel()
    try:
        await client
    except asyncio.CancelledError:
        failed = ""
    except Exception as error:
        failed = f", then {error!r}"
    grown = (gateway.memory("VmHWM") - before) / MIB
    counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    print(f"| {name} | {counts} | {grown:+.1f} MiB | {len(waits)} | "
          f"{statistics.median(waits) * 1_000:.1f} / {max(waits) * 1_000:.0f} ms{failed} |",
          flush=True)


async def together(*calls):
    """Runs calls until the attack's time is over."""
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.wait(tasks, timeout=ATTACK_SECONDS)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, asyncio.CancelledError):
            raise result


async def attack(gateway, good, bad):
    path = "/proxy/custom/{}/v1/{}".format
    async with measured("nobody", gateway, good):
        await asyncio.sleep(ATTACK_SECONDS)
    name = f"{SILENT_NAMES} names whose servers are silent"
    async with measured(name, gateway, good) as outcomes:
        await together(*(gateway.insist(path(f"silent{number}", "honest"), bad, outcomes)
                         for number in range(SILENT_NAMES)))
    async with measured(f"{HOSTS} hosts of one account", gateway, good) as outcomes:
        for first in range(0, HOSTS, AT_ONCE):
            outcomes += await asyncio.gather(
                *(gateway.ask(path(f"host{number}", "honest"), bad)
                  for number in range(first, min(first + AT_ONCE, HOSTS))))
    async with measured(f"{SLOW_REQUESTS} requests to a slow provider", gateway, good) as outcomes:
        await together(*(gateway.insist(path("evil", "slow"), bad, outcomes)
                         for _ in range(SLOW_REQUESTS)))
    for kind, name in ("headers", "endless header fields"), ("interim", "endless 103"):
        async with measured(f"{ATTACKERS} answers of {name}", gateway, good) as outcomes:
            await together(*(gateway.insist(path("evil", kind), bad, outcomes)
                             for _ in range(ATTACKERS)))
    name = f"{STALLED} readers that stall, endless streams"
    async with measured(name, gateway, good) as outcomes:
        await together(*(gateway.stall(path("evil", "stream"), bad, outcomes)
                         for _ in range(STALLED)))
    for kind in "status", "pings", "settings", "interim":
        async with measured(f"{ATTACKERS} by HTTP/2: {kind}", gateway, good) as outcomes:
            await together(*(gateway.insist(path(f"h2-{kind}", "x"), bad, outcomes)
                             for _ in range(ATTACKERS)))
    name = f"{STALLED} readers that stall, endless streams by HTTP/2"
    async with measured(name, gateway, good) as outcomes:
        await together(*(gateway.stall(path("h2-stream", "x"), bad, outcomes)
                         for _ in range(STALLED)))


async def cancel(gateway, token, provider, label):
    """How long a TLS provider works on after its client has left."""
    waits = []
    while not provider.closed.empty():
        provider.closed.get_nowait()
    while not provider.begun.empty():
        provider.begun.get_nowait()
    for _ in range(CANCELLATIONS):
        _, writer = await gateway.connect()
        writer.write(request(f"/proxy/custom/{label}/v1/slow", token))
        await provider.begun.get()
        left = time.monotonic()
        writer.transport.abort()
        waits.append(await provider.closed.get() - left)
    print(f"cancellation towards a TLS provider ({label}), {CANCELLATIONS} times: median "
          f"{statistics.median(waits) * 1_000:.1f} ms, longest {max(waits) * 1_000:.1f} ms")


class SilentNames(asyncio.DatagramProtocol):
    """A name server that hears every question and answers none."""


def person(address, email, keys):
    client = portal.Client(address)
    client.sign_up(email)
    for label, url in keys:
        client.send("POST", "/api/v1/provider-configs", {
            "provider": "custom", "label": label, "apiKey": "key-0123456789abcdef", "baseUrl": url,
            "storeAnyway": True})
    return client.access_token()


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(SilentNames, local_addr=("127.0.0.1", 53))
    with tempfile.TemporaryDirectory(prefix="chatelaine-bench-") as directory:
        made = certificates.Certificates(directory)
        plain, secured = Provider(), Provider()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.server, made.server_key)
        clear = await asyncio.start_server(plain.serve, "0.0.0.0", 0, backlog=1_024)
        tls = await asyncio.start_server(secured.serve, "127.0.0.1", 0, ssl=context)
        port, tls_port = (server.sockets[0].getsockname()[1] for server in (clear, tls))
        http2 = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        http2.load_cert_chain(made.server, made.server_key)
        http2.set_alpn_protocols(["h2"])
        multiplexed = Provider()
        hostile = {}
        for kind in HTTP2_KINDS:
            server = await loop.create_server(
                lambda kind=kind: http2_frames.HostileProvider(kind, multiplexed), "127.0.0.1", 0,
                ssl=http2)
            hostile[kind] = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        hosts = [f"127.1.{number // 250}.{number % 250 + 1}:{port}" for number in range(HOSTS)]
        settings = {
            "CHATELAINE_ENDPOINT_ALLOWLIST": ",".join(
                [f"127.0.0.1:{port}", f"127.0.0.1:{tls_port}", *hosts,
                 *hostile.values()]),
            "CHATELAINE_UPSTREAM_CA_FILE": made.authority,
            "LOG_LEVEL": "warning",
        }
        bad_keys = [("evil", f"http://127.0.0.1:{port}"), ("tls", f"https://127.0.0.1:{tls_port}")]
        bad_keys += [(f"h2-{kind}", f"https://{host}") for kind, host in hostile.items()]
        bad_keys += [(f"host{number}", f"http://{host}") for number, host in enumerate(hosts)]
        bad_keys += [(f"silent{number}", f"https://silent{number}.example.com")
                     for number in range(SILENT_NAMES)]

        with portal.Portal(settings) as running:
            good = await asyncio.to_thread(
                person, running.address, "good@example.org", [("good", f"http://127.0.0.1:{port}")])
            bad = await asyncio.to_thread(person, running.address, "bad@example.org", bad_keys)
            gateway = Gateway(running)
            print(f"gateway of {portal.built().name}")
            print("| attack | what attackers got | memory | honest calls | median / longest |")
            print("|---|---|--:|--:|--:|")
            await attack(gateway, good, bad)
            await cancel(gateway, bad, secured, "tls")
            await cancel(gateway, bad, multiplexed, "h2-slow")
        clear.close()
        tls.close()


if __name__ == "__main__":
    asyncio.run(main())
