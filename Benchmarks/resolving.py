"""The vault alone: keys opened per second, each with its receipt on the disk.

h2load calls the vault as the gateway does, with the gateway's certificate and an assertion of the
account from `auth`.
"""

import json
import os
import re
import subprocess

from base64 import b64encode
from peers import client_certificate, envelope, field
from processes import cpu_seconds
from tables import table

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
LOADS = ((1, 1), (1, 32), (4, 32))


def assertion(state, address, token, place):
    """What auth.Authenticate answers in its first field."""
    request = place.path("authenticate")
    with open(request, "wb") as file:
        file.write(envelope(field(2, token.encode())))
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--http2", "--insecure",
         "--cert", f"{state}/certificates/gateway.pem",
         "--key", f"{state}/certificates/gateway.key",
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         "--data-binary", f"@{request}",
         f"https://{address}/chatelaine.auth.v1.Auth/Authenticate"],
        capture_output=True, check=True)
    message = done.stdout[5:]
    if not message or message[0] != 0x0A:
        raise SystemExit("auth gave no assertion")
    length, start = message[1], 2
    if length >= 0x80:
        length, start = (length & 0x7F) | message[2] << 7, 3
    return message[start:start + length]


def run(state, token, processes, place, goals):
    with open(f"{state}/run/endpoints.json") as file:
        services = json.load(file)["services"]
    request = place.path("resolve")
    with open(request, "wb") as file:
        file.write(envelope(
            field(1, b"custom") + field(2, b"bench") + field(3, b"POST /v1/chat/completions")))
    environment = {**os.environ, "LD_PRELOAD": client_certificate(),
                   "BENCH_CLIENT_CERTIFICATE": f"{state}/certificates/gateway.pem",
                   "BENCH_CLIENT_KEY": f"{state}/certificates/gateway.key"}
    rows, best = [], 0
    for connections, streams in LOADS:
        signed = assertion(state, services["auth"]["address"], token, place)
        before = {name: cpu_seconds(process) for name, process in processes.items()}
        output = subprocess.run(
            ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{SECONDS}",
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             "-H", f"chatelaine-assertion-bin: {b64encode(signed).decode().rstrip('=')}",
             "-d", request,
             f"https://{services['vault']['address']}"
             "/chatelaine.vault.v1.Vault/ResolveCredential"],
            capture_output=True, text=True, check=True, env=environment).stdout
        good = int(re.search(r"status codes: (\d+) 2xx", output).group(1))
        data = int(re.search(r"space savings [\d.]+%\), \S+ \((\d+)\) data", output).group(1))
        # A refusal is 200 too, and has no data.
        if good == 0 or data < good * 60:
            raise SystemExit(f"not all keys were opened\n{output}")
        used = {name: (cpu_seconds(process) - before[name]) * 1e6 / good
                for name, process in processes.items()}
        best = max(best, good / SECONDS)
        rows.append([f"{connections} x {streams}", f"{good / SECONDS:,.0f}",
                     f"{used['vault']:.0f}", f"{used['audit']:.0f}"])
    table("A key opened, its receipt on the disk: connections x calls under way",
          ["", "keys/s", "vault us", "audit us"], rows)
    goals.at_least("keys opened per second, receipts durable", best, 12_000)
