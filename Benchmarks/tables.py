"""Medians, tables, goals."""

import statistics
import sys


class Series:
    """One figure measured several times."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)

    def text(self, digits):
        low, high = self.values[0], self.values[-1]
        return f"{self.median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def table(title, headings, rows):
    """Prints rows of words; the first column to the left, the others to the right."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    print(f"\n{title}\n")
    for line in lines:
        first, *others = [word.ljust(width) if column == 0 else word.rjust(width)
                          for column, (word, width) in enumerate(zip(line, widths))]
        print("  ".join([f"  {first}", *others]).rstrip())
    sys.stdout.flush()


class Goals:
    """What was to be reached and what was."""

    def __init__(self):
        self._lines = []

    def at_most(self, what, value, limit, unit=""):
        self._add(what, value, limit, unit, "<=", value <= limit)

    def at_least(self, what, value, limit, unit=""):
        self._add(what, value, limit, unit, ">=", value >= limit)

    def _add(self, what, value, limit, unit, sign, is_met):
        line = [what, f"{sign} {limit:.3g}{unit}", f"{value:.3g}{unit}",
                "met" if is_met else "MISSED"]
        self._lines.append(line)

    def show(self):
        if self._lines:
            table("Goals", ["", "goal", "measured", ""], self._lines)
