"""curl, which offers HTTP/2 when asked to, and waits for leave to send large bodies."""

import subprocess

from matrix import same


def curl(way, *arguments, data=b""):
    """Everything that curl prints; gives up after five seconds."""
    command = ["curl", "--silent", "--show-error", "--max-time", "5",
               "--header", f"Authorization: Bearer {way.key}", *arguments]
    done = subprocess.run(command, input=data, capture_output=True)
    return [done.returncode, done.stdout.decode()]


@same("a stream")
def _(way):
    body = '{"model": "m", "messages": [], "stream": true}'
    return curl(way, "--no-buffer", "--data", body, way.base("openai", "/v1/chat/completions"))


@same("--compressed", {"encoding": "gzip"}, {"encoding": "br"})
def _(way):
    address = way.base("openai", "/v1/models")
    return [curl(way, "--compressed", address), curl(way, "--compressed", address)]


@same("--http2: two requests on one connection")
def _(way):
    address = way.base("openai", "/v1/models")
    return curl(way, "--http2", address, address)


@same("an upload over a megabyte waits for 100-continue, and for nothing else")
def _(way):
    # Would give up, where curl by itself sends the body after a second.
    return curl(
        way, "--expect100-timeout", "60", "--form", "file=@-;filename=a.ogg",
        way.base("openai", "/v1/files"), data=b"\0" * (2 << 20))


@same("an upload in chunks from standard input")
def _(way):
    return curl(way, "--upload-file", "-", "--request", "POST", way.base("openai", "/v1/files"),
                data=b"\0" * 300_000)


@same("--location to the provider itself", {
    "status": 307, "headers": [("location", "{origin}/v1/models")], "body": ""})
def _(way):
    return curl(way, "--location", way.base("openai", "/v1/any"))
