"""The private link against Debian's wireguard-go, a newer one that joins packets, and boringtun-cli, in namespaces of its own, in turns. link.sh calls it.

    out (linked host) ── inet ── gw (gateway) ── priv (a host inside)

Each round measures each tunnel with the same path: TCP from out to priv by iperf3 with 1 and with 4 streams, CPU of both of the
tunnel's processes for each GB delivered, datagrams that the gateway's UDP socket had to drop, what an idle ping takes longer
than without a tunnel, and memory after the load. Prints medians and the ratios to ours; a ratio is of one round, since what a
machine gives moves from minute to minute.
"""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "5"))
SECS = os.environ.get("COMPARE_SECS", "4")
WIRE = os.environ.get("SHUKUBA_WIRE", "")
BORINGTUN = os.environ.get("BORINGTUN", "")
WIREGUARD_GO_NEW = os.environ.get("WIREGUARD_GO_NEW", "")
ONLY = os.environ.get("COMPARE_ONLY", "").split()
TICKS = os.sysconf("SC_CLK_TCK")
NAMESPACES = ("out", "inet", "gw", "priv")
PATH = """
link add o0 netns out type veth peer name i0 netns inet
link add g0 netns gw type veth peer name i1 netns inet
link add g1 netns gw type veth peer name p0 netns priv
-n out addr add 198.51.100.2/24 dev o0
-n inet addr add 198.51.100.1/24 dev i0
-n inet addr add 203.0.113.1/24 dev i1
-n gw addr add 203.0.113.2/24 dev g0
-n gw addr add 10.77.0.1/24 dev g1
-n priv addr add 10.77.0.10/24 dev p0
-n out link set o0 up
-n inet link set i0 up
-n inet link set i1 up
-n gw link set g0 up
-n gw link set g1 up
-n priv link set p0 up
-n out link set lo up
-n priv link set lo up
-n out route add default via 198.51.100.1
-n gw route add default via 203.0.113.1
-n priv route add default via 10.77.0.1
"""
LINKED, INSIDE = "10.64.0.4", "10.77.0.10"


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


def within(namespace, *command, **more):
    return run("ip", "netns", "exec", namespace, *command, **more)


def start(namespace, *command, env=None):
    return subprocess.Popen(
        ["ip", "netns", "exec", namespace, *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})},
    )


def lay():
    for namespace in NAMESPACES:
        run("ip", "netns", "add", namespace)
    for line in PATH.strip().splitlines():
        run("ip", *line.split())
    for namespace in ("inet", "gw"):
        within(namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1")


class Raw:
    """No tunnel: the routed path itself."""

    name = "raw"
    processes = ()

    def __enter__(self):
        run("ip", "-n", "out", "route", "add", INSIDE, "via", "198.51.100.1")
        run("ip", "-n", "inet", "route", "add", INSIDE, "via", "203.0.113.2")
        return self

    def __exit__(self, *_):
        run("ip", "-n", "out", "route", "del", INSIDE)
        run("ip", "-n", "inet", "route", "del", INSIDE)


class Tunnel:
    def __init__(self, name, keys):
        self.name, self.keys, self.processes = name, keys, []

    def __enter__(self):
        (out_private, out_public), (gw_private, gw_public) = self.keys
        self.begin("out", "wo", "51821", out_private, gw_public, "203.0.113.2:51820", "10.77.0.0/24")
        self.begin("gw", "wg", "51820", gw_private, out_public, "198.51.100.2:51821", f"{LINKED}/32")
        until(lambda: run("ip", "-n", "out", "link", "show", "wo") and run("ip", "-n", "gw", "link", "show", "wg"), "devices")
        for line in (f"-n out addr add {LINKED}/32 dev wo", "-n out link set wo up mtu 1420",
                     f"-n out route add 10.77.0.0/24 dev wo src {LINKED}",
                     "-n gw link set wg up mtu 1420", f"-n gw route add {LINKED}/32 dev wg"):
            run("ip", *line.split())
        until(lambda: ping(1), "first ping")
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait()
        self.processes = []
        until(lambda: "wo" not in run("ip", "-n", "out", "-o", "link"), "device gone")
        until(lambda: "wg:" not in run("ip", "-n", "gw", "-o", "link"), "device gone")


class Ours(Tunnel):
    def begin(self, namespace, device, port, private, peer, endpoint, ranges):
        self.processes.append(start(namespace, WIRE, device, port, private, peer, endpoint, ranges))


class Uapi(Tunnel):
    """A program that is told by the `wg` tool."""

    def __init__(self, name, keys, command):
        super().__init__(name, keys)
        self.command = command

    def begin(self, namespace, device, port, private, peer, endpoint, ranges):
        self.processes.append(start(namespace, *self.command, device, env={"WG_SUDO": "1", "WG_PROCESS_FOREGROUND": "1"}))
        until(lambda: os.path.exists(f"/var/run/wireguard/{device}.sock"), "control socket")
        within(namespace, "wg", "set", device, "listen-port", port, "private-key", private, "peer", peer,
               "endpoint", endpoint, "allowed-ips", ranges, "persistent-keepalive", "3")


def until(condition, what, secs=15):
    deadline = time.monotonic() + secs
    while True:
        try:
            if condition():
                return
        except subprocess.CalledProcessError:
            pass
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {secs} s")
        time.sleep(0.02)


def ping(count):
    said = within("out", "ping", "-q", "-n", "-i", "0.01", "-c", str(count), "-W", "1", INSIDE)
    return float(said.rsplit("= ", 1)[1].split("/")[1])


def cpu(processes):
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss(processes):
    def one(process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
    return max((one(process) for process in processes), default=0)


def dropped():
    lines = within("gw", "cat", "/proc/net/snmp").splitlines()
    names, values = [line.split() for line in lines if line.startswith("Udp:")]
    return int(values[names.index("RcvbufErrors")])


def transfer(streams, processes):
    drops, before = dropped(), cpu(processes)
    said = json.loads(within("out", "iperf3", "-J", "-c", INSIDE, "-t", SECS, "-P", str(streams)))
    got = said["end"]["sum_received"]
    return {
        "gbit": got["bits_per_second"] / 1e9,
        "cpu": (cpu(processes) - before) / (got["bytes"] / 1e9),
        "drops": dropped() - drops,
    }


def measure(tunnel):
    with tunnel:
        found = {"ping": ping(100)}
        for streams in (1, 4):
            for key, value in transfer(streams, tunnel.processes).items():
                found[f"{key}{streams}"] = value
        found["rss"] = rss(tunnel.processes)
        return found


def key(directory, name):
    private = run("wg", "genkey")
    path = directory / name
    path.write_text(private)
    path.chmod(0o600)
    return str(path), run("wg", "pubkey", input=private).strip()


def tunnels(directory):
    keys = key(directory, "out"), key(directory, "gw")
    all_of_them = [Raw(), Ours("shukuba", keys), Uapi("wireguard-go", keys, ["wireguard-go", "-f"])]
    if WIREGUARD_GO_NEW:
        all_of_them.append(Uapi("with-offloads", keys, [WIREGUARD_GO_NEW, "-f"]))
    if BORINGTUN:
        all_of_them.append(Uapi("boringtun-cli", keys, [BORINGTUN, "-f", "--disable-drop-privileges"]))
    return [tunnel for tunnel in all_of_them if not ONLY or tunnel.name in ONLY]


def median(rounds, name, figure):
    return statistics.median(found[name][figure] for found in rounds)


def show(rounds):
    figures = ("gbit1", "cpu1", "drops1", "gbit4", "cpu4", "drops4", "ping", "rss")
    print("medians:", *(f"{figure:>8}" for figure in figures))
    for name in rounds[0]:
        print(f"{name:>14}", *(f"{median(rounds, name, figure):8.2f}" for figure in figures))
    for name in rounds[0]:
        if name == "shukuba" or "shukuba" not in rounds[0]:
            continue
        for figure in ("gbit1", "gbit4"):
            ratios = sorted(found["shukuba"][figure] / found[name][figure] for found in rounds)
            print(f"shukuba over {name}, {figure}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    if "raw" in rounds[0] and "shukuba" in rounds[0]:
        added = [found["shukuba"]["ping"] - found["raw"]["ping"] for found in rounds]
        print(f"idle ping added: {statistics.median(added):.3f} ms")


def main():
    if os.environ.get("LINK_BENCH_WITHIN") != "1":
        os.environ["LINK_BENCH_WITHIN"] = "1"
        # In a namespace of users nobody may go beyond net.core.rmem_max, as a gateway on its own machine may.
        how = "-nm" if os.geteuid() == 0 else "-rnm"
        os.execvp("unshare", ["unshare", how, sys.executable, *sys.argv])
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/wireguard")
    lay()
    server = start("priv", "iperf3", "-s")
    rounds = []
    try:
        with tempfile.TemporaryDirectory() as directory:
            of_round = tunnels(pathlib.Path(directory))
            for number in range(ROUNDS):
                found = {tunnel.name: measure(tunnel) for tunnel in of_round}
                rounds.append(found)
                print(number + 1, {name: {k: round(v, 2) for k, v in own.items()} for name, own in found.items()}, flush=True)
        show(rounds)
    finally:
        server.kill()


if __name__ == "__main__":
    main()
