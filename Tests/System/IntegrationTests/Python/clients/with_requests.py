"""requests, which follows redirects and takes away only `Authorization` when the host changes."""

import requests

from matrix import proxied, same


def session(way):
    made = requests.Session()
    made.headers["authorization"] = f"Bearer {way.key}"
    return made


@same("json, stream and a generator's body")
def _(way):
    made, base = session(way), way.base("openai", "/v1")
    ask = {"model": "m", "messages": [], "stream": True}
    stream = made.post(f"{base}/chat/completions", json=ask, stream=True, timeout=20)
    pieces = (b"x" * 10_000 for _ in range(100))
    return [made.post(f"{base}/echo", json={"a": 1}).json()["body"],
            [line.decode() for line in stream.iter_lines()],
            made.post(f"{base}/files", data=pieces).json()["bytes"]]


@same("multipart")
def _(way):
    files = {"file": ("a.ogg", b"\0" * 3_000_000, "audio/ogg")}
    return session(way).post(
        way.base("openai", "/v1/audio/transcriptions"), files=files, data={"model": "w"}).json()


@same("an answer cut in the middle is an error", {"cut": 20})
def _(way):
    try:
        return session(way).get(way.base("openai", "/v1/models")).text
    except requests.RequestException as error:
        return type(error).__name__


@same("a refusal before the body's end, by a provider that closes and reads on",
      *[{"status": 413, "body": "too large", "early": 65_536, "lingers": True}] * 5)
def _(way):
    made, address = session(way), way.base("openai", "/v1/files")
    answers = [made.post(address, data=b"x" * (8 << 20)) for _ in range(5)]
    return [[answer.status_code, answer.text] for answer in answers]


def redirected(way):
    """What a client gets that keeps its token in a header which requests sends to every host."""
    return requests.post(
        way.base("anthropic", "/v1/messages"), headers={"x-api-key": way.token},
        json={"model": "m", "messages": []}, timeout=20)


@proxied("x-api-key: a redirect to another host is refused", {
    "status": 307, "headers": [("location", "{elsewhere}{target}")]})
def _(way):
    answer = redirected(way)
    return None if answer.status_code == 502 else f"{answer.status_code} {answer.text[:200]}"


@proxied("x-api-key: a redirect to the provider itself comes back to the proxy", {
    "status": 308, "headers": [("location", "{origin}{target}?again=1")]})
def _(way):
    answer = redirected(way)
    lines = [record["line"] for record in way.upstream.records()]
    if answer.status_code != 200 or lines[1:] != ["POST /v1/messages?again=1 HTTP/1.1"]:
        return f"{answer.status_code} after {lines}"


@proxied("other addresses of an answer lead to the proxy", {"headers": [
    (name, "{origin}/v1/there?a=b") for name in (
        "content-location", "operation-location", "x-goog-upload-url",
        "x-goog-upload-control-url")]})
def _(way):
    answer = session(way).get(way.base("openai", "/v1/models"))
    wrong = [f"{name}: {value}" for name, value in answer.headers.items()
             if way.provider in value]
    return ", ".join(wrong) or None
