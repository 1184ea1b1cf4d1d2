"""Processes on a core of their own, and what they cost."""

import os
import signal
import socket
import subprocess
import time

SERVER_CORE = "0"
LOAD_CORE = "1"
# Far more than any load takes.
HANG_SECONDS = 180
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User plus system time of all threads so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Server:
    """A process that listens on a port; pinned to the servers' core, killed at the end."""

    def __init__(self, name, command, port, log):
        self.name, self.port = name, port
        with open(log, "w") as output:
            self._process = subprocess.Popen(
                ["taskset", "-c", SERVER_CORE, *command], stdout=output,
                stderr=subprocess.STDOUT)
        self.pid = self._process.pid
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    with open(log) as output:
                        self.stop()
                        raise SystemExit(f"{name} did not start:\n{output.read()[-2000:]}")
                time.sleep(0.05)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def on_load_core(command, **options):
    """Runs a program on the load's core and returns what it printed."""
    try:
        done = subprocess.run(["taskset", "-c", LOAD_CORE, *command], capture_output=True,
                              text=True, timeout=HANG_SECONDS, **options)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{' '.join(command)}: no end after {HANG_SECONDS} s") from None
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
