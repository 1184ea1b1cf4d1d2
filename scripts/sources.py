"""The hand-written Swift files of a checkout, by area and module."""

import collections
import functools
import json
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
EVERYWHERE = ("Sources", "Tests", "Benchmarks/Sources", "Fuzz/Targets")

Module = collections.namedtuple("Module", "area name files")
Target = collections.namedtuple("Target", "name path dependencies")


class Checkout:
    """A checkout; `targets` are given for one that SwiftPM can't read."""

    def __init__(self, root=ROOT, targets=None):
        self.root = pathlib.Path(root)
        if targets is not None:
            self.targets = targets

    def files(self, *folders):
        """Paths below the folders, relative to the root, without generated code, in order."""
        found = []
        for folder in folders:
            found += (
                path.relative_to(self.root) for path in (self.root / folder).rglob("*.swift")
                if "Generated" not in path.parts)
        return sorted(found)

    def text(self, path):
        return (self.root / path).read_text()

    def lines(self, path):
        return self.text(path).splitlines()

    def modules(self, folder="Sources"):
        """The targets below a folder with hand-written Swift in them, by area and name."""
        found = []
        for target in self.targets:
            path = pathlib.Path(target.path)
            if path.is_relative_to(folder) and (files := self.files(target.path)):
                area = path.relative_to(folder).parts[0]
                found.append(Module(area, target.name, files))
        return sorted(found)

    def measure(self, paths):
        """How many files, their lines, the median and the longest."""
        counts = [len(self.lines(path)) for path in paths]
        if not counts:
            return 0, 0, 0, 0
        return len(counts), sum(counts), round(statistics.median(counts)), max(counts)

    @functools.cached_property
    def targets(self):
        """What Package.swift declares: name, path, and the names that it depends on."""
        dump = subprocess.run(
            ["swift", "package", "dump-package"], cwd=self.root, check=True, capture_output=True)
        found = []
        for target in json.loads(dump.stdout)["targets"]:
            names = [next(iter(kind.values()))[0] for kind in target["dependencies"]]
            found.append(Target(target["name"], target.get("path") or "", names))
        return found
