"""Streams of small and of large messages, down from the server and up to it.

nghttpd moves the same bytes as a static file, or takes them as an upload.
"""

import contextlib
import math
import os

import h2load
from peers import CHUNK_SIZES, GRPC_CPP, GRPC_SWIFT, NGHTTPD, OURS, STREAM_BYTES, Peer
from processes import cpu_seconds
from tables import Series, table

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
PEERS = (OURS, NGHTTPD, GRPC_CPP, GRPC_SWIFT)
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
# nghttpd gets the windows that our server opens: 2^16 bytes a stream, 2^20 a connection.
WINDOWS = ("-w16", "-W20")
# Connections, and streams on each.
LOADS = ((1, 1), (1, 8))
GOAL_SHARE = 0.7


def run(place, goals):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Peer(name, place, False, WINDOWS if name == NGHTTPD else ()))
                   for name in PEERS]
        for server in servers:
            server.verify()
        for load in LOADS:
            for size in CHUNK_SIZES:
                for method in ("Source", "Sink"):
                    share = _compare(servers, load, size, method)
                    if size == max(CHUNK_SIZES):
                        direction = "down" if method == "Source" else "up"
                        goals.at_least(
                            f"64 KiB messages {direction}, {load[0]} x {load[1]}: rate / nghttpd",
                            share, GOAL_SHARE, "x")
        for server in servers:
            server.verify()


def _compare(servers, load, size, method):
    results = {server.name: [] for server in servers}
    counts = {server.name: load[1] for server in servers}
    for number in range(RUNS + 1):
        for server in servers:
            count = counts[server.name]
            before = cpu_seconds(server.pid)
            loaded = h2load.run(server.target(method, size, "stream" if method == "Source"
                                              else "answer"), *load, requests=count)
            mebibytes = count * STREAM_BYTES / (1 << 20)
            cpu = (cpu_seconds(server.pid) - before) * 1e6 / mebibytes
            if number > 0:
                results[server.name].append((mebibytes / loaded.seconds, cpu))
            else:
                # The first run warms up and tells how many streams fill the time.
                rounds = math.ceil(SECONDS / loaded.seconds)
                counts[server.name] = load[1] * rounds
    rate = {name: Series(rate for rate, _ in runs) for name, runs in results.items()}
    rows = []
    for name, runs in results.items():
        cpu = Series(cpu for _, cpu in runs)
        messages = "" if name == NGHTTPD else f"{rate[name].median * (1 << 20) / size:,.0f}"
        rows.append([name, rate[name].text(0), messages, cpu.text(0),
                     f"{rate[name].median / rate[NGHTTPD].median:.3g}",
                     f"{rate[name].median / rate[GRPC_CPP].median:.3g}"])
    what = "server to client" if method == "Source" else "client to server"
    table(f"Streams of {size >> 10} KiB messages, {what}, h2c, {load[0]} x {load[1]}: "
          f"median of {RUNS}",
          ["", "MiB/s", "messages/s", "CPU us/MiB", "rate / nghttpd", "rate / gRPC C++"], rows)
    return rate[OURS].median / rate[NGHTTPD].median
