"""Runs one client's cases, each direct to the stand-in and through the proxy.

Usage: run_client.py CLIENT SETTINGS
CLIENT names a file with_CLIENT.py beside this one; SETTINGS is JSON: portal, token, key, admin,
room, ports. The last line printed is JSON: {"cases": [{"name", "fault"}]}, fault null where all is
well.
"""

import importlib
import json
import pathlib
import sys
import traceback

from matrix import CASES, Way, difference, leaks, shown, stable


def outcome(run, way, changes):
    """What the client got, whether that was an error, and all that the provider was shown."""
    way.upstream.records()
    way.upstream.seen.clear()
    way.upstream.script(*changes)
    try:
        value = run(way)
    except Exception as error:
        trace = traceback.extract_tb(error.__traceback__)
        last = next(frame for frame in reversed(trace) if "/clients/" in frame.filename)
        place = f"{pathlib.Path(last.filename).name}:{last.lineno}"
        value = f"{place}: {type(error).__name__}: {error}"
        failed = True
    else:
        failed = False
    way.upstream.release()
    way.upstream.records()
    return value, failed, list(way.upstream.seen)


def fault(case, ways, token):
    """Why a case fails; None when it doesn't."""
    name, changes, kinds, run = case
    seen = [outcome(run, ways[kind], changes) for kind in kinds]
    if leak := leaks(seen[-1][2], token):
        return leak
    if len(kinds) == 1:
        value, failed, _ = seen[0]
        return str(value) if failed or value else None
    (direct, failed, before), (through, _, after) = seen
    if failed:
        return f"fails direct: {direct}"
    if stable(direct) != stable(through):
        return f"direct {stable(direct)[:600]}, proxied {stable(through)[:600]}"
    return difference(shown(before), shown(after))


def main():
    client, settings = sys.argv[1], json.loads(sys.argv[2])
    importlib.import_module(f"with_{client}")
    ways = {"direct": Way(settings, False), "proxied": Way(settings, True)}
    told = [
        {"name": case[0], "fault": fault(case, ways, settings["token"])} for case in CASES]
    print(json.dumps({"cases": told}), flush=True)


main()
