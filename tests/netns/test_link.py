"""The private link as its users have it: aws-cli and our commands, agents, a gateway, and packets that cross or are refused.

Source of what is expected: the User Guide's last page on ClassicLink and the API reference, as `link.md` of the references cites them; who sees
whom is said by web servers on the hosts, what is refused by curl's time running out.
"""

import pathlib
import re
import signal
import subprocess
import time

from conftest import BIN, CENTER, CENTER_10, until
from tokyo import BARE, INSIDE, TIMED_OUT, get


def test_a_host_outside_talks_with_hosts_inside_as_on_the_same_lan(net, tokyo):
    # It has its address only by the link: nothing answers before.
    assert TIMED_OUT in get(net.out, INSIDE, secs=1) or "failed" in get(net.out, INSIDE, secs=1)
    address = tokyo.attach()
    try:
        assert get(net.out, INSIDE) == f"inside sees {address}"
        # Its own group lets nobody in yet: rules of the network's groups govern both ways.
        assert TIMED_OUT in get(net.inside, address)
        net.allow(tokyo.app, 9090, "172.31.0.0/16")
        assert until("the rule", lambda: get(net.inside, address, 9090, 1) == f"out sees {INSIDE}")
        assert TIMED_OUT in get(net.inside, address, 8080, 1), "only that port"
        assert TIMED_OUT in get(net.out, INSIDE, 9090, 1), "a port that no rule names"
        net.ec2("revoke-security-group-ingress", "--group-id", tokyo.app, "--protocol", "tcp", "--port", "9090", "--cidr", "172.31.0.0/16")
        until("the rule's end", lambda: TIMED_OUT in get(net.inside, address, 9090, 1))
        link = net.links()["out"]
        assert (link["state"], link["address"], link["groups"]) == ("up", address, [tokyo.app])
        assert link["received"] > 0 and link["endpoint"].startswith("203.0.113.20:")
        assert net.ec2("describe-classic-link-instances")["Instances"][0]["InstanceId"] == tokyo.id
    finally:
        tokyo.detach()
    assert not net.has_links()
    until("the end", lambda: "failed" in get(net.out, INSIDE, secs=1))
    # For life: the next link has the same address.
    again = tokyo.attach()
    tokyo.detach()
    assert again == address


def test_addresses_that_are_no_instances_have_the_default_group(net, tokyo, linked):
    default = net.default_group(tokyo.vpc)
    net.bare.run("ip", "route", "replace", "10.0.0.0/8", "via", "172.31.0.1")
    assert TIMED_OUT in get(net.out, BARE, secs=1)
    net.allow(default, 8080, tokyo.app)
    until("the rule", lambda: get(net.out, BARE, secs=1) == f"bare sees {linked}")


def test_two_that_are_linked_do_not_reach_each_other_through_the_network(net, tokyo, linked):
    agent = net.agent(net.out2)
    net.instance("out2")
    net.allow(tokyo.app, 8080, "10.0.0.0/8")
    said = net.shukuba("link", "attach", "out2", "--vpc", "tokyo", "--group", "app")
    other = re.search(r" as ([0-9.]+)", said)[1]
    assert other != linked
    assert get(net.out2, INSIDE) == f"inside sees {other}"
    # Nor where one sends what is for the other into the tunnel.
    net.out.run("ip", "route", "add", f"{other}/32", "dev", "shukuba0")
    assert "failed" in get(net.out, other, secs=2)
    net.out.run("ip", "route", "del", f"{other}/32", "dev", "shukuba0")
    net.out2.stop(agent)
    until("the other's end", lambda: "out2" not in net.links())


def test_what_the_api_refuses(net, tokyo, linked):
    """Rules of AttachClassicLinkVpc, EnableVpcClassicLink and DisableVpcClassicLink, by aws-cli."""
    attach = ["attach-classic-link-vpc", "--instance-id", tokyo.id]
    osaka = net.vpc("second", "192.168.77.0/24")
    other = net.group(osaka, "there")
    net.ec2("enable-vpc-classic-link", "--vpc-id", osaka)

    def refused(*arguments):
        return re.search(r"\((\w[\w.]*)\)", net.ec2(*arguments, check=False))[1]

    assert refused(*attach, "--vpc-id", osaka, "--groups", other), "one network at a time"
    assert refused(*attach, "--vpc-id", tokyo.vpc, "--groups", tokyo.db), "groups stay as long as the link"
    assert refused("disable-vpc-classic-link", "--vpc-id", tokyo.vpc), "while hosts are linked"
    tokyo.detach()
    assert refused(*attach, "--vpc-id", tokyo.vpc, "--groups", other), "a group of another network"
    inside = net.instance("inside")
    assert refused("attach-classic-link-vpc", "--instance-id", inside, "--vpc-id", osaka, "--groups", other), "it is inside"
    # A network that lies where hosts outside have their addresses takes no links.
    within = net.vpc("within", "10.9.0.0/16")
    assert refused("enable-vpc-classic-link", "--vpc-id", within)
    assert net.ec2("describe-vpc-classic-link", "--vpc-ids", osaka)["Vpcs"][0]["ClassicLinkEnabled"]
    net.ec2("disable-vpc-classic-link", "--vpc-id", osaka)
    tokyo.attach()


def test_a_link_is_lost_when_the_host_stops_and_made_again_after_its_start(net, tokyo, linked):
    tokyo.net.out.stop(tokyo.out)
    until("the end of the link", lambda: not net.has_links())
    assert "shukuba0" not in net.out.run("ip", "link")
    tokyo.out = net.agent(net.out)
    net.instance("out")
    time.sleep(1)
    assert not net.has_links() and "failed" in get(net.out, INSIDE, secs=1), "it must be attached again"
    assert tokyo.attach() == linked
    # By a call.
    net.ec2("stop-instances", "--instance-ids", tokyo.id)
    until("the end by the call", lambda: not net.has_links())
    until("the device's end", lambda: "shukuba0" not in net.out.run("ip", "link"))
    error = net.ec2("attach-classic-link-vpc", "--instance-id", tokyo.id, "--vpc-id", tokyo.vpc, "--groups", tokyo.app, check=False)
    assert "InvalidInstanceID.NotLinkable" in error and "not running" in error, error
    net.ec2("start-instances", "--instance-ids", tokyo.id)
    until("the end of the agent", lambda: tokyo.out.poll() is not None or True)
    net.out.stop(tokyo.out)
    tokyo.out = net.agent(net.out)
    net.instance("out")
    tokyo.attach()


def test_an_unreachable_host_keeps_its_link_and_callers_get_an_error_at_once(net, tokyo, linked):
    net.allow(tokyo.app, 8080, f"{INSIDE}/32")
    until("the rule", lambda: get(net.inside, linked, secs=1) == f"out sees {INSIDE}")
    net.out.stop(tokyo.out, signal.SIGKILL)
    assert "shukuba0" not in net.out.run("ip", "link"), "device and routes go with the process"

    def is_error():
        said = get(net.inside, linked, secs=5)
        return "failed" in said and TIMED_OUT not in said

    began = time.monotonic()
    until("an error at once", is_error, 60)
    print(f"an error instead of silence {time.monotonic() - began:.1f} s after the kill")
    assert net.has_links(), "nothing is forgotten"
    tokyo.out = net.agent(net.out)
    began = time.monotonic()
    until("the link by itself", lambda: get(net.inside, linked, secs=1) == f"out sees {INSIDE}")
    print(f"back {time.monotonic() - began:.1f} s after the agent's start")


def test_a_gateway_that_is_killed_comes_back_with_what_it_had(net, tokyo, linked):
    assert get(net.out, INSIDE) == f"inside sees {linked}"
    net.gate.stop(tokyo.gateway, signal.SIGKILL)
    assert "failed" in get(net.out, INSIDE, secs=1)
    tokyo.gateway = net.gateway(net.gate, tokyo.vpc, "203.0.113.1:51820")
    began = time.monotonic()
    until("the link", lambda: get(net.out, INSIDE, secs=0.2) == f"inside sees {linked}", every=0.05)
    print(f"back {time.monotonic() - began:.1f} s after the gateway's start")


def test_the_links_stay_while_the_server_is_away(net, tokyo, linked):
    net.center.stop(net.server, signal.SIGKILL)
    try:
        assert get(net.out, INSIDE) == f"inside sees {linked}"
        # Both ends start anew meanwhile.
        net.gate.stop(tokyo.gateway, signal.SIGKILL)
        tokyo.gateway = net.gateway(net.gate, tokyo.vpc, "203.0.113.1:51820")
        net.out.stop(tokyo.out, signal.SIGKILL)
        tokyo.out = net.agent(net.out)
        until("the link", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")
    finally:
        net.serve()
    assert net.has_links(), "the server knows it after a kill"
    until("the state", lambda: net.links()["out"]["state"] == "up")
    assert get(net.out, INSIDE) == f"inside sees {linked}"


def test_a_host_that_changes_its_address_stays_linked(net, tokyo, linked):
    net.allow(tokyo.app, 8080, "172.31.0.0/24")
    until("the rule", lambda: get(net.inside, linked, secs=1) == f"out sees {INSIDE}")
    net.out.run("ip", "addr", "del", "203.0.113.20/24", "dev", "eth0")
    net.out.run("ip", "addr", "add", "203.0.113.120/24", "dev", "eth0")
    try:
        until("the way out", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")
        assert get(net.inside, linked) == f"out sees {INSIDE}"
    finally:
        net.out.run("ip", "addr", "del", "203.0.113.120/24", "dev", "eth0")
        net.out.run("ip", "addr", "add", "203.0.113.20/24", "dev", "eth0")
    until("the way back", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")


def test_a_key_changes_without_a_gap(net, tokyo, linked):
    """Each key lives two seconds; pings go on ten times a second."""
    net.out.stop(tokyo.out, signal.SIGKILL)
    tokyo.out = net.agent(net.out, "--link-key-for", "2s")
    until("the link", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")
    net.allow(tokyo.db, -1, tokyo.app, "icmp")
    until("pings", lambda: net.out.run("ping", "-c1", "-W1", INSIDE, check=False).returncode == 0)
    keys = lambda: re.findall(r"another key.*?key=(\S+)", (net.directory / "agent-out.log").read_text())
    before = len(keys())
    said = net.out.run("ping", "-i", "0.1", "-c", "120", "-W", "1", INSIDE, check=False).stdout
    lost = float(re.search(r"([0-9.]+)% packet loss", said)[1])
    changes = len(keys()) - before
    print(f"{changes} changes of the key within 12 s, {lost} % of 120 pings lost")
    assert changes >= 3
    assert lost <= 3, said
    net.out.stop(tokyo.out, signal.SIGKILL)
    tokyo.out = net.agent(net.out)
    until("the link", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")


def test_an_agent_that_may_nothing_takes_the_device_that_was_made_for_it(net, tokyo, linked):
    """As docs/link.md says it, under `A device made by root`."""
    net.out.stop(tokyo.out, signal.SIGKILL)
    without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    refused = net.agent(net.out, "--link", "kernel", by=without)
    assert refused.wait(30) != 0
    net.out.stop(refused)
    assert "ip tuntap add dev shukuba0" in (net.directory / "agent-out.log").read_text()
    for command in (
        "tuntap add dev shukuba0 mode tun user root",
        "link set dev shukuba0 mtu 1420 up",
        f"addr add {linked}/32 dev shukuba0",
        f"route add 172.31.0.0/16 dev shukuba0 src {linked} proto 153",
    ):
        net.out.run("ip", *command.split())
    tokyo.out = net.agent(net.out, "--link", "kernel", by=without)
    try:
        until("the link", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")
        assert net.links()["out"]["state"] == "up"
        net.out.stop(tokyo.out, signal.SIGKILL)
        assert "172.31.0.0/16 dev shukuba0" in net.out.run("ip", "route"), "what root made stays"
        assert TIMED_OUT in get(net.out, INSIDE, secs=1)
    finally:
        net.out.stop(tokyo.out, signal.SIGKILL)
        net.out.run("ip", "link", "delete", "shukuba0")
        tokyo.out = net.agent(net.out)
    until("the link", lambda: get(net.out, INSIDE, secs=1) == f"inside sees {linked}")


def test_addresses_of_the_networks_own_need_no_routes(net, tokyo):
    """`--address-from-network`: the gateway answers for the host on the network's LAN (proxy ARP)."""
    kyoto = net.vpc("kyoto", "172.31.0.0/24")
    group = net.group(kyoto, "guests")
    net.allow(net.default_group(kyoto), 8080, group)
    net.allow(group, 8080, "172.31.0.0/24")
    net.bare.run("ip", "route", "del", "10.0.0.0/8", check=False)
    net.gate.stop(tokyo.gateway)
    gateway = net.gateway(net.gate, kyoto, "203.0.113.1:51820")
    try:
        said = net.shukuba("link", "attach", "out", "--vpc", "kyoto", "--group", "guests", "--address-from-network")
        address = re.search(r" as ([0-9.]+)", said)[1]
        assert address.startswith("172.31.0.")
        assert get(net.out, BARE) == f"bare sees {address}"
        assert get(net.bare, address) == f"out sees {BARE}"
        assert "172.31.0.1 " not in net.bare.run("ip", "route"), "it has no route for it"
    finally:
        tokyo.detach()
        net.gate.stop(gateway)
        tokyo.gateway = net.gateway(net.gate, tokyo.vpc, "203.0.113.1:51820")


def test_hosts_inside_have_a_route_for_all_outside_and_reach_their_server_beside_it(net, tokyo, linked):
    """The server and a resolver have addresses of 10.0.0.0/8, and are reached by another router than the network's gateway."""
    net.allow(tokyo.app, 8080, "172.31.0.0/25")
    # Its system's own resolver, where there is one before it; /run is this test's.
    resolvers = pathlib.Path("/run/systemd/resolve/resolv.conf")
    resolvers.parent.mkdir(parents=True)
    resolvers.write_text("nameserver 10.51.0.53\n")
    net.inside.run("ip", "route", "replace", "default", "via", "172.31.0.2")

    def agent(*more, server=f"http://{CENTER_10}:5310"):
        net.inside.stop(tokyo.inside, signal.SIGKILL)
        tokyo.inside = net.agent(net.inside, *more, server=server)

    def ways():
        """The agent's routes, as `RANGE via ADDRESS`."""
        lines = net.inside.run("ip", "route", "show", "proto", "153").splitlines()
        return {line.split(" dev ")[0] for line in lines}

    def is_reached():
        return get(net.inside, linked, secs=1) == f"out sees {INSIDE}"

    whole, each = "10.0.0.0/8 via 172.31.0.1", f"{linked} via 172.31.0.1"
    pins = {f"{CENTER_10} via 172.31.0.2", "10.51.0.53 via 172.31.0.2"}
    try:
        agent()
        until("the pins", lambda: pins | {whole} <= ways())
        assert each not in ways(), "one route for all"
        assert net.inside.get(f"http://{CENTER_10}:5310/_shukuba/health").startswith("{")
        until("the linked host", is_reached)
        # Killed, it leaves them, and the next one finds them as they are to be. By the gateway the server is not reached.
        net.inside.stop(tokyo.inside, signal.SIGKILL)
        assert pins | {whole} <= ways() and is_reached()
        net.inside.run("ip", "route", "del", f"{CENTER_10}/32", "proto", "153")
        assert "failed" in net.inside.get(f"http://{CENTER_10}:5310/_shukuba/health", 1)
        agent()
        until("the pins again", lambda: pins | {whole} <= ways())
        # Who does not want it has a route for each that is linked.
        agent("--link-routes", "hosts")
        until("a route for each", lambda: ways() == {each})
        assert is_reached()
        agent()
        until("the range", lambda: pins | {whole} <= ways())
        # What is told by the server reaches the host, to the end.
        tokyo.detach()
        net.ec2("disable-vpc-classic-link", "--vpc-id", tokyo.vpc)
        until("the end of all", lambda: not ways())
        assert net.inside.get(f"http://{CENTER_10}:5310/_shukuba/health").startswith("{")
    finally:
        resolvers.unlink()
        net.inside.run("ip", "route", "replace", "default", "via", "172.31.0.1")
        agent(server=CENTER)


def test_a_peered_network_is_reached_by_routes_and_rules_and_by_links_only_with_the_option(net, tokyo, linked):
    osaka = net.vpc("osaka", "192.168.50.0/24")
    gateway = net.gateway(net.gate2, osaka, "203.0.113.2:51820")
    far = net.default_group(osaka)
    peering = net.ec2("create-vpc-peering-connection", "--vpc-id", tokyo.vpc, "--peer-vpc-id", osaka)
    peering = peering["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    net.ec2("accept-vpc-peering-connection", "--vpc-peering-connection-id", peering)

    def route(vpc, block):
        tables = net.ec2("describe-route-tables", "--filters", f"Name=vpc-id,Values={vpc}", "Name=association.main,Values=true")
        table = tables["RouteTables"][0]["RouteTableId"]
        net.ec2("create-route", "--route-table-id", table, "--destination-cidr-block", block, "--vpc-peering-connection-id", peering)

    route(tokyo.vpc, "192.168.50.0/24")
    route(osaka, "172.31.0.0/16")
    assert TIMED_OUT in get(net.inside, "192.168.50.10", secs=2), "no rule there"
    net.allow(far, 8080, "172.31.0.0/16")
    until("the way there", lambda: get(net.inside, "192.168.50.10", secs=1) == f"far sees {INSIDE}")
    assert TIMED_OUT in get(net.far, INSIDE, 8080, 2), "the other way needs a rule here"
    net.allow(tokyo.db, 8080, "192.168.50.0/24")
    until("the way back", lambda: get(net.far, INSIDE, secs=1) == "inside sees 192.168.50.10")
    # The linked host does not pass, even where it sends it into the tunnel.
    net.allow(far, 8080, "10.0.0.0/8")
    assert "failed" in get(net.out, "192.168.50.10", secs=1)
    options = ["modify-vpc-peering-connection-options", "--vpc-peering-connection-id", peering]
    net.ec2(*options, "--requester-peering-connection-options", "AllowEgressFromLocalClassicLinkToRemoteVpc=true")
    until("the option", lambda: get(net.out, "192.168.50.10", secs=1) == f"far sees {linked}")
    net.ec2(*options, "--requester-peering-connection-options", "AllowEgressFromLocalClassicLinkToRemoteVpc=false")
    until("its end", lambda: "failed" in get(net.out, "192.168.50.10", secs=1))
    net.ec2("delete-vpc-peering-connection", "--vpc-peering-connection-id", peering)
    until("the peering's end", lambda: "failed" in get(net.inside, "192.168.50.10", secs=1))
    net.gate2.stop(gateway)


def test_a_log_is_shipped_through_the_link_to_a_queue_that_listens_only_inside(net, tokyo, linked):
    """The queue's server listens on an address of the network. The link is killed again and again; nothing is lost."""
    config = net.directory / "queue.toml"
    config.write_text('[server]\nlisten = "172.31.0.10:5311"\ninsecure_http = true\n')
    data = ["--data", net.directory / "queue", "--config", config]
    queue = net.inside.start(BIN, "serve", *data, log=net.directory / "queue.log", env=net.world and {**net.environment, "SHUKUBA_ENDPOINT": ""})
    there = "http://172.31.0.10:5311"
    until("the queue's server", lambda: net.inside.get(f"{there}/_shukuba/health").startswith("{"))
    said = net.inside.run(BIN, "env", *data)
    keys = dict(re.findall(r"export (\w+)='?([^'\n]*)'?", said))
    environment = {**net.environment, **keys, "AWS_ENDPOINT_URL": there, "SHUKUBA_ENDPOINT": ""}
    net.allow(tokyo.db, 5311, tokyo.app)
    until("the way to the queue", lambda: net.out.get(f"{there}/_shukuba/health", 1).startswith("{"))
    from conftest import AWS
    url = net.out.run(AWS, "--endpoint-url", there, "sqs", "create-queue", "--queue-name", "logs", "--output", "text", env=environment).strip()
    assert url
    log = net.directory / "app.ltsv"
    log.write_text("")
    state = net.directory / "ship"
    ship = net.out.start(BIN, "ship", "--queue", "logs", "--endpoint", there, "--state", state, log, log=net.directory / "ship.log", env=environment)
    count = 0
    for round in range(3):
        with open(log, "a") as lines:
            for _ in range(200):
                lines.write(f"url:http://127.0.0.1:9/x\tid:n{count}\n")
                count += 1
        net.out.stop(tokyo.out, signal.SIGKILL)
        with open(log, "a") as lines:
            for _ in range(200):
                lines.write(f"url:http://127.0.0.1:9/x\tid:n{count}\n")
                count += 1
        time.sleep(1)
        tokyo.out = net.agent(net.out)
        until("the link", lambda: net.out.get(f"{there}/_shukuba/health", 1).startswith("{"))

    def messages():
        answer = net.inside.run(AWS, "--endpoint-url", there, "sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names",
                                "ApproximateNumberOfMessages", "--output", "text", env=environment)
        return int(answer.split()[-1])

    until("all of the log", lambda: messages() >= count, 90)
    assert messages() == count, "each line once"
    net.out.stop(ship)
    net.inside.stop(queue)


def test_calls_are_decided_and_recorded(net, tokyo, linked):
    net.aws("iam", "create-user", "--user-name", "looker")
    key = net.aws("iam", "create-access-key", "--user-name", "looker")["AccessKey"]
    by = {**net.environment, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    from conftest import AWS
    command = [AWS, "--endpoint-url", CENTER, "ec2", "detach-classic-link-vpc", "--instance-id", tokyo.id, "--vpc-id", tokyo.vpc]
    answer = net.center.run(*command, check=False, env=by)
    assert "UnauthorizedOperation" in answer.stderr or "AccessDenied" in answer.stderr, answer.stderr
    answer = net.gate2.run(BIN, "link", "gateway", "--vpc", tokyo.vpc, "--reached-at", "203.0.113.2:51820", "--state", net.directory / "cheat",
                           check=False, env=by)
    assert answer.returncode == 1 and "not authorized" in answer.stderr, answer.stderr

    def events():
        found = net.aws("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=AttachClassicLinkVpc")["Events"]
        return [event for event in found if tokyo.id in event["CloudTrailEvent"]]

    assert until("the trail", events)


def test_what_is_refused_is_a_metric_by_direction_and_said_with_its_reason(net, tokyo, linked):
    # Into the network, out of it, and from an address that is not the host's.
    assert TIMED_OUT in get(net.out, INSIDE, 9090, 1)
    assert TIMED_OUT in get(net.inside, linked, 9091, 1)
    net.out.run("ip", "addr", "add", "10.2.9.9/32", "dev", "lo")
    spoofed = net.out.run("curl", "-sS", "--interface", "10.2.9.9", "--max-time", "1", f"http://{INSIDE}:8080/", check=False)
    net.out.run("ip", "addr", "del", "10.2.9.9/32", "dev", "lo")
    assert TIMED_OUT in spoofed.stderr

    def refused(*direction):
        now = time.time()
        found = net.aws("cloudwatch", "get-metric-statistics", "--namespace", "Shukuba/Link", "--metric-name", "PacketsRefused", "--dimensions",
                        f"Name=VpcId,Value={tokyo.vpc}", *(f"Name=Direction,Value={it}" for it in direction),
                        "--start-time", str(int(now) - 3600), "--end-time", str(int(now) + 60), "--period", "3600", "--statistics", "Sum")
        return sum(point["Sum"] for point in found["Datapoints"])

    def gateway():
        networks = net.json("link", "status")["networks"]
        return next(network["gateway"] for network in networks if network["id"] == tokyo.vpc)

    directions = ["Inbound", "Outbound", "Path"]
    until("what was refused", lambda: all(refused(it) > 0 for it in directions), every=1)
    assert refused() >= sum(refused(it) for it in directions)
    # Packets of other tests may have been told before these.
    causes = {("inbound", "no_ingress"), ("outbound", "no_ingress"), ("path", "spoofed")}
    until("the reasons", lambda: causes <= {(it["way"], it["why"]) for it in gateway()["refusals"]})
    recent = {(it["source"], it["destination"], it["protocol"], it["port"]) for it in gateway()["recent"]}
    assert {(linked, INSIDE, 6, 9090), (INSIDE, linked, 6, 9091)} <= recent
    said = net.shukuba("link", "doctor", check=False).stdout
    assert f"{linked} to {INSIDE} tcp 9090" in said and "path spoofed" in said
