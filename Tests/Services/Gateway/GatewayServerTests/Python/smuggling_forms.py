"""Requests that two readers could read differently: each hides a second one, for MARKER.

A form is a name and the bytes after `HOST`'s and the token's fields. Whoever reads a form as one
request, or refuses it, is right; whoever finds a second one in it passes on what nobody checked.
"""

MARKER = "/proxy/custom/lab/hidden"
FIRST = "/proxy/custom/lab/first"


def hidden(token):
    return (f"GET {MARKER} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
            "Connection: close\r\n\r\n")


def forms(token):
    """Pairs of a name and bytes."""
    second = hidden(token)
    size = len(second)
    made = []

    def whole(name, text):
        made.append((name, text.encode("latin-1") if isinstance(text, str) else text))

    def form(name, fields, body, line=f"POST {FIRST} HTTP/1.1", end="\r\n"):
        whole(name, f"{line}{end}Host: a{end}Authorization: Bearer {token}{end}Connection: close{end}"
                    f"{fields}{end}{body}")

    chunked = "Transfer-Encoding: chunked\r\n"
    none = "0\r\n\r\n"

    # Content-Length beside Transfer-Encoding (RFC 9112, 6.3).
    form("CL.TE", f"Content-Length: {len(none) + size}\r\n{chunked}", none + second)
    form("TE before CL", f"{chunked}Content-Length: {len(none) + size}\r\n", none + second)
    form("TE.CL", f"Content-Length: 4\r\n{chunked}", f"{size:x}\r\n{second}\r\n{none}")
    form("CL of zero, TE", f"Content-Length: 0\r\n{chunked}", none + second)
    form("CL.TE in lower case", f"content-length: {len(none) + size}\r\ntransfer-encoding: chunked\r\n", none + second)

    # Transfer codings that one reader takes for chunked and another doesn't.
    for name, field in [
        ("xchunked", "Transfer-Encoding: xchunked"), ("identity", "Transfer-Encoding: identity"),
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ("chunked, then identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        ("identity, then chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
        ("chunked, identity", "Transfer-Encoding: chunked, identity"),
        ("chunked, chunked", "Transfer-Encoding: chunked, chunked"), ("empty", "Transfer-Encoding:"),
        ("gzip, chunked", "Transfer-Encoding: gzip, chunked"), ("comma", "Transfer-Encoding: ,chunked"),
        ("quoted", 'Transfer-Encoding: "chunked"'), ("parameter", "Transfer-Encoding: chunked;q=1"),
        ("blank before the colon", "Transfer-Encoding : chunked"),
        ("tab before the colon", "Transfer-Encoding\t: chunked"),
        ("vertical tab", "Transfer-Encoding: \x0bchunked"), ("form feed", "Transfer-Encoding: chunked\x0c"),
        ("NUL", "Transfer-Encoding: chunked\x00"), ("no-break space", "Transfer-Encoding: \xa0chunked"),
        ("folded", "Transfer-Encoding:\r\n chunked"), ("folded behind another", "X: y\r\n Transfer-Encoding: chunked"),
        ("blank in front", " Transfer-Encoding: chunked"), ("bare CR in front", "X: y\rTransfer-Encoding: chunked"),
        ("bare LF in front", "X: y\nTransfer-Encoding: chunked"), ("underscore", "Transfer_Encoding: chunked"),
        ("no colon", "Transfer-Encoding chunked"), ("CR in the value", "Transfer-Encoding: chunked\r\r"),
    ]:
        form(f"TE {name}, beside CL", f"Content-Length: {len(none) + size}\r\n{field}\r\n", none + second)
        if name not in ("underscore", "blank in front", "folded behind another"):
            form(f"TE {name}", f"{field}\r\n", f"{size:x}\r\n{second}\r\n{none}")

    # Lengths that are no number, or more than one (RFC 9110, 8.6).
    for name, field in [
        ("twice", f"Content-Length: 0\r\nContent-Length: {size}"), ("twice, larger first", f"Content-Length: {size}\r\nContent-Length: 0"),
        ("in a list", f"Content-Length: 0, {size}"), ("plus", f"Content-Length: +{size}"), ("minus", "Content-Length: -1"),
        ("hexadecimal", f"Content-Length: 0x{size:x}"), ("fraction", f"Content-Length: {size}.0"),
        ("underscore in the number", "Content-Length: 1_0"), ("overflow", f"Content-Length: {2 ** 64 + size}"),
        ("blank inside", "Content-Length: 0 1"), ("empty", "Content-Length:"), ("exponent", "Content-Length: 1e2"),
        ("blank before the colon", f"Content-Length : {size}"), ("folded", f"Content-Length:\r\n {size}"),
        ("NUL", f"Content-Length: {size}\x00"), ("other digits", "Content-Length: \xb2"),
    ]:
        form(f"CL {name}", f"{field}\r\n", second)
    form("CL on GET", f"Content-Length: {size}\r\n", second, line=f"GET {FIRST} HTTP/1.1")

    # Chunks (RFC 9112, 7.1).
    for name, body in [
        ("size overflows", f"1{'0' * 16}\r\n{second}"), ("size with 0x", f"0x{size:x}\r\n{second}\r\n{none}"),
        ("size with a sign", f"+{size:x}\r\n{second}\r\n{none}"), ("size behind a blank", f" {size:x}\r\n{second}\r\n{none}"),
        ("size empty", f"\r\n{second}\r\n{none}"), ("size with an underscore", f"1_0\r\n{second}\r\n{none}"),
        ("LF behind the size", f"{size:x}\n{second}\r\n{none}"), ("CR behind the size", f"{size:x}\r{second}\r\n{none}"),
        ("LF behind the data", f"5\r\nhello\n{none}{second}"), ("data longer than said", f"1\r\nhello\r\n{none}{second}"),
        ("data without an end", f"5\r\nhello0\r\n\r\n{second}"), ("extension", f"{size:x};a=b\r\n{second}\r\n{none}"),
        ("extension with LF", f"5;a\nhello\r\n{none}{second}"), ("extension with CR", f"5;a\rb\r\nhello\r\n{none}{second}"),
        ("extension in quotes with a line", f'5;a="\r\nhello\r\n{none}{second}'),
        ("extension of a megabyte", f"5;{'a' * (1 << 20)}\r\nhello\r\n{none}"),
        ("trailer that is a framing field", f"0\r\nContent-Length: {size}\r\n\r\n{second}"),
        ("trailer with a coding", f"0\r\n{chunked}\r\n{second}"), ("last chunk of many zeros", f"000000\r\n\r\n{second}"),
        ("LF behind the last chunk", f"0\n\n{second}"), ("trailer that never ends", f"0\r\n{second[:-2]}"),
    ]:
        form(f"chunk: {name}", chunked, body)

    # Lines.
    form("bare LF", f"Content-Length: {size}\n", second, end="\n")
    form("bare LF, two heads", "\n" + second, "", end="\n")
    form("bare CR, two heads", "X: y\r\r" + second, "")
    form("HTTP/1.0 with chunks", chunked, none + second, line=f"POST {FIRST} HTTP/1.0")
    form("HTTP/0.9", "", second, line=f"GET {FIRST}")
    form("HTTP/1.2", chunked, none + second, line=f"POST {FIRST} HTTP/1.2")
    form("blank in the address", "", "", line=f"GET {FIRST} HTTP/1.1\r\nX: y GET {MARKER} HTTP/1.1")
    form("CR in the address", "", "", line=f"GET {FIRST}\rGET {MARKER} HTTP/1.1")
    form("escaped lines in the address", "", "", line=f"GET {FIRST}%0d%0a%0d%0aGET%20{MARKER} HTTP/1.1")
    form("two Hosts", "Host: b\r\n", "")
    form("a field named by Connection", f"Content-Length: {size}\r\nConnection: Content-Length\r\n", second)
    form("Expect with a body at once", f"Expect: 100-continue\r\nContent-Length: {size}\r\n", second)
    form("an upgrade to HTTP/2", f"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: {size}\r\n", second)
    form("an offer of WebSocket with a body", f"Upgrade: websocket\r\nConnection: close\r\nContent-Length: {size}\r\n", second,
         line=f"GET {FIRST} HTTP/1.1")
    return made


def http2_forms(token):
    """Pairs of a name and the fields and body of a request by HTTP/2."""
    second = hidden(token)
    start = [(":method", "POST"), (":scheme", "http"), (":path", FIRST), (":authority", "a"),
             ("authorization", f"Bearer {token}")]

    def replaced(name, value):
        return [(field, value if field == name else was) for field, was in start]

    lines = f"\r\n\r\n{second}"
    return [
        ("lines in a value", start + [("x", f"y{lines}")], b""),
        ("a coding in a value", start + [("x", "y\r\ntransfer-encoding: chunked")], f"0\r\n\r\n{second}".encode()),
        ("LF in a value", start + [("x", f"y\n\n{second}")], b""),
        ("CR in a value", start + [("x", f"y\r\r{second}")], b""), ("NUL in a value", start + [("x", "y\0z")], b""),
        ("lines in a name", start + [(f"x: y{lines}", "z")], b""), ("colon in a name", start + [("x: y", "z")], b""),
        ("blank in a name", start + [("content-length ", str(len(second)))], second.encode()),
        ("upper case", start + [("Transfer-Encoding", "chunked")], f"0\r\n\r\n{second}".encode()),
        ("a coding", start + [("transfer-encoding", "chunked")], f"0\r\n\r\n{second}".encode()),
        ("connection", start + [("connection", "keep-alive, x")], b""), ("upgrade", start + [("upgrade", "h2c")], b""),
        ("length of zero", start + [("content-length", "0")], second.encode()),
        ("length too long", start + [("content-length", "9999")], second.encode()),
        ("two lengths", start + [("content-length", "0"), ("content-length", str(len(second)))], second.encode()),
        ("lines in the path", replaced(":path", f"{FIRST} HTTP/1.1\r\nHost: a{lines}"), b""),
        ("blank in the path", replaced(":path", f"{FIRST} HTTP/1.1"), b""), ("no path", replaced(":path", ""), b""),
        ("lines in the method", replaced(":method", f"GET {MARKER} HTTP/1.1\r\nHost: a{lines}"), b""),
        ("blank in the method", replaced(":method", f"GET {MARKER}"), b""),
        ("lines in the authority", replaced(":authority", f"a{lines}"), b""),
        ("lines in the scheme", replaced(":scheme", f"http{lines}"), b""), ("another Host", start + [("host", "b")], b""),
        ("two paths", start + [(":path", MARKER)], b""), ("a pseudo field behind", start + [("x", "y"), (":path", MARKER)], b""),
    ]
