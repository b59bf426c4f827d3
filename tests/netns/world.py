"""Hosts on one machine: network namespaces, joined by bridges.

    world = World()
    lan = world.switch("lan")
    web = world.host("web", {lan: "172.31.0.10/24"}, gateway="172.31.0.1")
    web.run("ping", "-c1", "172.31.0.1")

Everything that was started is stopped by its process id, and the namespaces go with the one that holds them all: `scripts/hosts-tests.sh` runs
these tests in one of users, mounts and networks of their own, so that nothing of the machine is touched and no privilege is needed.
"""

import os
import pathlib
import signal
import subprocess

NAMES = pathlib.Path("/run/netns")
# How long what is started may take to end.
END_SECS = 15


def tool(*command):
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, f"{' '.join(command)}: {answer.stderr}"
    return answer.stdout


class World:
    def __init__(self):
        self.hosts = []
        self.switches = []

    def switch(self, name):
        """A LAN: a bridge in a namespace of its own."""
        space = f"sw-{name}"
        tool("ip", "netns", "add", space)
        tool("ip", "-n", space, "link", "add", "name", "br0", "type", "bridge", "forward_delay", "0")
        tool("ip", "-n", space, "link", "set", "br0", "up")
        self.switches.append(space)
        return space

    def host(self, name, legs, gateway=None, forwards=False):
        """A host with an interface for each LAN, by its address there; named `eth0` and so on in that order."""
        host = Host(name, legs)
        if gateway:
            host.run("ip", "route", "add", "default", "via", gateway)
        if forwards:
            host.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.hosts.append(host)
        return host

    def end(self):
        for host in self.hosts:
            host.end()
        for space in [host.space for host in self.hosts] + self.switches:
            tool("ip", "netns", "delete", space)


class Host:
    def __init__(self, name, legs):
        self.name, self.space, self.running = name, f"h-{name}", []
        tool("ip", "netns", "add", self.space)
        self.run("ip", "link", "set", "lo", "up")
        self.addresses = []
        for number, (switch, address) in enumerate(legs.items()):
            self.plug(switch, f"eth{number}", address)

    def plug(self, switch, interface, address):
        far = f"{self.name}-{interface}"[:15]
        tool("ip", "-n", self.space, "link", "add", "name", interface, "type", "veth", "peer", "name", far, "netns", switch)
        tool("ip", "-n", switch, "link", "set", far, "master", "br0", "up")
        self.run("ip", "addr", "add", address, "dev", interface)
        self.run("ip", "link", "set", interface, "up")
        self.addresses.append(address.split("/")[0])

    def command(self, arguments):
        return ["nsenter", f"--net={NAMES / self.space}", "--", *map(str, arguments)]

    def run(self, *arguments, check=True, timeout=60, **options):
        """Runs a command to its end; its output."""
        answer = subprocess.run(self.command(arguments), capture_output=True, text=True, timeout=timeout, **options)
        if check:
            assert answer.returncode == 0, f"{self.name}: {' '.join(map(str, arguments))}: {answer.stdout}{answer.stderr}"
            return answer.stdout
        return answer

    def start(self, *arguments, log=None, **options):
        """Starts a program, which is stopped with the host."""
        where = open(log, "ab") if log else subprocess.DEVNULL
        process = subprocess.Popen(self.command(arguments), stdin=subprocess.DEVNULL, stdout=where, stderr=where, **options)
        self.running.append(process)
        return process

    def stop(self, process, how=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(how)
            process.wait(END_SECS)
        if process in self.running:
            self.running.remove(process)

    def end(self):
        for process in reversed(list(self.running)):
            try:
                self.stop(process)
            except subprocess.TimeoutExpired:
                self.stop(process, signal.SIGKILL)

    def serve(self, port, address="0.0.0.0"):
        """A web server that answers with this host's name and whom it sees."""
        return self.start("python3", pathlib.Path(__file__).with_name("echo.py"), address, port, self.name)

    def get(self, url, secs=3):
        """What a web server answers, or why it does not."""
        answer = self.run("curl", "-s", "-S", "--noproxy", "*", "--max-time", secs, url, check=False)
        return answer.stdout if answer.returncode == 0 else f"failed: {answer.stderr.strip()}"


def environment():
    """That of the tests, without what would lead a client elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SHUKUBA_", "http_proxy", "https_proxy", "HTTP"))}
