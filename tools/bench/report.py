# SPDX-License-Identifier: BSD-2-Clause
"""What was measured, as rows: medians, ratios, goals; and the ways to show them."""
import json
import statistics
from dataclasses import dataclass

from workloads import LIBSSH, TLS

PLACES = {"apart": "two CPUs", "one": "one CPU", "free": "free running", "wan": "20 ms away"}


@dataclass
class Row:
    """One figure of one system."""
    workload: str
    system: object
    figure: str
    placement: str
    unit: str
    values: list
    ratio_to_tls: float = None
    ratio_to_best: float = None
    ratio_to_libssh: float = None
    goals: tuple = ()  # (text, met)

    @property
    def title(self):
        return f"{self.workload}, {PLACES[self.placement]}: {self.figure.replace('_', ' ')}"

    @property
    def median(self):
        return statistics.median(self.values)

    def met(self):
        return all(met for _, met in self.goals) if self.goals else None

    def as_json(self):
        return json.dumps({
            "workload": self.title, "system": self.system.name, "unit": self.unit, "median": self.median,
            "min": min(self.values), "max": max(self.values), "ratio_to_tls": self.ratio_to_tls,
            "ratio_to_best": self.ratio_to_best, "ratio_to_libssh": self.ratio_to_libssh,
            "goal": "; ".join(text for text, _ in self.goals) or None, "met": self.met()})


def tables(measured):
    """`measured`: {(workload, placement): {system: [figures of a round]}}. Gives lists of rows, one list per table."""
    made = []
    for (workload, placement), systems in measured.items():
        for figure, (unit, smaller) in workload.figures.items():
            rows = [Row(workload.name, system, figure, placement, unit, values)
                    for system, rounds in systems.items()
                    if (values := [one[figure] for one in rounds if figure in one])]
            if rows:
                compare(rows, [goal for goal in workload.goals if (goal.figure, goal.placement) == (figure, placement)], smaller)
                made.append(rows)
    return made


def compare(rows, goals, smaller):
    medians = {row.system: row.median for row in rows}
    peers = [row.median for row in rows if row.system.kind == "peer"]
    best = (min if smaller else max)(peers) if peers else None
    for row in rows:
        row.ratio_to_tls = ratio(row.median, medians.get(TLS))
        row.ratio_to_libssh = ratio(row.median, medians.get(LIBSSH))
        row.ratio_to_best = ratio(row.median, best)
        row.goals = tuple((goal.text(), goal.met(row.median, medians.get(goal.of))) for goal in goals
                          if goal.system == row.system and (not goal.of or goal.of in medians))


def ratio(value, base):
    return value / base if base else None


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


HEADS = ["", "median", "min", "max", "x TLS", "x best peer", "x libssh", "goal"]


def cells(row):
    goal = "; ".join(f"{text}: {'met' if met else 'MISSED'}" for text, met in row.goals)
    return [row.system.name, number(row.median), number(min(row.values)), number(max(row.values)),
            *(f"{value:.2f}" if value else "" for value in (row.ratio_to_tls, row.ratio_to_best, row.ratio_to_libssh)), goal]


def text(rows):
    lines = [[f"{rows[0].title} [{rows[0].unit}]", *HEADS[1:]], *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join(
        (line[0].ljust(widths[0]) + "  " + "  ".join(line[i].rjust(widths[i]) for i in range(1, 7)) + "  " + line[7]).rstrip()
        for line in lines)


def markdown(rows):
    """Without the columns that are empty in this table."""
    lines = [[f"{rows[0].title} [{rows[0].unit}]", *HEADS[1:]], *map(cells, rows)]
    shown = [i for i in range(len(HEADS)) if any(line[i] for line in lines[1:])]
    mark = ["---" if i in (0, 7) else "--:" for i in shown]
    return "\n".join("| " + " | ".join(part) + " |" for part in
                     [[lines[0][i] for i in shown], mark, *[[line[i] for i in shown] for line in lines[1:]]])
