"""Reads an environment file and writes the values of V0, V1, … with a NUL behind each.

Usage: read_environment.py dotenv|docker FILE OUTPUT
"""

import sys

import dotenv


def docker(path):
    """As docker/cli reads --env-file: opts/file.go, with Go's bufio.ScanLines."""
    with open(path, "rb") as file:
        data = file.read()
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    values = {}
    for line in lines:
        line = line.removesuffix(b"\r")
        if len(line) >= 64 << 10:
            raise ValueError("bufio.Scanner: token too long")
        line = line.decode("utf-8").lstrip(" \t")
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.partition("=")
        name = name.lstrip(" \t")
        if not name or any(blank in name for blank in " \t"):
            raise ValueError("poorly formatted environment")
        if separator:
            values[name] = value
    return values


kind, path, output = sys.argv[1:4]
values = dotenv.dotenv_values(path) if kind == "dotenv" else docker(path)
with open(output, "wb") as file:
    for number in range(len(values)):
        file.write(values[f"V{number}"].encode("utf-8") + b"\0")
