"""What a client's cases are made of: two ways to the provider, and what it was shown on each."""

import json
import re
import urllib.request

# Fields that differ between two calls of one client, or that a proxy must make anew.
OWN_FIELDS = {
    "host", "connection", "keep-alive", "te", "expect", "content-length", "transfer-encoding",
    "upgrade", "http2-settings", "via", "date",
}
# Any of these carries the provider's key; an SDK and the catalogue may differ in which.
CREDENTIAL_FIELDS = {"authorization", "x-api-key", "api-key", "x-goog-api-key"}
RANDOM_FIELDS = {"idempotency-key", "sec-websocket-key", "traceparent"}

CASES = []


def same(name, *changes):
    """A case that returns the same through the proxy, and shows the provider the same, as direct.

    `changes` are made to the first answers; see Change in stand_in.py.
    """
    return lambda run: CASES.append((name, changes, ("direct", "proxied"), run)) or run


def proxied(name, *changes):
    """A case about the proxy itself: raises, or returns why it fails."""
    return lambda run: CASES.append((name, changes, ("proxied",), run)) or run


class Upstream:
    """The stand-in's room of this client."""

    def __init__(self, admin, room):
        self.address = f"http://127.0.0.1:{admin}/{room}/"
        self.seen = []

    def ask(self, what, value=None):
        data = None if value is None else json.dumps(value).encode()
        with urllib.request.urlopen(self.address + what, data, timeout=20) as answer:
            return json.load(answer)

    def script(self, *changes):
        self.ask("script", changes)

    def release(self):
        self.ask("release", {})

    def records(self):
        """Everything that came since the last call, at both hosts."""
        records = self.ask("records")
        self.seen += records
        return records

    def until(self, condition):
        """Waits until a record of those since the last call satisfies the condition."""
        return self.ask("until", condition)


class Way:
    """One way to the provider: direct, or through the proxy."""

    def __init__(self, settings, is_proxied):
        self.is_proxied = is_proxied
        self.settings = settings
        self.portal, self.token = settings["portal"], settings["token"]
        self.upstream = Upstream(settings["admin"], settings["room"])
        self.provider = f"http://127.0.0.1:{settings['ports']['provider']}"
        self.key = self.token if is_proxied else settings["key"]

    def base(self, provider, path=""):
        """What a user of this provider's SDK sets as its base URL."""
        return (f"{self.portal}/proxy/{provider}" if self.is_proxied else self.provider) + path


def stable(value):
    """A value with the addresses of both ways taken out."""
    text = json.dumps(value, default=str, sort_keys=True)
    return re.sub(r"http://127\.0\.0\.1:\d+(/proxy/[a-z-]+)?", "BASE", text)


def legal(line):
    """A request line in which what no address may hold as it is (RFC 3986, 2) is escaped."""
    return re.sub(r"[][{}|^`\\]", lambda found: f"%{ord(found[0]):02X}", line)


def shown(records):
    """What the provider was shown, as two ways can be compared; in no order, since some calls are
    made at once."""
    found = []
    for record in records:
        fields = []
        for name, value in record["headers"]:
            name = name.lower()
            if name in CREDENTIAL_FIELDS:
                name, value = "credential", value.removeprefix("Bearer ")
            if name not in OWN_FIELDS | RANDOM_FIELDS:
                fields.append((name, re.sub("boundary=.*", "boundary", value)))
        found.append(
            (record["host"], legal(record["line"]), record.get("digest"), sorted(fields)))
    return sorted(found, key=str)


def difference(direct, through):
    """The first thing in which the provider was shown another; None when there is none."""
    for before, after in zip(direct, through):
        for what, a, b in zip(("host", "request line", "body", "fields"), before, after):
            if a != b and what == "fields":
                a, b = [f for f in a if f not in b], [f for f in b if f not in a]
            if a != b:
                return f"the provider was shown another {what}: direct {a}, proxied {b}"
    if len(direct) != len(through):
        return f"{len(direct)} requests direct, {len(through)} proxied"
    return None


def leaks(records, token):
    """Where the access token reached a provider."""
    for record in records:
        places = [name for name, value in record["headers"] if token in value]
        places += ["request line"] if token in record["line"] else []
        if places:
            return f"the access token reached {record['host']} in {', '.join(places)}"
    return None
