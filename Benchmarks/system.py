"""The whole portal, and beside it smg: a gateway in Rust that keeps no key and no log.

Starts the release build in a temporary state directory with a provider on loopback, loads it with
h2load, and prints one line per route: requests per second, latency, CPU per request of each process.
smg gets the same chat completions in the same run. Nothing is pinned: the processes share the
machine's cores.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv

import latency
import resolving

from peers import PRODUCTS
from processes import cpu_seconds, free_port
from tables import table

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
CONNECTIONS = (1, 16)
SERVICES = ("gateway", "auth", "vault", "audit")
SMG = "smg==1.13.0"
HERE = os.path.dirname(os.path.abspath(__file__))
# As long as a short question with its history.
QUESTION = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "hello " * 40}]})
START_SECONDS_MAX = 60
# What the gateway may cost, by a responder that only answers.
EDGE_GOALS = {"/healthz": 1.3, "/api/v1/me": 2.5}


def call(url, body=None, headers=None):
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json", **(headers or {})},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer), answer.headers


def prepare(portal, provider):
    """Signs up, stores a key for the provider, returns an access token."""
    account = {"email": "bench@example.org", "password": "bench bench bench bench"}
    call(portal + "/api/v1/accounts", account)
    session, headers = call(portal + "/api/v1/sessions", account)
    cookie = headers["set-cookie"].split(";")[0]
    credentials = {"cookie": cookie, "x-csrf-token": session["csrfToken"]}
    key = {"provider": "custom", "label": "bench", "apiKey": "bench-0123456789abcdef",
           "baseUrl": f"http://{provider}/v1"}
    call(portal + "/api/v1/provider-configs", key, credentials)
    grant = {"name": "bench", "scopes": ["USE", "MANAGE"]}
    token, _ = call(portal + "/api/v1/access-tokens", grant, credentials)
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


def measure(name, url, headers, connections, processes, question=None):
    """A row of the table, the CPU of all processes, and the latency in words."""
    before = {key: cpu_seconds(process) for key, process in processes.items()}
    command = ["h2load", "--h1", "-t1", f"-c{connections}", f"-D{SECONDS}", "--warm-up-time=1"]
    for header, value in headers.items():
        command += ["-H", f"{header}: {value}"]
    if question:
        command += ["-H", "content-type: application/json", "-d", question]
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
    row = [name, str(connections), f"{done / SECONDS:,.0f}", latency, f"{sum(used.values()):.0f}"]
    return row + [f"{used[key]:.0f}" if key in used else "" for key in SERVICES], sum(used.values())


def wait_until(is_ready, process, what):
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{what} did not start")
        time.sleep(0.05)


def start_bare_responder(place):
    port = free_port()
    process = subprocess.Popen([f"{PRODUCTS}/bare-responder", str(port)])
    url = f"http://127.0.0.1:{port}/"

    def is_ready():
        try:
            return bool(call(url)[0])
        except (OSError, urllib.error.URLError):
            return False

    wait_until(is_ready, process, "the bare responder")
    return process, url


def start_provider(place):
    path = place.path("provider-port")
    process = subprocess.Popen([sys.executable, f"{HERE}/provider.py", path])
    wait_until(lambda: os.path.exists(path), process, "the provider")
    with open(path) as file:
        return process, f"127.0.0.1:{file.read()}"


def start_smg(place, provider):
    """The peer, in a Python environment of its own; None where PyPI can't be reached."""
    directory = place.path("smg")
    venv.create(directory, with_pip=True)
    installed = subprocess.run(
        [f"{directory}/bin/pip", "install", "--quiet", SMG], capture_output=True, text=True)
    if installed.returncode != 0:
        print(f"smg is left out: {installed.stderr.strip().splitlines()[-1:]}")
        return None, ""
    port, metrics = free_port(), free_port()
    process = subprocess.Popen(
        [f"{directory}/bin/smg", "launch", "--backend", "openai", "--host", "127.0.0.1",
         "--port", str(port), "--prometheus-port", str(metrics), "--log-level", "error",
         "--worker-urls", f"http://{provider}", "--api-key", "bench"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/v1/chat/completions"

    def answers():
        try:
            call(url, json.loads(QUESTION), {"authorization": "Bearer bench"})
            return True
        except (OSError, urllib.error.URLError):
            return False

    wait_until(answers, process, "smg")
    return process, url


def start_portal(place, provider):
    stack = subprocess.Popen(
        [f"{PRODUCTS}/chatelaine", "up", "--state-dir", place.path("state"), "--port", "0"],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "CHATELAINE_ENDPOINT_ALLOWLIST": provider})
    for line in stack.stdout:
        if found := re.search(r"Chatelaine is ready: (http\S+)", line):
            return stack, found.group(1)
    sys.exit("chatelaine up did not get ready")


def compare_latency(portal, bearer, smg_url, provider, goals):
    """One request at a time, and streams."""
    servers = {"straight": (f"http://{provider}/v1/chat/completions", {})}
    if smg_url:
        servers["smg 1.13"] = (smg_url, {"authorization": "Bearer bench"})
    servers["the portal"] = (portal + "/proxy/custom/bench/v1/chat/completions", bearer)
    latency.answers(servers, QUESTION, goals)
    # smg reads the events and writes its own, without the time in them.
    servers.pop("smg 1.13", None)
    latency.streams(servers, goals)


def compare(place, portal, bearer, processes, smg, smg_url, provider, goals):
    """Chat completions straight to the provider, through smg and through the portal."""
    question = place.path("question.json")
    with open(question, "w") as file:
        file.write(QUESTION)
    rows = []
    for connections in CONNECTIONS:
        direct, _ = measure(
            "straight", f"http://{provider}/v1/chat/completions", {}, connections, {}, question)
        rows.append(direct)
        if smg:
            row, theirs = measure(
                "smg 1.13", smg_url, {"authorization": "Bearer bench"}, connections,
                {"smg": smg.pid}, question)
            rows.append(row)
        row, ours = measure(
            "the portal", portal + "/proxy/custom/bench/v1/chat/completions", bearer, connections,
            processes, question)
        rows.append(row)
        if smg:
            goals.at_most(
                f"chat completion, {connections} connections: CPU of four services by smg's",
                ours / theirs, 1.0 if connections > 1 else 2.0, "x")
    table("A chat completion, HTTP/1.1: CPU in us per request",
          ["", "connections", "requests/s", "mean latency", "CPU", *SERVICES], rows)


def run(place, goals):
    started = []
    try:
        process, provider = start_provider(place)
        started.append(process)
        stack, portal = start_portal(place, provider)
        started.append(stack)
        smg, smg_url = start_smg(place, provider)
        if smg:
            started.append(smg)
        token = prepare(portal, provider)
        bearer = {"authorization": f"Bearer {token}"}
        processes = children(stack.pid)
        bare, bare_url = start_bare_responder(place)
        started.append(bare)
        rows = []
        for connections in CONNECTIONS:
            row, least = measure(
                "a bare responder on NIOHTTP1", bare_url, {}, connections, {"gateway": bare.pid})
            rows.append(row)
            for path, headers in (("/healthz", {}), ("/api/v1/me", bearer),
                                  ("/api/v1/provider-configs", bearer),
                                  ("/proxy/custom/bench/v1/models", bearer)):
                row, _ = measure(f"GET {path}", portal + path, headers, connections, processes)
                rows.append(row)
                if path in EDGE_GOALS:
                    goals.at_most(
                        f"GET {path}, {connections} connections: the gateway's CPU by a bare "
                        "responder's", float(row[5]) / least, EDGE_GOALS[path], "x")
        table("The portal, HTTP/1.1: CPU in us per request, in all and of each process",
              ["", "connections", "requests/s", "mean latency", "CPU", *SERVICES], rows)
        compare(place, portal, bearer, processes, smg, smg_url, provider, goals)
        compare_latency(portal, bearer, smg_url, provider, goals)
        resolving.run(place.path("state"), token, processes, place, goals)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGINT)
        for process in reversed(started):
            process.wait(60)
