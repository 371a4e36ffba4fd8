# SPDX-License-Identifier: BSD-2-Clause
"""Starts a system's two programs, pins them, reads their figures. What they say is told in harness.hpp."""
import os
import resource
import select
import subprocess
import time

LONGEST = 120  # seconds that one run may take; the longest, 1,000 idle sessions of gRPC's, takes a tenth
CPUS = sorted(os.sched_getaffinity(0))
PLACEMENTS = {  # CPUs of the server, of the client
    "apart": (CPUS[:1], CPUS[1:2] or CPUS[:1]),
    "one": (CPUS[:1], CPUS[:1]),
    "free": (CPUS, CPUS),
    "wan": (CPUS, CPUS),
}


class RunFailed(Exception):
    pass


class Program:
    """A process whose lines are read with a bound."""

    def __init__(self, words, cpus, deadline):
        def settle():
            os.sched_setaffinity(0, cpus)
            files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.words, self.deadline = words, deadline
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=settle)
        self.unread = b""

    def line(self):
        """The next line, or None at the end."""
        while b"\n" not in self.unread:
            left = self.deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise RunFailed(f"{' '.join(self.words)}: not done after {LONGEST} s")
            got = os.read(self.process.stdout.fileno(), 65536)
            if not got:
                return None
            self.unread += got
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def go_on(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def end(self):
        """Closing its stdin is enough for a server; what stays is killed."""
        if self.process.stdout.closed:
            return self.process.returncode
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        return self.process.returncode

    def processes(self):
        """Of a program and whom it has started."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return [self.process.pid, *map(int, children.read().split())]

    def used(self):
        """CPU seconds, and bytes of memory of its own."""
        seconds = memory = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            with open(f"/proc/{pid}/status") as status:
                memory += sum(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))  # none has a zombie
        return seconds, memory


def derived(figures, marks, settings):
    """Figures that take both processes to see."""
    if "bytes" in figures:
        figures["cpu_s_per_gb"] = (marks["end"][0] - marks["begin"][0]) / (figures.pop("bytes") / 1e9)
    sizes = {key: int(value) for key, value in (one.split("=") for one in settings) if value.isdigit()}
    if "after" in marks:
        grown = marks["after"][1] - marks["before"][1]
        if "channels" in sizes:
            figures["bytes_per_channel"] = grown / 2 / (sizes["sessions"] * sizes["channels"])
        else:
            figures["bytes_per_session"] = grown / 2 / sizes["sessions"]
    if "after_bulk" in marks:
        figures["bytes_after_bulk"] = (marks["after_bulk"][1] - marks["before"][1]) / 2 / sizes["sessions"]
    return figures


def run_client(client, programs):
    figures, marks = {}, {}
    while (line := client.line()) is not None:
        word, value = line.split(" ", 1)
        if word == "mark":
            used = [one.used() for one in programs]
            marks[value] = tuple(map(sum, zip(*used)))
            client.go_on()
        else:
            figures[word] = float(value)
    return figures, marks


def run(directory, system, workload, placement, prefixes=((), ())):
    """Figures of one run of one system. `prefixes`: words before the server's and the client's command."""
    deadline = time.monotonic() + LONGEST
    program = os.path.join(directory, system.program)
    if not os.access(program, os.X_OK):
        raise RunFailed(f"{program} is not built")
    settings = [*workload.settings, *system.settings]
    server = Program([*prefixes[0], program, "serve", workload.run, *settings], PLACEMENTS[placement][0], deadline)
    programs = [server]
    try:
        said = server.line()
        if said is None or not said.startswith("listening "):
            raise RunFailed(f"{system.name}, {workload.name}: the server did not start")
        client = Program([*prefixes[1], program, "run", workload.run, said.split(" ", 1)[1], *settings],
                         PLACEMENTS[placement][1], deadline)
        programs.append(client)
        figures, marks = run_client(client, programs)
        if client.end() != 0:
            raise RunFailed(f"{system.name}, {workload.name}: the client failed")
        return derived(figures, marks, settings)
    except OSError as why:  # a process went while it was looked at, or spoken to
        raise RunFailed(f"{system.name}, {workload.name}: {why}") from why
    finally:
        for one in programs:
            one.end()
