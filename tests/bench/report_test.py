# SPDX-License-Identifier: BSD-2-Clause
"""What bench.py makes of figures: medians, ratios, goals, tables, and what it says of a baseline."""
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "bench"))
sys.dont_write_bytecode = True
import baseline  # noqa: E402
import measure  # noqa: E402
import report  # noqa: E402
from workloads import DUPLEX, GRPC, TLS, WORKLOADS, ZMQ, Goal, Workload  # noqa: E402


def rounds(figure, *values):
    return [{figure: value} for value in values]


def trips(duplex=(30.0, 10.0, 20.0), goals=()):
    """A table of made-up round trips."""
    workload = Workload("trip", {"p50": ("us", True)}, [TLS, GRPC, ZMQ, DUPLEX], list(goals))
    measured = {(workload, "one"): {TLS: rounds("p50", 10.0), GRPC: rounds("p50", 80.0), ZMQ: rounds("p50", 40.0),
                                    DUPLEX: rounds("p50", *duplex)}}
    [rows] = report.tables(measured)
    return rows


class Rows(unittest.TestCase):
    def test_a_row_has_the_median_and_ratios_to_tls_and_to_the_best_peer(self):
        row = trips()[-1]
        said = json.loads(row.as_json())
        self.assertEqual((said["median"], said["min"], said["max"]), (20.0, 10.0, 30.0))
        self.assertEqual((said["ratio_to_tls"], said["ratio_to_best"]), (2.0, 0.5))
        self.assertEqual((said["goal"], said["met"], said["unit"]), (None, None, "us"))

    def test_a_goal_is_judged_against_its_system_at_its_placement(self):
        for limit, met in ((2.0, True), (1.9, False)):
            row = trips(goals=[Goal("p50", "<=", limit, TLS, "one")])[-1]
            self.assertEqual(json.loads(row.as_json())["met"], met)
            self.assertIn("met" if met else "MISSED", report.text([row]))
        elsewhere = trips(goals=[Goal("p50", "<=", 1, TLS, "apart")])[-1]
        self.assertIsNone(elsewhere.met())

    def test_a_goal_against_a_system_that_was_not_measured_is_not_judged(self):
        workload = Workload("trip", {"p50": ("us", True)}, [DUPLEX], [Goal("p50", "<=", 1, GRPC, "one")])
        [[row]] = report.tables({(workload, "one"): {DUPLEX: rounds("p50", 1.0)}})
        self.assertIsNone(row.met())

    def test_markdown_leaves_out_columns_without_content(self):
        page = report.markdown(trips())
        self.assertNotIn("x libssh", page)
        self.assertIn("| Duplex | 20 | 10 | 30 | 2.00 | 0.50 |", page)


class Baselines(unittest.TestCase):
    def said(self, kept, rows):
        with tempfile.TemporaryDirectory() as directory:
            was, baseline.FILE = baseline.FILE, os.path.join(directory, "baseline.json")
            try:
                if kept:
                    with open(baseline.FILE, "w") as out:
                        json.dump(kept, out)
                with contextlib.redirect_stderr(io.StringIO()) as out:
                    worse = baseline.check([rows])
            finally:
                baseline.FILE = was
        return worse, out.getvalue()

    def test_what_moved_by_more_than_15_percent_is_named(self):
        name = "trip, one CPU: p50: Duplex"
        for was, worse, word in ((2.0, False, "nothing got worse"), (1.7, True, "WORSE"), (2.4, False, "better")):
            got, text = self.said({"cpu": baseline.cpu_model(), "ratios": {name: was}}, trips())
            self.assertEqual(got, worse, text)
            self.assertIn(word, text)

    def test_another_cpu_is_told_and_not_judged(self):
        worse, text = self.said({"cpu": "Abacus 3", "ratios": {"trip, one CPU: p50: Duplex": 0.1}}, trips())
        self.assertFalse(worse)
        self.assertIn("Abacus 3", text)

    def test_a_missing_baseline_is_told(self):
        worse, text = self.said(None, trips())
        self.assertTrue(worse)
        self.assertIn("--docs makes it", text)


class Runs(unittest.TestCase):
    def test_a_program_that_is_not_built_is_named(self):
        workload = WORKLOADS["rtt"][0]
        with self.assertRaisesRegex(measure.RunFailed, "nowhere/bench_duplex is not built"):
            measure.run("nowhere", DUPLEX, workload, "one")

    def test_cpu_time_and_memory_come_from_both_sides(self):
        marks = {"before": (0, 1000), "after": (0, 9000), "after_bulk": (0, 17000), "begin": (1.0, 0), "end": (3.0, 0)}
        got = measure.derived({"bytes": 4e9}, marks, ["sessions=4"])
        self.assertEqual(got, {"cpu_s_per_gb": 0.5, "bytes_per_session": 1000, "bytes_after_bulk": 2000})
        got = measure.derived({}, {"before": (0, 0), "after": (0, 80)}, ["sessions=2", "channels=10"])
        self.assertEqual(got, {"bytes_per_channel": 2})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
