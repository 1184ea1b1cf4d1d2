"""A Chatelaine from the build, in a temporary state directory, and a client of it.

For scripts that try what was built; only Python's own library, so that nothing is installed.
"""

import http.client
import http.cookies
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
REQUEST_SECONDS_MAX = 20
PASSWORD = "a long enough password"
KEY = "sk-smoke-0123456789abcdef"


def built():
    """The folder of the programs: the release build when there is one, else the debug build."""
    for configuration in "release", "debug":
        folder = ROOT / ".build" / configuration
        if (folder / "chatelaine").exists():
            return folder
    raise SystemExit("nothing is built: run 'make build' or 'scripts/build-release'")


class Portal:
    """`chatelaine up` until the end of a `with`; `command` goes before it, e.g. to drop rights."""

    def __init__(self, environment=None, command=(), binaries=None):
        self.environment = {**os.environ, **(environment or {})}
        self.command = list(command)
        self.binaries = pathlib.Path(binaries or built())
        self.state = None
        self.lines = []

    def __enter__(self):
        self.state = tempfile.mkdtemp(prefix="chatelaine-")
        self.process = subprocess.Popen(
            [*self.command, self.binaries / "chatelaine", "up", "--state-dir", self.state, "--port",
             "0"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ready = threading.Event()
        threading.Thread(target=self.read, args=[ready], daemon=True).start()
        try:
            if not ready.wait(START_SECONDS_MAX) or not self.address:
                raise SystemExit("the portal didn't start:\n" + "".join(self.lines))
        except BaseException:
            self.__exit__()
            raise
        return self

    address = None

    def read(self, ready):
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.search(r"Chatelaine is ready: (http\S+)", line):
                self.address = match.group(1)
                ready.set()
        ready.set()

    def children(self):
        """The process ids of everything that the supervisor started."""
        found, wanted = [], [self.process.pid]
        while wanted:
            parent = wanted.pop()
            for task in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
                try:
                    new = [int(text) for text in task.read_text().split()]
                except OSError:
                    continue
                found += new
                wanted += new
        return found

    def __exit__(self, *_):
        started = self.children()
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        left = [id for id in started if pathlib.Path(f"/proc/{id}").exists()]
        shutil.rmtree(self.state, ignore_errors=True)
        if code != 0 or left:
            raise SystemExit(
                f"the portal ended with {code}, and left {left}:\n" + "".join(self.lines))


class Client:
    """A person or program: JSON in and out, a session cookie and its CSRF token, or a token."""

    def __init__(self, address, token=None):
        self.host = urllib.parse.urlsplit(address).netloc
        self.headers = {"authorization": f"Bearer {token}"} if token else {}
        self.cookies = {}

    def send(self, method, path, body=None, expect=range(200, 300)):
        connection = http.client.HTTPConnection(self.host, timeout=REQUEST_SECONDS_MAX)
        headers, content = dict(self.headers), None
        if body is not None:
            content, headers["content-type"] = json.dumps(body), "application/json"
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for cookie in answer.headers.get_all("set-cookie", []):
            for name, morsel in http.cookies.SimpleCookie(cookie).items():
                self.cookies[name] = morsel.value
                self.headers["cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        connection.close()
        if answer.status not in expect:
            raise SystemExit(f"{method} {path}: {answer.status} {text}")
        is_json = "json" in answer.headers.get("content-type", "")
        return json.loads(text) if is_json and text else text

    def sign_up(self, email):
        account = {"email": email, "password": PASSWORD}
        self.send("POST", "/api/v1/accounts", account)
        self.log_in(email)

    def log_in(self, email):
        account = {"email": email, "password": PASSWORD}
        self.headers["x-csrf-token"] = self.send("POST", "/api/v1/sessions", account)["csrfToken"]

    def access_token(self):
        return self.send("POST", "/api/v1/access-tokens", {"name": "script"})["token"]

    def events(self, action, seconds_max=20):
        """The audit log's entries of an action, once there are any."""
        deadline = time.monotonic() + seconds_max
        while True:
            path = f"/api/v1/audit-events?action={urllib.parse.quote(action)}"
            if events := self.send("GET", path).get("events"):
                return events
            if time.monotonic() > deadline:
                raise SystemExit(f"no {action} in the audit log after {seconds_max} s")
            time.sleep(0.1)


class Upstream:
    """A provider on `host`, which notes the authorization of each request."""

    def __init__(self, host="127.0.0.1"):
        self.host = host

    def __enter__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen.append(self.headers.get("authorization"))
                body = b'{"object":"list","data":[]}'
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((self.host, 0), Handler)
        self.authority = f"{self.host}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def main_job(address, upstream):
    """A person's way through the portal; what it proves is that all four services work together."""
    person = Client(address)
    person.sign_up("smoke@example.org")
    stored = person.send("POST", "/api/v1/provider-configs", {
        "provider": "custom", "label": "local", "apiKey": KEY,
        "baseUrl": f"http://{upstream.authority}/v1"})
    assert KEY not in str(stored), "a stored key is shown masked"
    program = Client(address, person.access_token())
    program.send("GET", "/proxy/custom/local/v1/models")
    assert upstream.seen == [f"Bearer {KEY}"], f"the provider saw {upstream.seen}"
    (event,) = person.events("credential.resolve")
    assert event["outcome"] == "SUCCESS", event
    (use,) = person.events("credential.use")
    assert use["details"]["status"] == 200, use
    assert use["details"]["resolve"] == event["id"], use
    return person
