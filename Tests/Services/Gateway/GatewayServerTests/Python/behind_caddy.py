"""Runs Caddy with the configuration that the documentation shows, in front of a gateway, and the
checks of HTTPS and gRPC through it.

Arguments: docs/reverse-proxies.md, the gateway's port, certificate, key, authority, access token.
"""
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

page, port, certificate, key, authority, token = sys.argv[1:]
here = pathlib.Path(__file__).parent
snippet = re.search(r"## Caddy.*?```\n(.*?)```", pathlib.Path(page).read_text(), re.DOTALL).group(1)


def replaced(text, old, new):
    if old not in text:
        sys.exit(f"the documentation's configuration has no {old}")
    return text.replace(old, new)


def configuration(own_port):
    text = replaced(snippet, "keys.example.org {", f"https://127.0.0.1:{own_port} {{\n  tls {certificate} {key}")
    return "{\n  admin off\n  auto_https off\n}\n" + replaced(text, "127.0.0.1:8080", f"127.0.0.1:{port}")


def start(directory):
    """Caddy takes no port of the kernel's choice: one that was free, or another."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            own_port = probe.getsockname()[1]
        file = pathlib.Path(directory, "Caddyfile")
        file.write_text(configuration(own_port))
        log = open(pathlib.Path(directory, "log"), "w")
        process = subprocess.Popen(
            ["/usr/bin/caddy", "run", "--config", str(file), "--adapter", "caddyfile"], stdout=log, stderr=log,
            env={**os.environ, "HOME": directory, "XDG_DATA_HOME": directory, "XDG_CONFIG_HOME": directory})
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", own_port), timeout=1).close()
                return process, own_port
            except OSError:
                time.sleep(0.05)
        output = pathlib.Path(directory, "log").read_text()
        if "address already in use" not in output:
            sys.exit(output)
    sys.exit("no port was free")


with tempfile.TemporaryDirectory() as directory:
    caddy, own_port = start(directory)
    try:
        for script, arguments in [
            ("over_https.py", [f"https://127.0.0.1:{own_port}", authority, token, "behind-a-proxy"]),
            ("over_grpc.py", [f"127.0.0.1:{own_port}", authority, token]),
        ]:
            result = subprocess.run([sys.executable, str(here / script), *arguments])
            if result.returncode != 0:
                print(pathlib.Path(directory, "log").read_text()[-4_000:])
                sys.exit(f"{script} failed behind Caddy")
    finally:
        caddy.terminate()
        caddy.wait()
print("all hold behind Caddy")
