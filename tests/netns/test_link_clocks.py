"""What the private link does over time, and when clocks are wrong: each machine has a clock that the test sets.

Jumps stay below the 15 minutes by which a signature may be off.
"""

import pathlib
import signal
import sys

import pytest
from conftest import until
from tokyo import INSIDE, TIMED_OUT, get

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "compat"))
from clock import NEEDS_FAKETIME, Clock  # noqa: E402

pytestmark = NEEDS_FAKETIME

ENDPOINT = "203.0.113.1:51820"
# How long a program's clock may lag behind its file, and a little more.
FILE_LAG_SECS = 1.2


@pytest.fixture
def clock(net):
    """Gives a host a clock of its own, for programs that start from then on; all have the true time again at the end."""
    made = []

    def give(host, **how):
        net.clocks[host.name] = Clock(net.directory / f"clock-{host.name}", **how)
        made.append(net.clocks[host.name])
        return made[-1]

    yield give
    for clock in made:
        clock.jump("+0")
    net.clocks.clear()


def reaches(net, address):
    return lambda: get(net.out, INSIDE, secs=1) == f"inside sees {address}"


def agent_again(net, tokyo, how=signal.SIGKILL, **more):
    net.out.stop(tokyo.out, how)
    tokyo.out = net.agent(net.out, **more)


def gateway_again(net, tokyo, **more):
    net.gate.stop(tokyo.gateway, signal.SIGKILL)
    tokyo.gateway = net.gateway(net.gate, tokyo.vpc, ENDPOINT, **more)


def test_a_host_whose_clock_is_set_back_is_back_by_the_gateways_word(net, tokyo, linked, clock):
    """Without the server: its own handshakes count as old, the gateway's find it where it was."""
    until("the link", reaches(net, linked))
    net.center.stop(net.server, signal.SIGKILL)
    try:
        clock(net.out).jump("-10m")
        agent_again(net, tokyo)
        until("the link", reaches(net, linked))
    finally:
        net.serve()
    until("the state", lambda: net.links().get("out", {}).get("state") == "up")


def test_a_host_whose_clock_is_set_back_while_it_moves_gets_another_key(net, tokyo, linked, clock):
    """The gateway looks for it where it was, and takes its handshakes for old ones: only another key helps."""
    agent_again(net, tokyo)
    until("the link", reaches(net, linked))
    log = net.directory / "agent-out.log"
    before = log.read_text().count("the clock was set back")
    net.out.stop(tokyo.out, signal.SIGKILL)
    net.out.run("ip", "addr", "del", "203.0.113.20/24", "dev", "eth0")
    net.out.run("ip", "addr", "add", "203.0.113.120/24", "dev", "eth0")
    try:
        clock(net.out).jump("-10m")
        tokyo.out = net.agent(net.out)
        until("the link", reaches(net, linked))
        assert log.read_text().count("the clock was set back") == before + 1
        # Once: the new key's handshakes begin with the time that there is.
        agent_again(net, tokyo)
        until("the link", reaches(net, linked))
        assert log.read_text().count("the clock was set back") == before + 1
    finally:
        net.out.run("ip", "addr", "del", "203.0.113.120/24", "dev", "eth0")
        net.out.run("ip", "addr", "add", "203.0.113.20/24", "dev", "eth0")


def test_a_gateway_whose_clock_is_set_back_is_back_by_its_hosts_word(net, tokyo, linked, clock):
    # It greets its hosts when it starts: they know a time of its own.
    gateway_again(net, tokyo)
    until("the link", reaches(net, linked))
    clock(net.gate).jump("-10m")
    gateway_again(net, tokyo)
    until("the link", reaches(net, linked))


def test_a_link_goes_on_while_the_server_is_away_for_ten_minutes(net, tokyo, linked, clock):
    """All clocks of both ends go on by ten minutes while it is away: what would have ended by then has ended."""
    clocks = [clock(net.out, all_clocks=True), clock(net.gate, all_clocks=True)]
    agent_again(net, tokyo)
    gateway_again(net, tokyo)
    until("the link", reaches(net, linked))
    net.center.stop(net.server, signal.SIGKILL)
    try:
        for minutes in (1, 4, 10):
            for one in clocks:
                one.jump(f"+{minutes}m")
            net.out.run("sleep", FILE_LAG_SECS)
            until(f"the link after {minutes} min", reaches(net, linked))
        assert net.out.run("ip", "route", "show", "172.31.0.0/16").startswith("172.31.0.0/16 dev shukuba0")
    finally:
        net.serve()
    until("the state", lambda: net.links().get("out", {}).get("state") == "up")
    # Rules that are made afterwards reach the gateway.
    net.allow(tokyo.app, 9090, f"{INSIDE}/32")
    until("the rule", lambda: get(net.inside, linked, 9090, 1) == f"out sees {INSIDE}")
    # Time never goes back for a program that runs.
    for one in clocks:
        net.clocks.clear()
    agent_again(net, tokyo)
    gateway_again(net, tokyo)
    until("the link", reaches(net, linked))


def test_a_link_ends_with_another_run_of_the_hosts_system_and_not_with_another_of_its_agent(net, tokyo, linked):
    runs = net.directory / "boot_id"

    def start(run):
        """An agent on a system whose run has this id."""
        runs.write_text(f"{run}\n")
        mount = f'mount --bind {runs} /proc/sys/kernel/random/boot_id && exec "$@"'
        agent_again(net, tokyo, by=("unshare", "-m", "sh", "-c", mount, "sh"))

    first, second = (f"0f0f0f0f-0000-4000-8000-00000000000{number}" for number in (1, 2))
    start(first)
    until("the end of the run before", lambda: not net.has_links())
    until("its device's end", lambda: "shukuba0" not in net.out.run("ip", "link"))
    assert tokyo.attach() == linked
    until("the link", reaches(net, linked))
    start(first)
    until("the link", reaches(net, linked))
    assert net.has_links(), "only its agent was started anew"
    start(second)
    until("the end of the run", lambda: not net.has_links())
    until("its device's end", lambda: "shukuba0" not in net.out.run("ip", "link"))
    assert "failed" in get(net.out, INSIDE, secs=1)
    agent_again(net, tokyo)
    until("the end of the run", lambda: not net.has_links())
    tokyo.attach()
    until("the link", reaches(net, linked))


def test_a_gateway_is_replaced_by_another_when_it_was_silent_for_ninety_seconds(net, tokyo, linked, clock):
    wall = clock(net.center)
    net.center.stop(net.server, signal.SIGKILL)
    net.serve()
    until("the link", reaches(net, linked))
    key = gateway_key(net, tokyo)
    net.gate.stop(tokyo.gateway, signal.SIGKILL)

    def other():
        return net.gateway(net.gate, tokyo.vpc, ENDPOINT, state="other")

    refused = other()
    assert refused.wait(30) != 0
    said = (net.directory / "gateway-gate.log").read_text()
    assert "another gateway" in said, said[-1000:]
    net.gate.stop(refused)
    wall.jump("+95s")
    net.center.run("sleep", FILE_LAG_SECS)
    tokyo.gateway = other()
    until("the link by the other", reaches(net, linked))
    assert gateway_key(net, tokyo) != key
    # The first comes back and has to wait in turn.
    net.gate.stop(tokyo.gateway, signal.SIGKILL)
    refused = net.gateway(net.gate, tokyo.vpc, ENDPOINT)
    until("what the server says to it", lambda: "another gateway" in (net.directory / "gateway-gate.log").read_text()[len(said):])
    net.gate.stop(refused, signal.SIGKILL)
    tokyo.gateway = other()
    until("the link", reaches(net, linked))
    assert TIMED_OUT not in get(net.out, INSIDE)


def gateway_key(net, tokyo):
    return next(network["gateway"]["key"] for network in net.networks() if network["id"] == tokyo.vpc)
