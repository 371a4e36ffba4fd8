# SPDX-License-Identifier: BSD-2-Clause
"""What is measured, on which systems, and what is asked of Duplex. Nothing here runs anything."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class System:
    """One column: a program of build/*/bin and the settings that make it this system."""
    name: str
    program: str
    settings: tuple = ()
    kind: str = "peer"  # floor: raw sockets and bare libssh; peer: only with --peers; ours: judged


FLOORS = [
    System("raw TCP", "bench_sockets", ("security=none",), "floor"),
    System("raw TLS", "bench_sockets", ("security=tls",), "floor"),
    System("bare libssh", "bench_libssh", (), "floor"),
]
TCP, TLS, LIBSSH = FLOORS
LIBSSH_COROUTINES = System("libssh, coroutines", "bench_libssh", ("by=coroutine",), "floor")
LIBSSH_CHANNEL = System("libssh, a channel", "bench_libssh", ("channel=1",), "floor")  # opened, the least that two need to speak
GRPC = System("gRPC TLS", "bench_grpc")
ZMQ = System("ZeroMQ CURVE", "bench_zmq")
GO = System("Go x/crypto/ssh", "bench_go_ssh")
CAF_TCP = System("CAF TCP", "bench_caf", ("security=none",))
CAF = System("CAF OpenSSL", "bench_caf", ("security=tls",))
DUPLEX = System("Duplex", "bench_duplex", (), "ours")


def duplex(name, *settings):
    return System(f"Duplex, {name}", "bench_duplex", settings, "ours")


UNIX = duplex("unix", "transport=unix")
ALL_PEERS = [GRPC, ZMQ, GO, CAF_TCP, CAF]


@dataclass(frozen=True)
class Goal:
    """`figure` of `system` is asked to be at most (or at least) `limit`, times what `of` has in the same run."""
    figure: str
    sign: str
    limit: float
    of: System = None
    placement: str = "apart"
    system: System = DUPLEX

    def text(self):
        number = f"{self.limit:,.10g}"
        return f"{self.sign} {number}" + (f" x {self.of.name}" if self.of else "")

    def met(self, value, base):
        limit = self.limit * (base if self.of else 1)
        return value <= limit if self.sign == "<=" else value >= limit


@dataclass(frozen=True, eq=False)
class Workload:
    """`run` is the programs' word for it. A figure is (unit, is a smaller one better)."""
    name: str
    figures: dict
    systems: list
    goals: list = field(default_factory=list)
    run: str = ""
    settings: tuple = ()
    placements: tuple = ("apart",)
    rounds: int = 0  # 0: as many as asked for


US, PER_SECOND = ("us", True), ("1/s", False)
TRIPS = {"p50": US, "p99": US}
RATE = {"per_second": PER_SECOND}
BUSY = duplex("busy_poll 50 us", "busy_poll_us=50")
COROUTINE = duplex("coroutine", "reader=coroutine")
COROUTINE_SENDS = duplex("coroutine sends", "sender=coroutine")
COROUTINES = duplex("coroutines", "by=coroutine")
BULK = {"mb_per_second": ("MB/s", False), "cpu_s_per_gb": ("s/GB", True)}
INPROC = System("Duplex", "bench_inproc", (), "ours")
INPROC_COROUTINE = System("Duplex, coroutines", "bench_inproc", ("reader=coroutine",), "ours")


def opens(in_flight, least, frames):
    name = f"open, {in_flight} in flight" + (", a frame each way" if frames else "")
    goals = [] if frames else [
        Goal("per_second", ">=", least), Goal("per_second", ">=", 1.5, GRPC), Goal("per_second", ">=", 1.5, GO)]
    return Workload(name, RATE, [LIBSSH, GRPC, GO, DUPLEX], goals, "open",
                    (f"in_flight={in_flight}", f"frames={frames}"), ("apart", "one"))


def counted(count, what):
    return f"{count} {what}" + ("" if count == 1 else "s")


def fanout(channels):
    goals = [Goal("slowest_share", ">=", 0.5)] if channels > 1 else []
    return Workload(f"fanout, {counted(channels, 'channel')}", {"per_second": PER_SECOND, "slowest_share": ("of fair", False)},
                    [LIBSSH, GRPC, GO, DUPLEX], goals, "fanout", (f"channels={channels}",))


def wan(sessions):
    name = counted(sessions, "session")
    shared = (f"sessions={sessions}", "host=10.99.0.1")
    systems = [TLS, LIBSSH, GRPC, ZMQ, GO, DUPLEX] if sessions == 1 else [DUPLEX]  # the others' programs have one connection
    return [
        Workload(f"wan rtt, {name}", TRIPS, systems, [], "rtt", shared, ("wan",)),
        Workload(f"wan bulk, {name}", {"mb_per_second": BULK["mb_per_second"]}, systems, [], "bulk", shared, ("wan",)),
    ]


def cores(workers):
    shared = (f"sessions={workers}", f"workers={workers}")
    return [
        Workload(f"cores frames, {workers}", {"frames": PER_SECOND}, [DUPLEX], [], "frames", (*shared, "sender=coroutine"), ("free",)),
        Workload(f"cores rtt64, {workers}", RATE, [DUPLEX], [], "rtt64", shared, ("free",)),
    ]


WORKLOADS = {
    "rtt": [Workload(
        "rtt", TRIPS,
        [TCP, System("raw unix", "bench_sockets", ("security=none", "transport=unix"), "floor"), TLS, LIBSSH,
         LIBSSH_COROUTINES, *ALL_PEERS, DUPLEX, COROUTINES, UNIX, BUSY],
        [Goal("p50", "<=", 1.5, TLS, "one"), Goal("p50", "<=", 1.35, TLS, "apart"),
         Goal("p50", "<=", 1, TCP, "apart", BUSY)],
        "rtt", placements=("apart", "one", "free"))],
    "rtt64": [Workload(
        "rtt64", RATE, [TCP, TLS, LIBSSH, LIBSSH_COROUTINES, *ALL_PEERS, DUPLEX, COROUTINES, BUSY],
        [Goal("per_second", ">=", 2.5, ZMQ), Goal("per_second", ">=", 10, GRPC)], "rtt64", placements=("apart", "one"))],
    "rpc": [Workload(
        "rpc", {**TRIPS, **RATE, "objects": PER_SECOND}, [TLS, LIBSSH, GRPC, CAF_TCP, CAF, DUPLEX],
        [Goal("p50", "<=", 2, TLS, "one"), Goal("p99", "<=", 0.5, GRPC, "one"), Goal("per_second", ">=", 8, GRPC)],
        "rpc", placements=("apart", "one"))],
    "frames": [Workload(
        "frames", {"frames": PER_SECOND}, [TCP, TLS, LIBSSH, *ALL_PEERS, DUPLEX, COROUTINE, COROUTINE_SENDS],
        [Goal("frames", ">=", 8e6), Goal("frames", ">=", 8, ZMQ)], "frames", placements=("apart", "one"))],
    "bulk": [Workload(
        "bulk", BULK,
        [TCP, TLS, LIBSSH, System("bare libssh, unix", "bench_libssh", ("transport=unix",), "floor"), *ALL_PEERS, DUPLEX,
         UNIX, System("Duplex, from ssh -W", "bench_duplex", ("client=ssh",), "ours")],
        [Goal("mb_per_second", ">=", 0.95, LIBSSH), Goal("mb_per_second", ">=", 0.8, TLS),
         Goal("cpu_s_per_gb", "<=", 1.3, TLS), Goal("mb_per_second", ">=", 0.95, TLS, "apart", UNIX)],
        "bulk", placements=("apart", "one")),
        Workload("bulk, 2 sessions", BULK, [TLS, duplex("2 sessions", "sessions=2", "workers=2")], [], "bulk",
                 placements=("free",))],
    "open": [opens(1, 10_000, 0), opens(64, 45_000, 0), opens(1, 0, 1), opens(64, 0, 1)],
    "fanout": [fanout(1), fanout(100), fanout(1000)],
    "idle": [
        Workload("idle channels", {"bytes_per_channel": ("B a side", True)},
                 [LIBSSH, GRPC, GO, DUPLEX, duplex("with a handle", "hold=handle")],
                 [Goal("bytes_per_channel", "<=", 2500)],
                 "idle_channels", ("sessions=10", "channels=1000"), rounds=3),
        Workload("idle sessions", {"bytes_per_session": ("B a side", True), "bytes_after_bulk": ("B a side", True)},
                 [TLS, LIBSSH, GRPC, ZMQ, GO, DUPLEX], [Goal("bytes_per_session", "<=", 32_000)], "idle_sessions",
                 ("sessions=1000",), rounds=3)],
    "connect": [Workload("connect", RATE, [TLS, LIBSSH, LIBSSH_CHANNEL, GRPC, ZMQ, GO, CAF, DUPLEX],
                         [Goal("per_second", ">=", 1, TLS)], "connect", placements=("apart", "one"))],
    "inproc": [Workload(
        "inproc", {"p50": US, "frames": PER_SECOND, "actor_round_trip": US}, [System("ZeroMQ inproc", "bench_zmq"), System("CAF, its own scheduler", "bench_caf"), INPROC, INPROC_COROUTINE],
        [Goal("p50", "<=", 3, None, "free", INPROC), Goal("p50", "<=", 3, None, "free", INPROC_COROUTINE),
         Goal("frames", ">=", 8e6, None, "free", INPROC), Goal("actor_round_trip", "<=", 0.6, None, "free", INPROC)],
        "inproc", placements=("free",))],
    "wan": [*wan(1), *wan(4)],
    "cores": [*cores(1), *cores(2)],
}
