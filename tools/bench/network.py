# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces, 20 ms apart: tc netem on a veth pair, or bench_delay between two tun devices where the kernel
has no netem."""
import contextlib
import os
import subprocess

NEAR, FAR = f"duplex-bench-{os.getpid()}-near", f"duplex-bench-{os.getpid()}-far"
ADDRESSES = {FAR: "10.99.0.1", NEAR: "10.99.0.2"}
BOTH = ((("ip", "netns", "exec", FAR)), ("ip", "netns", "exec", NEAR))


def tried(*words):
    try:
        return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as missing:  # iproute2
        return subprocess.CompletedProcess(words, 127, stderr=str(missing))


def remove():
    for name in ADDRESSES:
        tried("ip", "netns", "delete", name)


def join_by_netem():
    made = tried("ip", "-n", FAR, "link", "add", "far", "type", "veth", "peer", "name", "near", "netns", NEAR)
    if made.returncode != 0:
        return False
    links = [(FAR, "far"), (NEAR, "near")]
    if any(tried("tc", "-n", name, "qdisc", "add", "dev", link, "root", "netem", "delay", "10ms", "limit", "100000").returncode
           for name, link in links):
        tried("ip", "-n", FAR, "link", "delete", "far")
        return False
    for name, link in links:
        tried("ip", "-n", name, "address", "add", ADDRESSES[name] + "/24", "dev", link)
        tried("ip", "-n", name, "link", "set", link, "up")
    return True


@contextlib.contextmanager
def far_apart(binaries):
    """Gives the words before each side's command, and why it could not be done."""
    made = [tried("ip", "netns", "add", name) for name in ADDRESSES]
    if any(one.returncode for one in made):
        remove()
        yield ((), ()), "no network namespace can be made: " + made[0].stderr.strip()
        return
    delay = None
    try:
        for name in ADDRESSES:
            tried("ip", "-n", name, "link", "set", "lo", "up")
        if not join_by_netem():
            delay = subprocess.Popen([os.path.join(binaries, "bench_delay"), "10", FAR, ADDRESSES[FAR], NEAR, ADDRESSES[NEAR]],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if not delay.stdout.readline():
                yield ((), ()), "neither tc netem nor a tun device works here"
                return
        yield BOTH, None
    finally:
        if delay:
            delay.kill()
            delay.wait()
        remove()
