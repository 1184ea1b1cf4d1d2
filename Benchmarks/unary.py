"""Unary calls: 49 bytes asked, about 190 answered."""

import contextlib
import os

import h2load
from peers import GRPC_CPP, GRPC_SWIFT, NGHTTPD, OURS, Peer
from processes import cpu_seconds
from tables import Series, table

SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
RUNS = int(os.environ.get("BENCH_RUNS", "3"))
PEERS = (OURS, NGHTTPD, GRPC_CPP, GRPC_SWIFT)
# Connections, and streams on each.
LOADS = ((1, 1), (1, 100), (8, 16), (64, 4))
GOAL_LOAD = (8, 16)


def run(place, goals):
    for is_tls, loads in ((False, LOADS), (True, (GOAL_LOAD,))):
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(Peer(name, place, is_tls)) for name in PEERS]
            for server in servers:
                server.verify()
            for load in loads:
                ratios = _compare(servers, load, is_tls)
                if load == GOAL_LOAD:
                    _judge(ratios, is_tls, goals)
            for server in servers:
                server.verify()


def _compare(servers, load, is_tls):
    """All servers in turn, so that what disturbs the machine disturbs them all."""
    results = {server.name: [] for server in servers}
    for number in range(RUNS + 1):
        for server in servers:
            is_warm_up = number == 0
            before = cpu_seconds(server.pid)
            loaded = h2load.run(server.target("Get"), *load, seconds=1 if is_warm_up else SECONDS,
                                percentiles=load == (1, 1) and not is_warm_up)
            cpu = (cpu_seconds(server.pid) - before) * 1e6 / loaded.answers
            if not is_warm_up:
                results[server.name].append((loaded, cpu))
    cpu = {name: Series(cpu for _, cpu in runs) for name, runs in results.items()}
    rows = []
    for name, runs in results.items():
        rate = Series(loaded.answers / loaded.seconds for loaded, _ in runs)
        rows.append([name, f"{rate.median:,.0f}", _latency([loaded for loaded, _ in runs]),
                     cpu[name].text(2)]
                    + [f"{cpu[name].median / cpu[peer].median:.3g}"
                       for peer in (NGHTTPD, GRPC_CPP, GRPC_SWIFT)])
    table(f"Unary, {'TLS 1.3' if is_tls else 'h2c'}, {load[0]} x {load[1]}: "
          f"median of {RUNS} (lowest-highest)",
          ["", "requests/s", "latency us", "CPU us/request", "/ nghttpd", "/ gRPC C++",
           "/ grpc-swift-2"], rows)
    return {peer: cpu[OURS].median / cpu[peer].median for peer in PEERS}


def _latency(runs):
    if runs[0].p50_us is None:
        return f"mean {Series(run.mean_us for run in runs).median:,.0f}"
    p50, p99 = (Series(getattr(run, name) for run in runs).median for name in ("p50_us", "p99_us"))
    return f"p50 {p50:,.0f} p99 {p99:,.0f}"


def _judge(ratios, is_tls, goals):
    if is_tls:
        goals.at_most("TLS CPU per unary request / nghttpd", ratios[NGHTTPD], 1.7, "x")
        return
    goals.at_most("CPU per unary request / nghttpd", ratios[NGHTTPD], 1.6, "x")
    goals.at_most("CPU per unary request / gRPC C++", ratios[GRPC_CPP], 1 / 3, "x")
    goals.at_most("CPU per unary request / grpc-swift-2", ratios[GRPC_SWIFT], 1 / 15, "x")
