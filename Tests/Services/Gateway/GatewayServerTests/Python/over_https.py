"""Speaks to a gateway over HTTPS with clients that we did not write: httpx (HTTP/2 by h2) and curl.

Arguments: the gateway's https address, the authority's file, an access token, and `behind-a-proxy`
where it is one that speaks TLS. Each check prints its name; the first that fails ends the run.
"""
import json
import subprocess
import sys

import httpx

address, authority, token, *place = sys.argv[1:]
bearer = {"authorization": f"Bearer {token}"}
lab = f"{address}/proxy/custom/lab/v1/chat/completions"


def client(**options):
    return httpx.Client(http2=True, verify=authority, timeout=30, **options)


def check(name, holds, seen=""):
    print(name, flush=True)
    if not holds:
        sys.exit(f"failed: {name}: {seen}")


with client(headers=bearer) as http2:
    answer = http2.get(f"{address}/healthz", headers={"authorization": ""})
    check("a page comes by HTTP/2", answer.status_code == 200 and answer.http_version == "HTTP/2", answer)
    check("every answer has a date and its length", "date" in answer.headers and "content-length" in answer.headers)
    answer = http2.head(f"{address}/healthz")
    check("HEAD has no body", answer.status_code == 200 and answer.content == b"")

    answer = http2.get(f"{address}/api/v1/me", headers={"authorization": "Bearer no", "cookie": "a=b"})
    check("a wrong token is refused", answer.status_code == 401, answer)

    answer = http2.post(lab, content=b"{}")
    check("a small body reaches the provider", answer.json()["bytes"] == 2, answer.text)
    answer = http2.post(lab)
    check("no body is no body", answer.json()["bytes"] == 0, answer.text)
    body = b"x" * (3 << 20)
    answer = http2.post(lab, content=body)
    check("a large body passes through", answer.json()["bytes"] == len(body), answer.text)

    def pieces():
        for _ in range(64):
            yield b"y" * 20_000

    answer = http2.post(lab, content=pieces())
    check("a body of unknown length passes through", answer.json()["bytes"] == 64 * 20_000, answer.text)

    with http2.stream("POST", lab, content=b"stream") as answer:
        seen = b"".join(answer.iter_bytes())
    check("a streamed answer arrives whole", seen.count(b"data:") == 50, seen[:200])

    with http2.stream("POST", lab, content=b"large") as answer:
        count = sum(len(piece) for piece in answer.iter_bytes())
    check("an answer larger than any window arrives whole", count == 8 << 20, count)

    # Half an answer is enough: the connection goes on.
    with http2.stream("POST", lab, content=b"large") as answer:
        next(answer.iter_bytes())
    check("a given-up stream harms nobody", http2.post(lab, content=b"{}").json()["bytes"] == 2)


def curl(*arguments, body=None, every=False):
    command = ["curl", "--silent", "--show-error", "--cacert", authority, "--max-time", "20",
               "--write-out", "\n%{http_code} %{http_version}", *arguments]
    result = subprocess.run(command, capture_output=True, input=body)
    if result.returncode != 0:
        return f"exit {result.returncode} {result.stderr.decode()}"
    lines = result.stdout.decode(errors="replace").splitlines()
    return [line for line in lines if line.endswith(" 2")] if every else lines[-1]


check("curl speaks HTTP/2", (seen := curl("--http2", f"{address}/healthz")) == "200 2", seen)
check("curl speaks HTTP/1.1", (seen := curl("--http1.1", f"{address}/healthz")) == "200 1.1", seen)
check("curl may use TLS 1.2", (seen := curl("--tls-max", "1.2", f"{address}/healthz")) == "200 2", seen)
check("TLS 1.1 is refused", (seen := curl("--tls-max", "1.1", f"{address}/healthz")).startswith("exit"), seen)
check("a client waits for 100 Continue",
      (seen := curl("--http2", "--header", "expect: 100-continue", "--header", f"authorization: Bearer {token}",
                    "--data-binary", "x" * 2000, lab)) == "200 2", seen)
# Its answer comes before the body's end, which not every client bears.
check("a body that is too large is refused",
      (seen := curl("--http2", "--header", "content-type: application/json", "--data-binary", "@-",
                    f"{address}/api/v1/sessions", body=b"x" * (2 << 20))) == "413 2", seen)
seen = curl("--http2", "--parallel", "--parallel-immediate", "--output", "/dev/null", f"{address}/healthz?[1-60]", every=True)
check("many requests go at once", seen == ["200 2"] * 60, seen)
if not place:
    plain = address.replace("https://", "http://")
    check("this machine may come in the clear", (seen := curl(f"{plain}/healthz")) == "200 1.1", seen)
    check("also by HTTP/2", (seen := curl("--http2-prior-knowledge", f"{plain}/healthz")) == "200 2", seen)
print(json.dumps("all hold"))
