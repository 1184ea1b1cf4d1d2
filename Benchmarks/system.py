"""The whole portal: requests per second, latency and CPU per request of each of its processes.

Starts the release build in a temporary state directory with an upstream on loopback, loads it with
h2load, and prints one line per route. Nothing is pinned: the processes share the machine's cores.
"""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

from peers import PRODUCTS
from processes import cpu_seconds
from tables import table

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
CONNECTIONS = (1, 16)
SERVICES = ("gateway", "auth", "vault", "audit")


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers every request like a provider's list of models."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes: with Nagle's algorithm the second waits for a delayed ACK.
    disable_nagle_algorithm = True
    body = b'{"object":"list","data":[]}'

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # The proxy drops what is under way when the load ends.

    def log_message(self, *_):
        pass


def call(url, body=None, headers=None):
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer), answer.headers


def prepare(portal, upstream):
    """Signs up, stores a key for the upstream, returns an access token."""
    account = {"email": "bench@example.org", "password": "bench bench bench bench"}
    call(portal + "/api/v1/accounts", account)
    session, headers = call(portal + "/api/v1/sessions", account)
    cookie = headers["set-cookie"].split(";")[0]
    credentials = {"cookie": cookie, "x-csrf-token": session["csrfToken"]}
    key = {"provider": "custom", "label": "bench", "apiKey": "bench-0123456789abcdef",
           "baseUrl": f"http://{upstream}/v1"}
    call(portal + "/api/v1/provider-configs", key, credentials)
    token, _ = call(portal + "/api/v1/access-tokens", {"name": "bench", "scopes": ["USE", "MANAGE"]}, credentials)
    return token["token"]


def children(parent):
    """Our processes by name: the supervisor's children."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                name, fields = re.match(r"\d+ \((.*)\) (.*)", file.read()).groups()
        except OSError:
            continue
        if int(fields.split()[1]) == parent and name in SERVICES:
            found[name] = int(entry)
    return found


def measure(name, url, headers, connections, processes):
    before = {key: cpu_seconds(process) for key, process in processes.items()}
    command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-D{SECONDS}", "--warm-up-time=1"]
    for header, value in headers.items():
        command += ["-H", f"{header}: {value}"]
    output = subprocess.run(command + [url], capture_output=True, text=True, check=True).stdout
    done = int(re.search(r"(\d+) done", output).group(1))
    good = int(re.search(r"status codes: (\d+) 2xx", output).group(1))
    # What was under way when time was up is counted as done and has no status.
    if good < done - connections or good == 0:
        sys.exit(f"{name}: {done - good} of {done} answers were not 2xx\n{output}")
    # h2load counts after its warm-up; the processes worked during it too.
    share = SECONDS / (SECONDS + 1)
    used = {key: (cpu_seconds(process) - before[key]) * share / done * 1e6
            for key, process in processes.items()}
    latency = re.search(r"time for request:\s+\S+\s+\S+\s+(\S+)", output).group(1)
    return [name, str(connections), f"{done / SECONDS:,.0f}", latency, f"{sum(used.values()):.0f}",
            *(f"{used.get(key, 0):.0f}" for key in SERVICES)]


def run(place, goals):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    upstream = f"127.0.0.1:{server.server_port}"
    stack = subprocess.Popen(
        [f"{PRODUCTS}/chatelaine", "up", "--state-dir", place.path("state"), "--port", "0"],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "CHATELAINE_ENDPOINT_ALLOWLIST": upstream})
    try:
        portal = None
        for line in stack.stdout:
            if found := re.search(r"Chatelaine is ready: (http\S+)", line):
                portal = found.group(1)
                break
        if portal is None:
            sys.exit("chatelaine up did not get ready")
        token = prepare(portal, upstream)
        bearer = {"authorization": f"Bearer {token}"}
        processes = children(stack.pid)
        rows = []
        for connections in CONNECTIONS:
            for path, headers in (("/healthz", {}), ("/api/v1/me", bearer),
                                  ("/api/v1/provider-configs", bearer),
                                  ("/proxy/custom/bench/v1/models", bearer)):
                rows.append(measure(f"GET {path}", portal + path, headers, connections, processes))
        table("The portal, HTTP/1.1: CPU in us per request, in all and of each process",
              ["", "connections", "requests/s", "mean latency", "CPU", *SERVICES], rows)
    finally:
        stack.send_signal(signal.SIGINT)
        stack.wait(60)
        server.shutdown()
