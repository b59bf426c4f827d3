"""The network `tokyo`, and what its tests ask with."""

import re

INSIDE, BARE = "172.31.0.10", "172.31.0.11"
TIMED_OUT = "(28)"


class Tokyo:
    """The network `tokyo` with a gateway, an agent inside, and the host `out` that has joined."""

    def __init__(self, net):
        self.net = net
        self.vpc = net.vpc("tokyo", "172.31.0.0/16")
        self.subnet = net.ec2("create-subnet", "--vpc-id", self.vpc, "--cidr-block", "172.31.0.0/24")["Subnet"]["SubnetId"]
        self.app, self.db = net.group(self.vpc, "app"), net.group(self.vpc, "db")
        net.allow(self.db, 8080, self.app)
        token = net.run_inside("inside", self.subnet, self.db)
        self.gateway = net.gateway(net.gate, self.vpc, "203.0.113.1:51820")
        self.inside = net.agent(net.inside, token=token)
        self.out = net.agent(net.out)
        net.instance("inside")
        self.id = net.instance("out")

    def attach(self, *groups):
        groups = [part for group in groups or ("app",) for part in ("--group", group)]
        said = self.net.shukuba("link", "attach", "out", "--vpc", "tokyo", *groups)
        return re.search(r" as ([0-9.]+)", said)[1]

    def detach(self):
        self.net.shukuba("link", "detach", "out", check=False)


def get(host, address, port=8080, secs=3):
    return host.get(f"http://{address}:{port}/", secs)
