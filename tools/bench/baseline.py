# SPDX-License-Identifier: BSD-2-Clause
"""The committed ratios, and what has moved since. Ratios, not times: machines differ, and the same one from hour to hour."""
import json
import os
import sys

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline.json")
SLACK = 0.15


def say(text):
    print(text, file=sys.stderr)  # stdout may be for JSON


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def ratios(tables):
    """Of what is ours, to raw TLS, or to the bare libssh where TLS has no such thing."""
    return {f"{row.title}: {row.system.name}": round(ratio, 3) for rows in tables for row in rows
            if row.system.kind == "ours" and row.placement != "free" and (ratio := row.ratio_to_tls or row.ratio_to_libssh)}


def write(tables):
    with open(FILE, "w") as out:
        json.dump({"cpu": cpu_model(), "ratios": ratios(tables)}, out, indent=1)
        out.write("\n")


def check(tables):
    """Says what moved; true if something got worse."""
    try:
        with open(FILE) as kept:
            before = json.load(kept)
    except FileNotFoundError:
        say(f"check: {FILE} is not there; ./dev bench --peers --docs makes it")
        return True
    if before["cpu"] != cpu_model():
        say(f"check: the baseline was made on '{before['cpu']}', this is '{cpu_model()}': ratios do not compare")
        return False
    smaller_is_better = {f"{row.title}: {row.system.name}": row.unit in ("us", "s/GB", "B a side") for rows in tables for row in rows}
    worse = False
    for name, now in ratios(tables).items():
        was = before["ratios"].get(name)
        if was is None or abs(now - was) <= SLACK * was:
            continue
        got_worse = (now > was) == smaller_is_better[name]
        worse = worse or got_worse
        say(f"check: {name}: ratio {was} before, {now} now: {'WORSE' if got_worse else 'better'}")
    say(f"check: {'something got worse' if worse else 'nothing got worse'} by more than {SLACK:.0%}")
    return worse
