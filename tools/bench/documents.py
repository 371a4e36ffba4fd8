# SPDX-License-Identifier: BSD-2-Clause
"""Puts the tables into README.md and docs/performance.md, between their marks, and draws docs/performance.svg."""
import os
import re
import subprocess

import report

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DRAWN = [  # workload title, what is drawn above it
    ("rtt, one CPU: p50", "64 B echo, one CPU: us (less is better)"),
    ("rpc, one CPU: p50", "unary call, one CPU: us (less is better)"),
    ("rtt64, two CPUs: per second", "64 echoes in flight: thousand/s"),
    ("frames, two CPUs: frames", "64 B one way: million/s"),
    ("bulk, two CPUs: mb per second", "1 MiB frames: MB/s"),
    ("open, 64 in flight, two CPUs: per second", "open and close, 64 in flight: thousand/s"),
]
SCALES = {"thousand": 1e3, "million": 1e6}


def between_marks(path, body):
    with open(path) as lines:
        page = lines.read()
    marks = re.compile(r"(<!-- bench: begin -->\n).*?(<!-- bench: end -->)", re.S)
    if not marks.search(page):
        raise SystemExit(f"{path} has no '<!-- bench: begin -->' and '<!-- bench: end -->'")
    with open(path, "w") as out:
        out.write(marks.sub(lambda found: found[1] + "\n" + body + "\n\n" + found[2], page))


def short(tables):
    """For the README: one line per drawn workload, a column per system that has most of them."""
    named = {rows[0].title: rows for rows in tables}
    systems = ["Duplex", "raw TLS", "gRPC TLS", "ZeroMQ CURVE", "Go x/crypto/ssh"]
    lines = ["| | " + " | ".join(systems) + " |", "|---|" + "--:|" * len(systems)]
    for title, words in DRAWN:
        rows = {row.system.name: row for row in named.get(title, [])}
        cells = [report.number(rows[name].median) if name in rows else "" for name in systems]
        unit = next(iter(rows.values())).unit if rows else ""
        lines.append(f"| {words.split(':')[0]} [{unit}] | " + " | ".join(cells) + " |")
    return "\n".join(lines)


LEFT_OUT = ("raw TCP", "raw unix", "bare libssh, unix", "libssh, coroutines", "libssh, a channel", "CAF TCP", "Duplex, busy_poll 50 us")  # of the drawing


def draw(tables, path):
    named = {rows[0].title: rows for rows in tables}
    script = [f"set terminal svg noenhanced size 900,640 font 'sans-serif,11' background '#ffffff'\nset output '{path}'",
              "set style fill solid 0.9 noborder\nset border 2\nunset key\nset tics scale 0\nset lmargin 20\nset rmargin 3",
              "set multiplot layout 3,2"]
    for title, words in DRAWN:
        rows = [row for row in named.get(title, []) if row.system.name not in LEFT_OUT]
        if not rows:
            continue
        scale = next((value for name, value in SCALES.items() if name in words), 1)
        values = [row.median / scale for row in rows]
        lines = [f'"{row.system.name}" {value:.4g} {index} {2 if row.system.kind == "ours" else 1} "{report.number(value)}"'
                 for index, (row, value) in enumerate(zip(reversed(rows), reversed(values)))]
        script.append(f"set title '{words}'\nset yrange [-0.6:{len(rows) - 0.4}]\nset xrange [0:{1.18 * max(values):.4g}]\n"
                      "unset xtics\n$bars << END\n" + "\n".join(lines) + "\nEND\n"
                      "plot $bars using (0):3:(0):2:($3-0.35):($3+0.35):($4==2 ? 0x2a78b8 : 0xb8c0c8):ytic(1) "
                      "with boxxyerror lc rgb variable, '' using 2:3:5 with labels left offset 0.5,0")
    subprocess.run(["gnuplot"], input="\n".join([*script, "unset multiplot", ""]), text=True, check=True)


def write(tables, about):
    drawing = os.path.join(ROOT, "docs", "performance.svg")
    draw(tables, drawing)
    between_marks(os.path.join(ROOT, "README.md"),
                  "![bars](docs/performance.svg)\n\n" + short(tables))
    between_marks(os.path.join(ROOT, "docs", "performance.md"),
                  f"{about}.\n\n" + "\n\n".join(map(report.markdown, tables)))
