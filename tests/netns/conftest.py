"""A private network with its gateway, a host outside, and what they need of a server, each on a host of its own.

            203.0.113.0/24 (the internet)                     172.31.0.0/24 (tokyo)            192.168.50.0/24 (osaka)
    center .10   out .20   out2 .21 ── gate .1 ── 172.31.0.1 ── inside .10 (agent), bare .11
                                     router .3 ── 172.31.0.2
                                       gate2 .2 ── 192.168.50.1 ── far .10

`SHUKUBA_BIN` names the binary. `scripts/hosts-tests.sh` runs these tests.
"""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest
from tokyo import Tokyo
from world import World, environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SHUKUBA_BIN", str(ROOT / "target/debug/shukuba"))
AWS = ROOT / ".venv/bin/aws"
CENTER = "http://203.0.113.10:5310"
# The same server by an address of those that hosts outside may have.
CENTER_10 = "10.50.0.10"
WAIT_SECS = 40


def until(what, ask, secs=WAIT_SECS, every=0.1):
    """Asks until the answer is one."""
    deadline = time.monotonic() + secs
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {secs} s"
        time.sleep(every)


class Net:
    """All of it, and what is done to it."""

    def __init__(self, directory):
        self.directory = directory
        # Those of the hosts that have one of their own, by name.
        self.clocks = {}
        self.world = world = World()
        internet, tokyo, osaka = (world.switch(name) for name in ("internet", "tokyo", "osaka"))
        self.internet, self.tokyo, self.osaka = internet, tokyo, osaka
        self.center = world.host("center", {internet: "203.0.113.10/24"})
        self.out = world.host("out", {internet: "203.0.113.20/24"})
        self.out2 = world.host("out2", {internet: "203.0.113.21/24"})
        self.gate = world.host("gate", {internet: "203.0.113.1/24", tokyo: "172.31.0.1/24"}, forwards=True)
        self.inside = world.host("inside", {tokyo: "172.31.0.10/24"}, gateway="172.31.0.1")
        self.bare = world.host("bare", {tokyo: "172.31.0.11/24"})
        self.gate2 = world.host("gate2", {internet: "203.0.113.2/24", osaka: "192.168.50.1/24"}, forwards=True)
        # Another way out of tokyo, which alone leads to the server's other address.
        self.router = world.host("router", {internet: "203.0.113.3/24", tokyo: "172.31.0.2/24"}, forwards=True)
        self.center.run("ip", "addr", "add", f"{CENTER_10}/32", "dev", "eth0")
        self.router.run("ip", "route", "add", f"{CENTER_10}/32", "dev", "eth0")
        self.far = world.host("far", {osaka: "192.168.50.10/24"}, gateway="192.168.50.1")
        # Agents inside reach the server through the gateway's machine, as any traffic of theirs; that is no link.
        self.center.run("ip", "route", "add", "172.31.0.0/24", "via", "203.0.113.1")
        self.center.run("ip", "route", "add", "192.168.50.0/24", "via", "203.0.113.2")
        for host in (self.inside, self.bare, self.far, self.out, self.out2):
            host.serve(8080)
            host.serve(9090)
        self.log = directory / "serve.log"
        self.config = directory / "shukuba.toml"
        self.config.write_text('[server]\nlisten = "0.0.0.0:5310"\ninsecure_http = true\n')
        self.serve()

    def serve(self):
        self.server = self.center.start(BIN, "serve", "--data", self.directory / "data", "--config", self.config, log=self.log, env={**environment(), **self.clock(self.center)})
        until("the server", lambda: self.center.get(f"{CENTER}/_shukuba/health").startswith("{"))
        said = self.center.run(BIN, "env", "--data", self.directory / "data", "--config", self.config, env=environment())
        pairs = dict(re.findall(r"export (\w+)='?([^'\n]*)'?", said))
        self.environment = {**environment(), **pairs, "AWS_ENDPOINT_URL": CENTER, "SHUKUBA_ENDPOINT": CENTER, "AWS_PAGER": ""}

    def aws(self, *arguments, check=True):
        """What aws-cli answers; with `check=False` its error where there was one."""
        command = [AWS, "--endpoint-url", CENTER, "--output", "json", *arguments]
        answer = self.center.run(*command, check=False, env=self.environment)
        if check:
            assert answer.returncode == 0, f"{arguments}: {answer.stderr}"
            return json.loads(answer.stdout) if answer.stdout.strip() else None
        return answer.stderr if answer.returncode else json.loads(answer.stdout or "null")

    def ec2(self, *arguments, **options):
        return self.aws("ec2", *arguments, **options)

    def shukuba(self, *arguments, host=None, check=True, **options):
        return (host or self.center).run(BIN, *arguments, check=check, env=self.environment, **options)

    def json(self, *arguments):
        return json.loads(self.shukuba(*arguments, "--output", "json"))

    def vpc(self, name, block):
        vpc = self.ec2("create-vpc", "--cidr-block", block)["Vpc"]["VpcId"]
        self.ec2("create-tags", "--resources", vpc, "--tags", f"Key=Name,Value={name}")
        return vpc

    def group(self, vpc, name):
        return self.ec2("create-security-group", "--vpc-id", vpc, "--group-name", name, "--description", name)["GroupId"]

    def default_group(self, vpc):
        filters = ["--filters", f"Name=vpc-id,Values={vpc}", "Name=group-name,Values=default"]
        return self.ec2("describe-security-groups", *filters)["SecurityGroups"][0]["GroupId"]

    def allow(self, group, port, source, protocol="tcp"):
        """Lets in what comes from a group or a range."""
        whom = ["--source-group", source] if source.startswith("sg-") else ["--cidr", source]
        self.ec2("authorize-security-group-ingress", "--group-id", group, "--protocol", protocol, "--port", str(port), *whom)

    def clock(self, host):
        """What a program of this host needs to have the host's clock."""
        own = self.clocks.get(host.name)
        return own.surroundings() if own else {}

    def gateway(self, host, vpc, endpoint, *more, state="gateway"):
        """A gateway on `host`, of its own folder: the same again after a restart."""
        state = self.directory / f"{state}-{host.name}"
        command = [BIN, "link", "gateway", "--vpc", vpc, "--reached-at", endpoint, "--state", state, *more]
        return host.start(*command, log=self.directory / f"gateway-{host.name}.log", env={**self.environment, **self.clock(host)})

    def agent(self, host, *more, token=None, server=CENTER, by=()):
        """An agent of `host`, of its own folder: the same again after a restart. `by` is what starts it."""
        state = self.directory / f"agent-{host.name}"
        token = ["--token", token or self.token()] if not (state / "identity.json").exists() else []
        command = [*by, BIN, "agent", "--join", server, *token, "--name", host.name, "--state", state, *more]
        return host.start(*command, log=self.directory / f"agent-{host.name}.log", env={**environment(), **self.clock(host)})

    def token(self, instance=None):
        of = ["--instance", instance] if instance else []
        return self.shukuba("host", "token", *of).strip()

    def instance(self, name):
        """The id of a host that runs."""
        filters = ["--filters", f"Name=tag:Name,Values={name}", "Name=instance-state-name,Values=running"]

        def ask():
            found = self.ec2("describe-instances", *filters)["Reservations"]
            return found and found[0]["Instances"][0]["InstanceId"]

        return until(f"{name} running", ask)

    def run_inside(self, name, subnet, group):
        """An instance in a network, as which an agent is to join: its token."""
        made = self.ec2("run-instances", "--image-id", "ami-12345678", "--subnet-id", subnet, "--security-group-ids", group,
                        "--tag-specifications", f"ResourceType=instance,Tags=[{{Key=Name,Value={name}}}]")
        return self.token(made["Instances"][0]["InstanceId"])

    def networks(self):
        """What the server says of links. The command fails where one does not carry packets, and says so all the same."""
        return json.loads(self.shukuba("link", "status", "--output", "json", check=False).stdout)["networks"]

    def links(self):
        """The links by the names of their hosts."""
        networks = self.networks() if self.has_links() else []
        return {link["name"]: link for network in networks for link in network["links"]}

    def has_links(self):
        return bool(self.ec2("describe-classic-link-instances")["Instances"])

    def logs(self):
        return "\n".join(f"== {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.directory.glob("*.log")))


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    net = Net(tmp_path_factory.mktemp("net"))
    yield net
    net.world.end()


@pytest.fixture(scope="module")
def tokyo(net):
    return Tokyo(net)


@pytest.fixture
def linked(tokyo):
    """`out` is linked to tokyo under the group `app`; its address."""
    address = tokyo.attach()
    yield address
    tokyo.detach()


@pytest.fixture(autouse=True)
def logs_of_a_failure(request):
    """What the programs said, beside a failure."""
    yield
    report = getattr(request.node, "said", None)
    if report and report.failed and "net" in request.fixturenames:
        print(request.getfixturevalue("net").logs())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.said = outcome.get_result()
