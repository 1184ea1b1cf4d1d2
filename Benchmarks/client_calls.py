"""What a call costs our client, against our server."""

import os
import re

from peers import OURS, PRODUCTS, Peer
from processes import cpu_seconds, on_load_core
from tables import Series, table

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
# Method, callers, where they run, bytes of a message.
LOADS = (
    ("get", 1, "loop", 0), ("get", 1, "pool", 0), ("get", 100, "loop", 0), ("get", 100, "pool", 0),
    ("source", 1, "loop", 1 << 10), ("source", 1, "loop", 64 << 10),
    ("sink", 1, "loop", 1 << 10), ("sink", 1, "loop", 64 << 10),
    ("echo", 1, "loop", 1 << 10), ("echo", 1, "loop", 64 << 10),
)
PLACES = {"loop": "on the loop", "pool": "off the loop"}


def run(place, goals):
    with Peer(OURS, place, False) as server:
        server.verify()
        rows = [_measure(server, *load) for load in LOADS]
        server.verify()
    table(f"Our client and our server, one connection, h2c: median of {RUNS}",
          ["", "callers", "", "per second", "client CPU us", "server CPU us"], rows)


def _measure(server, method, callers, place, size):
    rates, client, both = [], [], []
    for _ in range(RUNS):
        before = cpu_seconds(server.pid)
        output = on_load_core([os.path.join(PRODUCTS, "bench-client"), str(server.port), method,
                               str(callers), place, str(SECONDS), str(size)])
        used = cpu_seconds(server.pid) - before
        units, seconds, cpu, all_units = re.search(
            r"units (\d+) seconds (\S+) cpu_us (\d+) all_units (\d+)", output).groups()
        rates.append(int(units) / float(seconds))
        client.append(int(cpu) / int(units))
        both.append(used * 1e6 / int(all_units))
    what = "unary call" if method == "get" else f"{method}, message of {size >> 10} KiB"
    return [what, str(callers), PLACES[place], f"{Series(rates).median:,.0f}",
            Series(client).text(2), Series(both).text(2)]
