# SPDX-License-Identifier: BSD-2-Clause
"""Runs every workload of ours and of the floors once, for a moment: each prints its figures, as JSON that can be read."""
import json
import os
import subprocess
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "tools", "bench")
BINARIES = sys.argv[1]
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True
from report import PLACES  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

KEYS = {"workload", "system", "unit", "median", "min", "max", "ratio_to_tls", "ratio_to_best", "ratio_to_libssh", "goal", "met"}


def bench(*words):
    return subprocess.run([sys.executable, os.path.join(BENCH, "bench.py"), "--bin", BINARIES, *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=250, check=False)


class EveryWorkload(unittest.TestCase):
    def test_prints_a_row_for_each_system_and_placement(self):
        done = bench("--rounds", "1", "--seconds", "0.02", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            self.assertEqual(set(row), KEYS)
            # In so short a run CPU time may be less than a tick, and one of a thousand channels may get no turn.
            self.assertGreaterEqual(row["median"], 0 if row["unit"] in ("s/GB", "of fair") else 1e-6, row)
        seen = {(row["workload"].split(":")[0], row["system"]) for row in rows}
        for workload in (one for group in WORKLOADS.values() for one in group):
            for placement in workload.placements:
                title = f"{workload.name}, {PLACES[placement]}"
                if f"{workload.name}: left out" in done.stderr:  # no right to make network namespaces here
                    continue
                for system in workload.systems:
                    if system.kind != "peer":
                        self.assertIn((title, system.name), seen)


class Mistakes(unittest.TestCase):
    def test_are_answered_with_what_there_is(self):
        for words, answer in ((["rrt"], "no workload 'rrt': one of rtt, "), (["rtt", "--docs"], "--docs takes all workloads"),
                              (["rtt", "--rounds", "0"], "more than nothing")):
            done = bench(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(answer, done.stderr)

    def test_a_program_says_how_it_is_used(self):
        for words in ([], ["serve", "nothing"], ["run", "rtt"], ["serve", "rtt", "transport"]):
            done = subprocess.run([os.path.join(BINARIES, "bench_duplex"), *words], stderr=subprocess.PIPE, text=True,
                                  timeout=20, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("usage: serve WORKLOAD", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
