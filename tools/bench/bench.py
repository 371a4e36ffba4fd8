#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures Duplex beside what else there is; `./dev bench` builds the programs and calls this."""
import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile

import baseline
import documents
import measure
import network
import report
from workloads import WORKLOADS


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("workload", nargs="*", help=f"all when none is named: {', '.join(WORKLOADS)}")
    parser.add_argument("--peers", action="store_true", help="measure gRPC, ZeroMQ, Go's SSH and CAF's remote actors too")
    parser.add_argument("--json", action="store_true", help="JSON lines only on stdout")
    parser.add_argument("--check", action="store_true", help="compare ratios with baseline.json; exit 1 if one is worse by 15 %%")
    parser.add_argument("--docs", action="store_true", help="put the tables into README.md and docs/performance.md, and write baseline.json")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved passes over all systems (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long one figure is measured in one round (0.5)")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)  # where the programs are
    given = parser.parse_args()
    for name in given.workload:
        if name not in WORKLOADS:
            parser.error(f"no workload '{name}': one of {', '.join(WORKLOADS)}")
    if given.docs and (given.workload or not given.peers):
        parser.error("--docs takes all workloads and --peers: a table made of parts compares different runs")
    if given.rounds < 1 or given.seconds <= 0:
        parser.error("--rounds and --seconds are more than nothing")
    return given


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def make_keys(directory):
    """What harness.hpp says BENCH_DIR holds."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": directory}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    "tls.key", "-out", "tls.crt", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1,IP:10.99.0.1"], **quiet)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "id"], **quiet)
    os.environ["BENCH_DIR"] = directory


def measured(given, chosen):
    """Round after round, each over all systems: what slows the machine for a while slows all of them."""
    results, failed = {}, []
    for workload in chosen:
        for placement in workload.placements:
            systems = [one for one in workload.systems if given.peers or one.kind != "peer"]
            prefixes = ((), ())
            with contextlib.ExitStack() as stack:
                if placement == "wan":
                    prefixes, why_not = stack.enter_context(network.far_apart(given.bin))
                    if why_not:
                        say(f"{workload.name}: left out: {why_not}")
                        continue
                rounds = {system: [] for system in systems}
                for count in range(min(given.rounds, workload.rounds or given.rounds)):
                    say(f"{workload.name}, {report.PLACES[placement]}: round {count + 1}")
                    for system in systems:
                        try:
                            rounds[system].append(measure.run(given.bin, system, workload, placement, prefixes))
                        except measure.RunFailed as why:
                            say(why)
                            failed.append(why)
            results[workload, placement] = rounds
            if not given.json:
                for rows in report.tables({(workload, placement): rounds}):
                    print("\n" + report.text(rows), flush=True)
    return results, failed


def main():
    given = arguments()
    os.environ["BENCH_SECONDS"] = str(given.seconds)
    names = given.workload or [*WORKLOADS]
    chosen = [workload for name in names for workload in WORKLOADS[name]]
    about = machine()
    say(about)
    with tempfile.TemporaryDirectory(prefix="duplex-bench-") as directory:
        make_keys(directory)
        results, failed = measured(given, chosen)
    tables = report.tables(results)
    if given.json:
        for rows in tables:
            for row in rows:
                print(row.as_json())
    if given.docs:
        documents.write(tables, about)
        baseline.write(tables)
    worse = baseline.check(tables) if given.check else False
    return 1 if failed or worse else 0


def machine():
    versions = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${Version}, ", "libssh-4", "libcaf-core0.17", "libssl3",
                               "libgrpc++1.51", "libzmq5", "golang-golang-x-crypto-dev", "golang-1.19-go"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    return (f"{baseline.cpu_model()}, {len(measure.CPUS)} CPUs, Linux {platform.release()}, {versions}"
            f"aes128-gcm wherever there is encryption, but for ZeroMQ (CURVE: XSalsa20-Poly1305) and CAF OpenSSL (aes256-gcm)")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
