"""Sends requests that hide a second one to a gateway: directly, by nginx and by HAProxy.

Arguments: the gateway's port, an access token. Whoever runs this looks at what reached the
provider; here each form must have one answer at most, and an honest client its own one afterwards.
"""
import concurrent.futures
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import hpack
from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame

import smuggling_forms

port, token = sys.argv[1:]
# Longer than anybody on the way waits for the rest of a request.
PATIENCE = 15
HTTP2_PATIENCE = 2
AT_ONCE = 16
ANSWER = re.compile(rb"HTTP/1\.[01] (?!100)[0-9]{3} ")
failures = []


def exchange(own_port, sent, patience=PATIENCE):
    """What comes back until the other side closes; a connection that stays open is a failure."""
    received = b""
    with socket.create_connection(("127.0.0.1", own_port), timeout=patience) as client:
        try:
            client.sendall(sent)
            while piece := client.recv(1 << 16):
                received += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return None
    return received


def is_served(own_port, number):
    path = f"/proxy/custom/lab/honest-{number}"
    answer = exchange(own_port, (f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
                                 "Connection: close\r\n\r\n").encode())
    return answer is not None and answer.startswith(b"HTTP/1.1 200") and answer.count(f"at {path}".encode()) == 1


def attack(front, own_port):
    forms = smuggling_forms.forms(token)

    def send(numbered):
        number, (name, sent) = numbered
        received = exchange(own_port, sent)
        if received is None:
            failures.append(f"{front}: {name}: neither answered nor closed")
        elif (answers := len(ANSWER.findall(received))) > 1:
            failures.append(f"{front}: {name}: {answers} answers: {received[:600]}")
        if not is_served(own_port, number):
            failures.append(f"{front}: {name}: the next client isn't served")

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(send, enumerate(forms)))
    print(f"{front}: {len(forms)} forms")


def http2_attack(own_port):
    forms = smuggling_forms.http2_forms(token)
    for number, (name, fields, body) in enumerate(forms):
        headers = HeadersFrame(1, hpack.Encoder().encode(fields), flags=["END_HEADERS"])
        frames = [SettingsFrame(0), headers, DataFrame(1, body, flags=["END_STREAM"])]
        sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frame.serialize() for frame in frames)
        # A stream that was refused doesn't end its connection.
        exchange(own_port, sent, HTTP2_PATIENCE)
        if not is_served(own_port, number):
            failures.append(f"HTTP/2: {name}: the next client isn't served")
    print(f"HTTP/2: {len(forms)} forms")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx(directory, own_port):
    folders = "".join(f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = f"""daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log; {'user root;' * is_root()}
      events {{}} http {{ access_log off; client_body_timeout 1s; client_header_timeout 1s; {folders} upstream gateway {{ server 127.0.0.1:{port}; keepalive 4; }}
      server {{ listen 127.0.0.1:{own_port}; proxy_request_buffering off; location / {{ proxy_pass http://gateway;
      proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}"""
    pathlib.Path(directory, "nginx.conf").write_text(text)
    return ["/usr/sbin/nginx", "-p", directory, "-c", f"{directory}/nginx.conf"]


def haproxy(directory, own_port):
    text = f"""defaults
  mode http
  timeout connect 2s
  timeout client 1s
  timeout http-request 1s
  timeout server 10s
  http-reuse always
frontend web
  bind 127.0.0.1:{own_port}
  default_backend gateway
backend gateway
  server one 127.0.0.1:{port}
"""
    pathlib.Path(directory, "haproxy.cfg").write_text(text)
    return ["/usr/sbin/haproxy", "-db", "-q", "-f", f"{directory}/haproxy.cfg"]


def is_root():
    return subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip() == "0"


def behind(name, configure):
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(20):
            own_port = free_port()
            process = subprocess.Popen(configure(directory, own_port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", own_port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            if process.poll() is None:
                break
        else:
            sys.exit(f"{name} doesn't start: {process.stdout.read()}")
        try:
            attack(name, own_port)
        finally:
            process.terminate()
            process.wait()


attack("directly", int(port))
http2_attack(int(port))
behind("nginx", nginx)
behind("HAProxy", haproxy)
if failures:
    sys.exit("\n".join(failures))
print("all hold")
