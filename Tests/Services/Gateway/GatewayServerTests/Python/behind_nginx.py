"""Runs nginx with the configuration that the documentation shows, in front of a gateway, and the
checks of HTTPS and gRPC through it.

Arguments: docs/reverse-proxies.md, the gateway's port, certificate, key, authority, access token.
"""
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

page, port, certificate, key, authority, token = sys.argv[1:]
here = pathlib.Path(__file__).parent
snippet = re.search(r"```nginx\n(.*?)```", pathlib.Path(page).read_text(), re.DOTALL).group(1)


def replaced(text, old, new):
    if old not in text:
        sys.exit(f"the documentation's configuration has no {old}")
    return text.replace(old, new)


def configuration(directory, own_port):
    text = replaced(snippet, "listen 443 ssl", f"listen 127.0.0.1:{own_port} ssl")
    text = replaced(text, "/etc/ssl/keys.example.org.pem", certificate)
    text = replaced(text, "/etc/ssl/keys.example.org.key", key)
    text = replaced(text, "127.0.0.1:8080", f"127.0.0.1:{port}")
    folders = "".join(
        f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip() == "0" else ""
    return (f"{user}daemon off;\nworker_processes 1;\npid {directory}/pid;\nerror_log {directory}/error.log;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n")


def start(directory):
    """nginx takes no port of the kernel's choice: one that was free, or another."""
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            own_port = probe.getsockname()[1]
        file = pathlib.Path(directory, "nginx.conf")
        file.write_text(configuration(directory, own_port))
        process = subprocess.Popen(["/usr/sbin/nginx", "-p", directory, "-c", str(file)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", own_port), timeout=1).close()
                return process, own_port
            except OSError:
                time.sleep(0.05)
        output = process.stdout.read()
        if "Address already in use" not in output:
            sys.exit(output)
    sys.exit("no port was free")


with tempfile.TemporaryDirectory() as directory:
    nginx, own_port = start(directory)
    try:
        for script, arguments in [
            ("over_https.py", [f"https://127.0.0.1:{own_port}", authority, token, "behind-a-proxy"]),
            ("over_grpc.py", [f"127.0.0.1:{own_port}", authority, token]),
        ]:
            result = subprocess.run([sys.executable, str(here / script), *arguments])
            if result.returncode != 0:
                print(pathlib.Path(directory, "error.log").read_text())
                sys.exit(f"{script} failed behind nginx")
    finally:
        nginx.terminate()
        nginx.wait()
print("all hold behind nginx")
