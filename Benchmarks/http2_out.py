"""What HTTP/2 to a provider costs and saves, beside HTTP/1.1 in the same run.

Two portals, one with CHATELAINE_UPSTREAM_HTTP2=off, in front of nginx with TLS; both are loaded in
turn. Needs the programs in .build, nginx and h2load:

    python3 Benchmarks/http2_out.py
"""

import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import system

from certificates import Certificates
from processes import cpu_seconds, free_port, resident_bytes

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "4"))
CONNECTIONS = (1, 16, 100)
BURST = 100
# Half of a round trip.
DELAY_SECONDS = 0.020
MODES = {"HTTP/1.1": "off", "HTTP/2": "on"}
# As long as a short answer of a model.
ANSWER = '{"text": "' + "x" * 524 + '"}'

CONFIGURATION = """
worker_processes 1;
daemon off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {place};
  keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{port} ssl http2 backlog=1024;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""


class Delay:
    """A TCP proxy, half a round trip away in each direction; making a connection takes a whole one."""

    def __init__(self, port):
        self.port = port

    async def start(self):
        self.server = await asyncio.start_server(self.join, "127.0.0.1", 0, backlog=1024)
        return self.server.sockets[0].getsockname()[1]

    async def join(self, reader, writer):
        await asyncio.sleep(2 * DELAY_SECONDS)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))

    async def carry(self, reader, writer):
        loop = asyncio.get_running_loop()
        try:
            while piece := await reader.read(1 << 16):
                loop.call_later(DELAY_SECONDS, writer.write, piece)
        except (ConnectionError, asyncio.CancelledError):
            return writer.close()
        loop.call_later(DELAY_SECONDS, writer.close)


async def burst(address, path, token, count):
    """Milliseconds from the first request to the last answer, on connections that are open."""
    host, port = address.removeprefix("http://").split(":")
    clients = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    request = (f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
               f"Authorization: Bearer {token}\r\n\r\n").encode()

    async def one(reader, writer):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"a request of the burst failed: {head}")
        await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))

    start = time.monotonic()
    await asyncio.gather(*(one(*client) for client in clients))
    took = time.monotonic() - start
    for _, writer in clients:
        writer.close()
    return took * 1000


class Portal:
    def __init__(self, place, mode, port, certificates):
        self.mode = mode
        self.stack, self.address = start_portal(
            os.path.join(place, mode.replace("/", "")), MODES[mode], certificates.authority)
        self.processes = system.children(self.stack.pid)
        account = {"email": "bench@example.org", "password": "bench bench bench bench"}
        system.call(self.address + "/api/v1/accounts", account)
        session, headers = system.call(self.address + "/api/v1/sessions", account)
        self.credentials = {
            "cookie": headers["set-cookie"].split(";")[0], "x-csrf-token": session["csrfToken"]}
        self.add("bench", port)
        token, _ = system.call(
            self.address + "/api/v1/access-tokens", {"name": "bench", "scopes": ["USE"]},
            self.credentials)
        self.token = token["token"]

    def add(self, label, port):
        key = {"provider": "custom", "label": label, "apiKey": "bench-0123456789abcdef",
               "baseUrl": f"https://127.0.0.1:{port}"}
        system.call(self.address + "/api/v1/provider-configs", key, self.credentials)

    def load(self, connections, question):
        bearer = {"authorization": f"Bearer {self.token}"}
        return system.measure(
            self.mode, self.address + "/proxy/custom/bench/v1/chat/completions", bearer,
            connections, self.processes, question)


def start_portal(state, switch, authority):
    ports = ",".join(f"127.0.0.1:{port}" for port in ALLOWED)
    stack = subprocess.Popen(
        [f"{system.PRODUCTS}/chatelaine", "up", "--state-dir", state, "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "CHATELAINE_ENDPOINT_ALLOWLIST": ports,
             "CHATELAINE_UPSTREAM_CA_FILE": authority, "CHATELAINE_UPSTREAM_HTTP2": switch})
    for line in stack.stdout:
        if found := re.search(r"Chatelaine is ready: (http\S+)", line):
            return stack, found.group(1)
    sys.exit("chatelaine up did not get ready")


# Where keys may lead; filled before a portal starts.
ALLOWED = []


async def bursts(portals, delayed):
    rows = {mode: [] for mode in MODES}
    cpu = {mode: [] for mode in MODES}
    for number, port in enumerate(delayed):
        for portal in portals:
            label = f"far-{number}"
            portal.add(label, port)
            gateway = portal.processes["gateway"]
            before = cpu_seconds(gateway)
            rows[portal.mode].append(
                await burst(portal.address, f"/proxy/custom/{label}/v1", portal.token, BURST))
            cpu[portal.mode].append((cpu_seconds(gateway) - before) * 1000)
    for mode in MODES:
        print(f"{BURST} at once from cold, {DELAY_SECONDS * 2000:.0f} ms of round trip, {mode}: "
              f"{min(rows[mode]):.0f} to {max(rows[mode]):.0f} ms, gateway's CPU "
              f"{statistics.median(cpu[mode]):.0f} ms")


async def run(place):
    certificates = Certificates(place)
    port = free_port()
    configuration = os.path.join(place, "nginx.conf")
    with open(configuration, "w") as file:
        file.write(CONFIGURATION.format(
            place=place, port=port, certificate=certificates.server, key=certificates.server_key,
            answer=ANSWER))
    delays = [Delay(port) for _ in range(ROUNDS)]
    delayed = [await delay.start() for delay in delays]
    ALLOWED.extend([port, *delayed])
    nginx = subprocess.Popen(["nginx", "-c", configuration, "-p", place])
    portals = []
    try:
        for mode in MODES:
            portals.append(Portal(place, mode, port, certificates))
        question = os.path.join(place, "question.json")
        with open(question, "w") as file:
            file.write(system.QUESTION)
        await bursts(portals, delayed)
        for connections in CONNECTIONS:
            seen = {mode: [] for mode in MODES}
            for _ in range(ROUNDS):
                for portal in portals:
                    # The columns of the services follow the five of the row.
                    row, _ = portal.load(connections, question)
                    seen[portal.mode].append((float(row[5]), float(row[2].replace(",", ""))))
            for mode, values in seen.items():
                cpu = sorted(value[0] for value in values)
                rate = statistics.median(value[1] for value in values)
                print(f"{connections} connections, {mode}: gateway {statistics.median(cpu):.0f} us "
                      f"a request ({cpu[0]:.0f} to {cpu[-1]:.0f}), {rate:,.0f} requests/s", flush=True)
        for portal in portals:
            print(f"{portal.mode}: gateway's memory "
                  f"{resident_bytes(portal.processes['gateway']) / (1 << 20):.0f} MiB")
    finally:
        for portal in portals:
            portal.stack.terminate()
            portal.stack.wait(60)
        nginx.terminate()
        nginx.wait(10)


if __name__ == "__main__":
    if not shutil.which("nginx"):
        sys.exit("nginx is not installed")
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        asyncio.run(run(directory))
