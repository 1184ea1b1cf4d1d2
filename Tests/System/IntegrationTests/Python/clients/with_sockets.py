"""HTTP itself, byte by byte: what no SDK sends today and some client sends tomorrow."""

import json

from matrix import proxied, same
from wire import Wire, ask, raw

SENT = [
    "OpenAI-Organization: org-1", "OpenAI-Project: proj-1", "anthropic-version: 2023-06-01",
    "anthropic-beta: tools-2024-04-04", "anthropic-beta: files-api-2025-04-14",
    "Idempotency-Key: one", "x-stainless-lang: python", "HTTP-Referer: https://app.example",
    "X-Title: App", "X-DashScope-SSE: enable", "Accept-Encoding: gzip, br, zstd",
    "User-Agent: OpenAI/Python 1.0", "X-Client-Request-Id: mine-1", "Content-Type: a/b; c=d",
]
# A credential of another place, which a client sends besides.
OTHER = "sk-ant-oat01-" + "a" * 40


def last_line(way):
    return way.upstream.records()[-1]["line"]


def last_fields(way):
    return way.upstream.records()[-1]["headers"]


# MARK: What passes

@same("fields of SDKs, in their order and number")
def _(way):
    fields = ask(way, "/v1/echo", *SENT, method="POST", body=b"{}")
    sent = [(name.lower(), value) for name, value in json.loads(fields.body)["headers"]]
    named = [line.split(":")[0].lower() for line in SENT]
    return [field for field in sent if field[0] in named]


@same("queries as they are")
def _(way):
    queries = [
        "a=1&a=2&b=", "", "text=a%0Ab", "q=%FF", "q=100%25&p=50%", "q=a|b", "q={a}^`",
        "key=user-42", "token=5&api_key=", "q=a+b%20c", "q=%e4%C3", "a=b?c/d:e@f"]
    return [[ask(way, f"/v1/echo?{query}").status, query] for query in queries]


@same("brackets in a query, beside escapes")
def _(way):
    queries = ["include[]=a&q=a%20b", "a[b][c]=%5B1%5D", "[]", "q=%255B[x]"]
    return [ask(way, f"/v1/echo?{query}").status for query in queries]


@same("paths as they are")
def _(way):
    paths = [
        "/a%2Fb", "/models/ft:gpt", "/a%20b", "//x//y", "/%C3%A4%FF", "/x;y=1,2", "/trailing/",
        "/a%2fb%3A", "/~x/$y/'(z)*!"]
    return [ask(way, f"/v1/echo{path}").status for path in paths]


@same("brackets in a path, beside escapes")
def _(way):
    return [ask(way, f"/v1/echo{path}").status for path in ("/a%20[1]", "/[x]/%5B")]


@same("a request in gzip, and one in chunks with extensions and trailers")
def _(way):
    gzip = bytes(range(256)) * 20
    squeezed = ask(way, "/v1/files", "Content-Encoding: gzip", method="POST", body=gzip)
    chunks = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nx-checksum: 1\r\n\r\n"
    chunked = ask(way, "/v1/files", "Transfer-Encoding: chunked", method="POST", body=chunks)
    return [json.loads(squeezed.body)["bytes"], json.loads(chunked.body)["bytes"]]


@same("fields of an answer, and bytes that no coding explains", {
    "status": 429, "body": "not gzip at all", "headers": [
        ("retry-after", "7"), ("retry-after-ms", "7000"), ("x-ratelimit-remaining-requests", "0"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"), ("x-should-retry", "true"),
        ("openai-processing-ms", "12"), ("link", "<a>; rel=next"), ("link", "<b>; rel=prev"),
        ("content-encoding", "br")]})
def _(way):
    answer = ask(way)
    kept = [field for field in answer.headers if field[0].startswith(
        ("retry", "x-ratelimit", "anthropic", "x-should", "openai", "link", "content-enc"))]
    # The order of fields of one name has a meaning, that of others has none.
    return [answer.status, sorted(kept, key=lambda field: field[0]), answer.body.decode()]


@same("request ids of provider and client", {"headers": [
    ("x-request-id", "req_1"), ("request-id", "req_2"), ("x-client-request-id", "mine-1")]})
def _(way):
    answer = ask(way, "/v1/echo", "X-Client-Request-Id: mine-1", "X-Request-ID: mine-2")
    return [answer.all(name) for name in ("x-request-id", "request-id", "x-client-request-id")]


@same("a stream whose events are cut anywhere", raw(
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"9\r\nevent: a\r\r\n", b"c\r\n\ndata: {\"n\":\r\n", b"5\r\n1}\r\n\r\r\n",
    b"b;x=y\r\n\n: ping\r\n\r\n\r\n",
    b"30d46\r\ndata: " + b"y" * 200_000 + b"\r\n", b"2\r\n\n\n\r\n", b"0\r\nx-checksum: 1\r\n\r\n"))
def _(way):
    answer = ask(way, "/v1/chat/completions", method="POST", body=b"{}")
    return [answer.status, answer.body.decode()]


@same("answers in one byte a piece, of HTTP/1.0, after 103, and until the connection ends",
      raw(*[bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]),
      raw(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"),
      raw(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n"
          b"\r\nhello"),
      raw(b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n\r\nhello"))
def _(way):
    answers = [ask(way) for _ in range(4)]
    return [[answer.status, answer.body.decode()] for answer in answers]


@same("HEAD keeps the length of what GET would get")
def _(way):
    answer = ask(way, "/v1/any", method="HEAD")
    return [answer.status, answer.get("content-length")]


@same("statuses", *[{"status": status, "body": ""} for status in (
    200, 202, 204, 304, 400, 402, 409, 422, 451, 500, 503, 520, 529, 599)])
def _(way):
    return [ask(way).status for _ in range(14)]


@same("requests in a pipeline, also behind a stream")
def _(way):
    with Wire(way) as wire:
        wire.request("/v1/chat/completions", method="POST", body=b'{"messages":[],"stream":true}')
        for number in range(5):
            wire.request(f"/v1/echo/{number}")
        streamed = wire.answer()
        return [len(streamed.body), *(wire.answer().status for _ in range(5))]


@proxied("a field of a request that is not UTF-8 is refused by name")
def _(way):
    answer = ask(way, "/v1/echo", "x-app: caf\xe9 \xff")
    is_told = answer.status == 400 and b"x-app is not UTF-8" in answer.body
    return None if is_told else f"{answer.status} {answer.body}"


@proxied("a field of an answer that is not UTF-8 is refused by name", raw(
    b"HTTP/1.1 200 OK\r\nx-app: caf\xe9 \xff\r\ncontent-length: 2\r\n\r\nok"))
def _(way):
    answer = ask(way, "/v1/echo")
    is_told = answer.status == 502 and b"x-app is not UTF-8" in answer.body
    return None if is_told else f"{answer.status} {answer.body}"


# MARK: Connections

@same("Expect: 100-continue is answered before the body")
def _(way):
    statuses = []
    for size in (2, 2 << 20):
        with Wire(way, seconds=3) as wire:
            body = b"x" * size
            wire.request("/v1/files", "Expect: 100-continue", method="POST", body=body,
                         send_body=False)
            statuses.append(wire.head().status)
            wire.send(body)
            statuses.append(json.loads(wire.answer().body)["bytes"])
    return statuses


@proxied("Expect: 100-continue with a wrong token is refused before the body")
def _(way):
    with Wire(way, seconds=3, key="chat_wrong") as wire:
        wire.request("/v1/files", "Expect: 100-continue", method="POST", body=b"x" * 2000,
                     send_body=False)
        status = wire.head().status
    return None if status == 401 else f"status {status}"


def upgrades(way, offers, *fields):
    """Three requests on one connection, or on a next one where an answer says that it closes."""
    statuses = []
    wire = Wire(way, seconds=3)
    for offer in offers:
        answer = wire.request(
            "/v1/files", *(fields if offer else ()), method="POST", body=b'{"n":1}').answer()
        statuses.append([answer.status, json.loads(answer.body)["bytes"]])
        if answer.get("connection") == "close":
            wire.socket.close()
            wire = Wire(way, seconds=3)
    wire.socket.close()
    return statuses


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
       "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")


@same("an offer of HTTP/2 with each request is passed over")
def _(way):
    return upgrades(way, (True, True, True), *H2C)


@same("an offer of HTTP/2 with the first request is passed over")
def _(way):
    return upgrades(way, (True, False, False), *H2C)


@same("offers of protocols that nobody knows are passed over")
def _(way):
    return upgrades(way, (True, True, True), "Connection: upgrade", "Upgrade: TLS/1.0, x/2")


@same("Connection: upgrade without an offer")
def _(way):
    return upgrades(way, (True, True, True), "Connection: upgrade")


@proxied("a client of HTTP/1.0 gets no chunks and the connection's end")
def _(way):
    body = b'{"messages":[],"stream":true}'
    with Wire(way, seconds=3) as wire:
        wire.request("/v1/chat/completions", method="POST", body=body, version="HTTP/1.0")
        head, rest = wire.head(), wire.rest()
    if head.get("transfer-encoding") or not rest.endswith(b"[DONE]\n\n"):
        return f"{head.headers} {rest}"


@proxied("a pooled connection that ends without an answer: GET is sent once more", {}, raw())
def _(way):
    statuses = [ask(way).status, ask(way).status]
    return None if statuses == [200, 200] else f"{statuses}"


@proxied("a provider that speaks no HTTP is 502, and said so", raw(b"SSH-2.0-x\r\n\r\n"))
def _(way):
    answer = ask(way, method="POST", body=b"{}")
    if answer.status != 502 or b"HTTP" not in answer.body:
        return f"{answer.status} {answer.body}"


@proxied("a provider that closes instead of an answer is 502, and said so", *[raw()] * 4)
def _(way):
    answer = ask(way, method="POST", body=b"{}")
    if answer.status != 502 or b"closed" not in answer.body:
        return f"{answer.status} {answer.body}"


# MARK: What stays here

@proxied("fields about the client and its other credentials stay here")
def _(way):
    private = [
        "Cookie: a=b", "X-Forwarded-For: 203.0.113.9", "X-Real-IP: 203.0.113.9",
        "Forwarded: for=203.0.113.9", "Via: 1.1 front", "CF-Connecting-IP: 203.0.113.9",
        "True-Client-IP: 203.0.113.9", "Origin: https://a.example", "Referer: https://a.example"]
    ask(way, "/v1/echo", *private)
    names = {line.split(":")[0].lower() for line in private} - {"via"}
    kept = [field for field in last_fields(way) if field[0].lower() in names]
    return f"sent {kept}" if kept else None


@proxied("fields that other proxies set about the client stay here")
def _(way):
    private = [
        "X-Client-IP", "Fastly-Client-IP", "X-Azure-ClientIP", "CF-Connecting-IPv6",
        "X-Envoy-External-Address", "X-Original-Forwarded-For", "Forwarded-For", "X-Remote-User",
        "X-Auth-Request-Email", "X-Amzn-OIDC-Identity"]
    ask(way, "/v1/echo", *(f"{name}: 203.0.113.9" for name in private))
    kept = [name for name, value in last_fields(way) if value == "203.0.113.9"]
    return f"sent {kept}" if kept else None


@proxied("the token in further fields doesn't travel on")
def _(way):
    for name in ("helicone-auth", "cf-aig-authorization", "ocp-apim-subscription-key", "x-app"):
        ask(way, "/v1/echo", f"{name}: Bearer {way.token}")


@proxied("the token in queries doesn't travel on")
def _(way):
    for name in ("key", "api-key", "apikey", "token", "x-api-key", "api_key", "any"):
        ask(way, f"/v1/echo?a=b&{name}={way.token}")


@proxied("the token in a path doesn't travel on")
def _(way):
    ask(way, f"/v1/echo/{way.token}/x")


@proxied("the token in place of a key in the address is refused, or put right")
def _(way):
    target = f"/v1beta/models/gemini:generateContent?key={way.token}"
    status = ask(way, target, provider="google", method="POST", body=b"{}", credential=False).status
    return None if status in (200, 400) else f"status {status}"


@proxied("the token is found beside other credentials")
def _(way):
    token = way.token
    pairs = [
        (f"Authorization: Bearer {OTHER}", f"x-api-key: {token}"),
        ("Authorization: Basic dXNlcjpwYXNz", f"x-api-key: {token}"),
        ("Authorization: Bearer", f"x-api-key: {token}"),
        ("Authorization: Bearer undefined", f"api-key: {token}"),
        ("x-api-key: dummy", f"x-goog-api-key: {token}"),
        (f"Authorization: Bearer {token}", f"x-api-key: {token}"),
        (f"x-api-key: {token}", f"x-api-key: {token}")]
    wrong = []
    for pair in pairs:
        answer = ask(way, "/v1/messages", *pair, provider="anthropic", credential=False,
                     method="POST", body=b'{"messages": []}')
        sent = [value for record in way.upstream.records() for _, value in record["headers"]]
        if answer.status != 200 or any(OTHER in value or token in value for value in sent):
            wrong.append(f"{answer.status} for {[field.replace(token, 'TOKEN') for field in pair]}")
    return ", ".join(wrong) or None


@proxied("a WebSocket gets the key, and the token in its protocols stays here")
def _(way):
    with Wire(way, seconds=3) as wire:
        answer = wire.request(
            "/v1/realtime?model=m", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{way.token}").answer()
        if answer.status != 101 or answer.get("sec-websocket-protocol") != "realtime":
            return f"{answer.status}"
    sent = dict(last_fields(way))
    return None if way.settings["key"] in str(sent) else f"sent {sent}"


# MARK: What is refused, and how

@proxied("every error of the proxy's own has a message where SDKs look for it")
def _(way):
    wrong = "Authorization: Bearer chat_wrong"
    asked = [
        ("openai", wrong), ("openai", None), ("nobody", ""), ("custom/none", ""),
        ("custom/down", ""), ("anthropic", "x-api-key: chat_wrong")]
    silent = []
    for provider, field in asked:
        answer = ask(way, "/v1/models", *([field] if field else []), provider=provider,
                     credential=field == "")
        error = json.loads(answer.body).get("error")
        if not isinstance(error, dict) or not error.get("message"):
            silent.append(f"{provider} {answer.status}")
    return f"nothing to read: {', '.join(silent)}" if silent else None


@proxied("a stream tells proxies in front not to hold it back")
def _(way):
    answer = ask(way, "/v1/chat/completions", method="POST",
                 body=b'{"messages":[],"stream":true}')
    return None if answer.get("x-accel-buffering") == "no" else f"{answer.headers}"


@proxied("dot segments, in every spelling, don't reach the provider")
def _(way):
    for path in ("/../x", "/a/..", "/%2e%2e/x", "/.%2E/x", "/a/%2E/x"):
        answer = ask(way, f"/v1/echo{path}")
        if answer.status < 400 or way.upstream.records():
            return f"{path}: {answer.status}"


@proxied("no Host, or two, is 400")
def _(way):
    statuses = [ask(way, host=False).status, ask(way, "/v1/echo", "Host: b.example").status]
    return None if statuses == [400, 400] else f"{statuses}"


@proxied("transfer codings that nobody knows are refused here")
def _(way):
    for coding in ("xchunked", "identity", "gzip"):
        answer = ask(way, "/v1/files", f"Transfer-Encoding: {coding}", method="POST",
                     body=b"5\r\nhello\r\n0\r\n\r\n")
        if answer.status not in (400, 501) or way.upstream.records():
            return f"{coding}: {answer.status}"


@proxied("too many fields are 431")
def _(way):
    answer = ask(way, "/v1/echo", *(f"x-field-{number}: a" for number in range(300)))
    return None if answer.status == 431 else f"{answer.status}"


@proxied("an endpoint stored with its /openai doesn't get it twice")
def _(way):
    target = "/openai/deployments/m/chat/completions?api-version=2024-10-21"
    lines = []
    for label in ("deep", "default"):
        ask(way, target, f"X-Chatelaine-Label: {label}", provider="azure-openai", method="POST",
            body=b'{"messages": []}')
        lines.append(last_line(way))
    return None if set(lines) == {f"POST {target} HTTP/1.1"} else f"{lines}"
