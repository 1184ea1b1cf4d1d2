"""httpx: what most SDKs stand on, sync and async, HTTP/2 offered by nobody over clear text."""

import asyncio
import concurrent.futures

import httpx

from matrix import proxied, same


def client(way, **more):
    return httpx.Client(
        base_url=way.base("openai"), headers={"authorization": f"Bearer {way.key}"}, timeout=20,
        **more)


def told(answer):
    return [answer.status_code, answer.text]


@same("GET, POST, PUT, PATCH, DELETE and HEAD")
def _(way):
    with client(way) as made:
        said = [told(made.request(verb, "/v1/echo", json={"a": 1}))[0]
                for verb in ("POST", "PUT", "PATCH")]
        head = made.head("/v1/any")
        return [*said, made.get("/v1/models").json(), made.delete("/v1/responses/r").status_code,
                head.status_code, head.headers["content-length"]]


@same("a stream of lines, whose first comes before the second is made", {"hold": True})
def _(way):
    ask = {"model": "m", "messages": [], "stream": True}
    with client(way) as made, made.stream("POST", "/v1/chat/completions", json=ask) as answer:
        lines = []
        for line in answer.iter_lines():
            if not lines:
                way.upstream.release()
            lines.append(line)
        return lines


@same("a body of a generator goes in chunks, a large one with its length")
def _(way):
    with client(way) as made:
        chunks = made.post("/v1/files", content=(b"x" * 10_000 for _ in range(300)))
        return [chunks.json()["bytes"], made.post("/v1/files", content=b"x" * (3 << 20)).json()]


@same("multipart with a name that isn't ASCII")
def _(way):
    with client(way) as made:
        files = {"file": ("Aufnahme é.ogg", b"\0" * 1_000_000, "audio/ogg")}
        return made.post("/v1/audio/transcriptions", files=files, data={"model": "w"}).json()


@same("escapes, brackets and repeated names in path and query")
def _(way):
    targets = [
        "/v1/echo/a%2Fb%20c", "/v1/echo/models:generate", "/v1/echo?a=1&a=2&b=", "/v1/echo?",
        "/v1/echo?q=a%20b+c", "/v1/echo//x/", "/v1/echo?ids%5B%5D=a&q=a%20b", "/v1/echo/%C3%A4"]
    with client(way) as made:
        return [made.get(target).json()["line"] for target in targets]


@same("answers of 204, 201, 404 and 418", {"status": 204, "body": ""}, {"status": 201},
      {"status": 404, "body": "gone"}, {"status": 418, "body": "teapot"})
def _(way):
    with client(way) as made:
        return [told(made.get("/v1/models")) for _ in range(4)]


@same("fields of an answer", {"headers": [
    ("retry-after", "7"), ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
    ("openai-processing-ms", "12"), ("x-should-retry", "true"), ("link", "<a>; rel=next"),
    ("link", "<b>; rel=prev"), ("etag", '"a"')]})
def _(way):
    with client(way) as made:
        fields = made.get("/v1/models").headers
        names = ("retry-after", "anthropic-ratelimit-tokens-reset", "openai-processing-ms",
                 "x-should-retry", "etag")
        return [fields.get_list("link"), *(fields[name] for name in names)]


@same("gzip and br", {"encoding": "gzip"}, {"encoding": "br"})
def _(way):
    with client(way, http2=False) as made:
        answers = [made.get("/v1/models"), made.get("/v1/models")]
        return [[answer.headers["content-encoding"], answer.json()] for answer in answers]


@same("thirty calls at once, async")
def _(way):
    async def calls():
        headers = {"authorization": f"Bearer {way.key}"}
        async with httpx.AsyncClient(base_url=way.base("openai"), headers=headers) as made:
            asked = [made.post("/v1/echo", json={"n": 0}) for _ in range(30)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    return asyncio.run(calls())


@same("an async call that is cancelled ends at the provider", {"silent": True})
def _(way):
    async def call():
        headers = {"authorization": f"Bearer {way.key}"}
        async with httpx.AsyncClient(base_url=way.base("openai"), headers=headers) as made:
            asked = asyncio.ensure_future(made.get("/v1/models"))
            await asyncio.to_thread(way.upstream.until, {"end": "open", "bytes": 0})
            asked.cancel()
            return str(await asyncio.gather(asked, return_exceptions=True))

    said = asyncio.run(call())
    way.upstream.until({"end": "left"})
    return said


def meanwhile(way, call, state):
    """What a call returns whose provider goes on when it has come to this state."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        asked = threads.submit(call)
        way.upstream.until(state)
        way.upstream.release()
        return told(asked.result())


@same("a provider that thinks before it says anything", {"silent": True})
def _(way):
    with client(way) as made:
        ask = {"model": "m", "messages": []}
        return meanwhile(
            way, lambda: made.post("/v1/chat/completions", json=ask), {"end": "open", "bytes": 27})


@same("a provider that is busy before it reads the body", {"unread": True})
def _(way):
    with client(way) as made:
        return meanwhile(
            way, lambda: made.post("/v1/files", content=b"x" * (8 << 20)), {"end": "open"})


@same("a refusal before the body's end, which is then read",
      *[{"status": 413, "body": "too large", "early": 65_536, "lingers": True}] * 5)
def _(way):
    with client(way) as made:
        return [told(made.post("/v1/files", content=b"x" * (8 << 20))) for _ in range(5)]


@proxied("40 MiB, with a length and in chunks")
def _(way):
    piece = b"x" * (1 << 20)
    with client(way) as made:
        sized = made.post("/v1/files", content=(piece for _ in range(40)),
                          headers={"content-length": str(40 << 20)})
        chunked = made.post("/v1/files", content=(piece for _ in range(40)))
        statuses = [sized.status_code, chunked.status_code]
        return None if statuses == [200, 200] else f"{statuses}: {sized.text}"


@proxied("custom/LABEL without a path is refused, and no other endpoint is asked")
def _(way):
    headers = {"authorization": f"Bearer {way.token}"}
    for path in ("/proxy/custom/down", "/proxy/custom/none", "/proxy/custom//v1/models"):
        answer = httpx.get(way.portal + path, headers=headers)
        if way.upstream.records() or answer.status_code != 404:
            return f"{path}: {answer.status_code} {answer.text}"
