"""Runs h2load and reads what it says."""

import os
import re
import tempfile

from dataclasses import dataclass

from processes import on_load_core

GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")
UNITS = {"us": 1, "ms": 1e3, "s": 1e6}


@dataclass
class Loaded:
    answers: int
    seconds: float
    mean_us: float
    p50_us: float | None = None
    p99_us: float | None = None


@dataclass(frozen=True)
class Target:
    """What is asked of a server: a URL, with a gRPC message to post or none."""

    url: str
    body: str | None
    environment: dict

    def arguments(self):
        if self.body is None:
            return [self.url]
        headers = [word for header in GRPC_HEADERS for word in ("-H", header)]
        return [*headers, "-d", self.body, self.url]


def run(target, connections, streams, *, seconds=None, requests=None, percentiles=False):
    """Loads for a time, or until so many requests are answered; all answers must be 2xx."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}"]
    command += [f"-D{seconds}"] if seconds else [f"-n{requests}"]
    with tempfile.NamedTemporaryFile("r") as log:
        if percentiles:
            command += [f"--log-file={log.name}"]
        output = on_load_core(
            [*command, *target.arguments()], env={**os.environ, **target.environment})
        times = sorted(int(line.split("\t")[2]) for line in log) if percentiles else []
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    good, *bad = map(int, codes.groups())
    # What was under way when time was up has no status.
    if good == 0 or any(bad) or (requests and good != requests):
        raise SystemExit(f"{target.url}: not all answers were good\n{output}")
    took = re.search(r"finished in ([\d.]+)(us|ms|s),", output)
    mean = re.search(r"time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)", output)
    return Loaded(
        good, float(took[1]) * UNITS[took[2]] / 1e6, float(mean[1]) * UNITS[mean[2]],
        times[len(times) // 2] if times else None,
        times[len(times) * 99 // 100] if times else None)
