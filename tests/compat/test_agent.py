"""Hosts that watch themselves: agents that really run on this machine under several names, with measurements every 10 seconds. The articles'
procedure (alarms by the Name tag with a wildcard, by aws-cli and by boto3), Debian's own monitoring-plugins as checks, a process that is
kept alive, and a mail for one that is overloaded.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, Server

from watching import Agent, MailServer, by_name, decoded, later, new_token, now, tags, until

AWS = pathlib.Path(sys.executable).parent / "aws"
PLUGINS = ROOT / ".cache/plugins/usr/lib/nagios/plugins"
needs_plugins = pytest.mark.skipif(not (PLUGINS / "check_load").exists(), reason="needs Debian's monitoring-plugins: scripts/plugins.sh")

CONFIG = """
[watch]
checks = "{directory}/checks.toml"

[notices.receivers.ops]
mail = ["ops@mail.test"]

[destinations."mail.test"]
mail_relay = "smtp://127.0.0.1:{port}?tls=none"
mail_from = "Shukuba <noreply@mail.test>"

[destinations."mail.test".retry]
default = ["100ms", "1s"]
"""

# Who is `web` gets these at once; `{burner}` is a file with the id of a process.
CHECKS = """
[checks.ok]
plugin = "{plugins}/check_dummy 0 fine"
every = "5s"
roles = ["web"]

[checks.warning]
plugin = "{plugins}/check_dummy 1 doubtful"
every = "5s"
retry_every = "1s"
attempts = 2
roles = ["web"]

[checks.critical]
plugin = "{plugins}/check_dummy 2 wrong"
every = "5s"
attempts = 1
roles = ["web"]

[checks.unknown]
plugin = "{plugins}/check_dummy 3 nobody-knows"
every = "5s"
attempts = 1
roles = ["web"]

[checks.load]
plugin = "{plugins}/check_load -w 1000,1000,1000 -c 2000,2000,2000"
every = "5s"
roles = ["web"]

[checks.disk]
plugin = "{plugins}/check_disk -w 0% -c 0% -p /"
every = "5s"
roles = ["web"]

[checks.procs]
plugin = "{plugins}/check_procs -c 1:"
every = "5s"
roles = ["web"]

[checks.port]
plugin = "{plugins}/check_tcp -H 127.0.0.1 -p {port}"
every = "5s"
roles = ["web"]

[checks.log]
plugin = "{plugins}/check_log -F {log} -O {log}.seen -q ERROR"
every = "2s"
attempts = 1
roles = ["web"]

[checks.missing]
plugin = "{plugins}/check_no_such_thing"
every = "5s"
attempts = 1
roles = ["web"]
"""

# What needs no plugin of Debian's, and two plugins that describe their graphs.
BUILT_IN = """
[checks.answers]
ping = "127.0.0.1"

[checks.name]
dns = "localhost"

[checks.cert]
tls = {{ address = "127.0.0.1:{tls}", name = "a.example" }}

[checks.traffic]
munin = "{directory}/if_eth0"
every = "5s"

[checks.cache]
mackerel = "{directory}/mackerel-plugin-cache"
every = "5s"
"""

MUNIN = """#!/bin/sh
if [ "$1" = config ]; then
    echo "graph_title eth0 traffic"
    echo "graph_vlabel bits per \\${graph_period}"
    echo "graph_args --base 1000 -l 0"
    echo "down.label received"
    echo "down.cdef down,8,*"
    echo "up.label sent"
    echo "up.warning 100"
else
    echo "down.value 12"
    echo "up.value 500"
fi
"""

MACKEREL = """#!/bin/sh
if [ -n "$MACKEREL_AGENT_PLUGIN_META" ]; then
    echo "# mackerel-agent-plugin"
    echo '{"graphs":{"cache.#":{"label":"Cache","unit":"percentage","metrics":[{"name":"*","label":"%2 of %1"}]}}}'
else
    printf 'cache.a.hits\\t97\\t%s\\ncache.b.hits\\t12\\t%s\\n' "$(date +%s)" "$(date +%s)"
fi
"""

# Busy while a file is there.
BURNER = """
import os, sys, time
while True:
    if os.path.exists(sys.argv[1]):
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            pass
    else:
        time.sleep(0.2)
"""

# A Nagios plugin: how much of a processor a process takes or waits for, which is the same however busy the machine is (proc(5), schedstat).
USAGE = """#!/bin/sh
pid=$(cat "$1") || { echo "UNKNOWN - no process"; exit 3; }
wanted() { awk '{ printf "%d", ($1 + $2) / 1000000 }' "/proc/$pid/schedstat"; }
before=$(wanted); sleep 1; after=$(wanted)
cpu=$(( (after - before) / 10 ))
echo "OK - process $pid takes $cpu % | cpu=$cpu%;80;95"
"""


class Watched:
    """A server with a mail server, and the agents web-1, web-2 and db-1."""

    def __init__(self, directory):
        self.directory = directory
        self.mails = MailServer()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.log = directory / "app.log"
        self.log.write_text("all is well\n")
        values = {"plugins": PLUGINS, "port": self.listener.getsockname()[1], "log": self.log}
        (directory / "checks.toml").write_text(CHECKS.format(**values) if PLUGINS.exists() else "")
        config = directory / "shukuba.toml"
        config.write_text(CONFIG.format(directory=directory, port=self.mails.port))
        self.server = Server(directory, config)
        self.ec2, self.cloudwatch = self.server.client("ec2"), self.server.client("cloudwatch")
        self.agents = {}

    def join(self, name, *more, **options):
        self.agents[name] = Agent(self.server, self.directory, name, "--new", *more, **{"token": new_token(self.server), **options})
        return self.agents[name]

    def instance(self, name, *states):
        return by_name(self.ec2, name, *states).get(name)

    def running(self, name):
        return until(f"{name} running", lambda: self.instance(name, "running"), 30)

    def points(self, namespace, name, period=10, statistic="Average", **dimensions):
        """Values of the last minutes by time."""
        window = {"StartTime": later(now(), minutes=-3), "EndTime": later(now(), seconds=1), "Period": period}
        wanted = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        answer = self.cloudwatch.get_metric_statistics(Namespace=namespace, MetricName=name, Dimensions=wanted, Statistics=[statistic], **window)
        return {point["Timestamp"]: point[statistic] for point in answer["Datapoints"]}

    def checks(self, host):
        found = self.server.json("check", "list", host)["checks"]
        return {check["check"]: check for check in found}

    def stop(self):
        for agent in self.agents.values():
            agent.stop()
        self.server.stop()
        self.mails.stop()
        self.listener.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    running = Watched(tmp_path_factory.mktemp("watched"))
    try:
        running.join("web-1", role="web")
        running.join("web-2", role="web")
        running.join("db-1", role="db")
        for name in ("web-1", "web-2", "db-1"):
            running.running(name)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module", autouse=True)
def beside(watched, tmp_path_factory):
    """What takes a minute of real time runs beside the other tests, from the first on."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {one.__name__: pool.submit(one, watched, tmp_path_factory.mktemp(one.__name__)) for one in (overloaded, away, silent)}


def test_hosts_appear_by_name_with_their_role(watched):
    found = by_name(watched.ec2, "web-*", "running")
    assert sorted(found) == ["web-1", "web-2"]
    assert tags(watched.instance("db-1"))["Role"] == "db"
    assert all(re.fullmatch(r"i-[0-9a-f]{17}", instance["InstanceId"]) for instance in found.values())
    listed = {host["name"]: host for host in watched.server.json("host", "list", "web-*")["hosts"]}
    assert {name: host["id"] for name, host in listed.items()} == {name: instance["InstanceId"] for name, instance in found.items()}
    watched.ec2.get_waiter("instance_running").wait(InstanceIds=[one["InstanceId"] for one in found.values()], WaiterConfig={"Delay": 1, "MaxAttempts": 2})


def test_a_wrong_token_is_for_none(watched):
    is_refused(watched, "late", "sj_AKIAIOSFODNN7EXAMPLE_" + "x" * 40)


def is_refused(watched, name, token):
    other = Agent(watched.server, watched.directory, name, "--new", token=token)
    try:
        assert until("its end", lambda: other.process.poll(), 20) > 0
        assert "token" in other.said() and token not in other.said()
        assert watched.instance(name) is None
    finally:
        other.stop()


def test_measurements_come_every_ten_seconds(watched):
    instance = watched.instance("web-1")["InstanceId"]
    for namespace, name in [("AWS/EC2", "CPUUtilization"), ("AWS/EC2", "NetworkIn"), ("CWAgent", "mem_used_percent")]:
        found = until(f"two of {name}", lambda: len(watched.points(namespace, name, InstanceId=instance)) >= 2 and watched.points(namespace, name, InstanceId=instance), 50)
        assert all(at.second % 10 == 0 for at in found)
    cpu, memory = watched.points("AWS/EC2", "CPUUtilization", InstanceId=instance), watched.points("CWAgent", "mem_used_percent", InstanceId=instance)
    assert all(0 <= value <= 100 for value in [*cpu.values(), *memory.values()])
    paths = watched.cloudwatch.list_metrics(Namespace="CWAgent", MetricName="disk_used_percent", Dimensions=[{"Name": "InstanceId", "Value": instance}])
    assert all({"path", "fstype"} <= {one["Name"] for one in metric["Dimensions"]} for metric in paths["Metrics"])


def environment(watched, **more):
    return {**watched.server.shell_environment(), "AWS_CLI": f"{AWS} --endpoint-url {watched.server.endpoint}", **more}


def test_alarms_by_wildcard_with_aws_cli_and_with_boto3(watched):
    topic = "arn:aws:sns:ap-northeast-1:123456789012:ops"
    fast = {"PERIOD": "10", "EVALUATION_PERIODS": "1", "DATAPOINTS": "1"}
    script = subprocess.run(["bash", str(ROOT / "examples/set-alarm.sh"), "web-*", "CPUUtilization", "-1", topic], env=environment(watched, **fast), capture_output=True, text=True, timeout=60)
    assert script.returncode == 0, script.stderr
    python = [sys.executable, str(ROOT / "examples/set-alarm.py"), "web-*", "--metric", "NetworkIn", "--above", "1e15", "--for", "1/1", "--period", "10"]
    script = subprocess.run(python, env=environment(watched), capture_output=True, text=True, timeout=60)
    assert script.returncode == 0, script.stderr
    ids = {name: instance["InstanceId"] for name, instance in by_name(watched.ec2, "web-*", "running").items()}
    wanted = {f"{name}-{metric}": [{"Name": "InstanceId", "Value": ids[name]}] for name in ids for metric in ("CPUUtilization", "NetworkIn")}
    found = watched.cloudwatch.describe_alarms(AlarmNamePrefix="web-")["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["Dimensions"] for alarm in found} == wanted

    def states():
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in watched.cloudwatch.describe_alarms(AlarmNamePrefix="web-")["MetricAlarms"]}

    expected = {name: "ALARM" if name.endswith("CPUUtilization") else "OK" for name in wanted}
    until("the states", lambda: states() == expected, 40)
    until("two mails", lambda: sum("CPUUtilization" in subject for subject in watched.mails.subjects()) >= 2, 20)
    watched.cloudwatch.delete_alarms(AlarmNames=list(wanted))


def test_names_that_two_hosts_share_are_refused(watched):
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "twin"}]}]
    made = watched.ec2.run_instances(ImageId="ami-1", MinCount=2, MaxCount=2, TagSpecifications=specification)["Instances"]
    ids = [instance["InstanceId"] for instance in made]
    script = subprocess.run(["bash", str(ROOT / "examples/set-alarm.sh"), "twin"], env=environment(watched), capture_output=True, text=True, timeout=60)
    assert script.returncode == 1 and all(one in script.stderr for one in ids), script.stderr
    assert watched.cloudwatch.describe_alarms(AlarmNamePrefix="twin")["MetricAlarms"] == []
    watched.ec2.terminate_instances(InstanceIds=ids)


@needs_plugins
def test_plugins_of_debian_are_checks_of_a_role(watched):
    expected = {"ok": "OK", "warning": "WARNING", "critical": "CRITICAL", "unknown": "UNKNOWN", "load": "OK", "disk": "OK", "procs": "OK", "port": "OK", "missing": "UNKNOWN"}

    def states():
        return {name: check["status"].upper() for name, check in watched.checks("web-1").items() if name in expected and check["is_hard"]}

    until("the states", lambda: states() == expected, 40)
    found = watched.checks("web-1")
    assert "fine" in found["ok"]["text"] and "wrong" in found["critical"]["text"]
    assert found["load"]["text"].startswith("LOAD OK") and "|" not in found["load"]["text"]
    # Who is no `web` has none of them.
    assert not set(watched.checks("db-1")) & set(expected)
    instance = watched.instance("web-1")["InstanceId"]
    until("perfdata", lambda: watched.points("Shukuba/Plugins", "load1", InstanceId=instance, Check="load"), 40)
    until("states as metrics", lambda: set(watched.points("Shukuba/Checks", "State", 60, InstanceId=instance, Check="critical").values()) == {2}, 40)
    history = watched.server.json("check", "history", "web-1", "critical")["history"]
    assert history and history[0]["status"].upper() == "CRITICAL"


@needs_plugins
def test_a_line_in_a_log_is_found_once(watched):
    until("a first look", lambda: watched.checks("web-1").get("log"), 30)
    with open(watched.log, "a") as log:
        log.write("ERROR: no more room\n")
    # check_log writes where it was; both hosts look at the one file, and one of them sees it.
    until("the line", lambda: any(entry["status"].upper() == "CRITICAL" for name in ("web-1", "web-2") for entry in watched.server.json("check", "history", name, "log")["history"]), 30)


@needs_plugins
def test_checks_can_be_run_here_without_a_server(watched, tmp_path):
    file = tmp_path / "checks.toml"
    file.write_text(f'[checks.load]\nplugin = "{PLUGINS}/check_load -w 1000 -c 2000"\n')
    good = watched.server.run("check", "run", "--file", str(file), "--output", "json")
    assert good.returncode == 0 and '"load1"' in good.stdout, good.stdout + good.stderr
    file.write_text(f'[checks.bad]\nplugin = "{PLUGINS}/check_dummy 2 wrong"\n')
    assert watched.server.run("check", "run", "--file", str(file)).returncode == 2
    file.write_text('[checks.bad]\nplugn = "x"\n')
    wrong = watched.server.run("check", "lint", str(file))
    assert wrong.returncode != 0 and "plugn" in wrong.stderr and ":2" in wrong.stderr, wrong.stderr


def test_an_overloaded_process_raises_its_alarm_and_a_mail_and_recovery_follow(beside):
    beside["overloaded"].result()


def overloaded(watched, tmp_path):
    heat, pidfile, usage = tmp_path / "heat", tmp_path / "burner.pid", tmp_path / "check_usage"
    usage.write_text(USAGE)
    usage.chmod(0o755)
    burner = subprocess.Popen([sys.executable, "-c", BURNER, str(heat)])
    pidfile.write_text(str(burner.pid))
    checks = tmp_path / "checks.toml"
    checks.write_text(f'[checks.burner]\nplugin = "{usage} {pidfile}"\nevery = "3s"\n')
    try:
        watched.join("hot-1", "--checks", str(checks))
        instance = watched.running("hot-1")["InstanceId"]
        dimensions = [{"Name": "InstanceId", "Value": instance}, {"Name": "Check", "Value": "burner"}]
        topic = "arn:aws:sns:ap-northeast-1:123456789012:ops"
        watched.cloudwatch.put_metric_alarm(
            AlarmName="hot-1-process", Namespace="Shukuba/Plugins", MetricName="cpu", Dimensions=dimensions, Statistic="Average", Period=10, EvaluationPeriods=1,
            Threshold=60, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic], OKActions=[topic],
        )
        state = lambda: watched.cloudwatch.describe_alarms(AlarmNames=["hot-1-process"])["MetricAlarms"][0]["StateValue"]
        until("OK", lambda: state() == "OK")
        heat.write_text("")
        until("the alarm", lambda: state() == "ALARM")
        mail = until("the mail", lambda: [mail for mail in watched.mails.mails if "hot-1-process" in mail["subject"] and "PROBLEM" in mail["subject"]])[0]
        assert mail["to"] == ["ops@mail.test"] and "Threshold Crossed" in mail["text"] and mail["id"]
        heat.unlink()
        until("OK again", lambda: state() == "OK")
        until("the recovery", lambda: [subject for subject in watched.mails.subjects() if "hot-1-process" in subject and "RECOVERY" in subject])
        told = [subject for subject in watched.mails.subjects() if "hot-1-process" in subject and "PROBLEM" in subject]
        assert len(told) == 1, told
    finally:
        burner.kill()
        burner.wait()


def test_a_killed_process_is_back_within_a_cycle(watched, tmp_path):
    pidfile, cycles, begun = tmp_path / "kept.pid", tmp_path / "cycles", tmp_path / "begun"
    # A check of the same span counts the cycles, which are as slow as the machine; the process notes in which it begins.
    for name, lines in [("kept.sh", f"wc -l < {cycles} >> {begun}\necho $$ > {pidfile}\nexec sleep 600"), ("cycle.sh", f"echo >> {cycles}\necho fine")]:
        (tmp_path / name).write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / name).chmod(0o755)
    cycles.touch()
    checks = tmp_path / "checks.toml"
    keep = f'[keep.kept]\nprocess = {{ pidfile = "{pidfile}" }}\nstart = "{tmp_path}/kept.sh"\nevery = "2s"\n'
    checks.write_text(keep + f'[checks.cycle]\nplugin = "{tmp_path}/cycle.sh"\nevery = "2s"\n')
    agent = watched.join("kept-1", "--checks", str(checks))
    try:
        first = until("the process", lambda: alive(pidfile))
        until("cycles", lambda: cycles.read_text().count("\n") >= 2)
        before = cycles.read_text().count("\n")
        os.kill(first, signal.SIGKILL)
        second = until("it again", lambda: alive(pidfile) if alive(pidfile) != first else None, every=0.05)
        after = int(begun.read_text().split()[-1])
        assert after - before <= 2, "the cycle in which it is missed begins within a cycle"
        agent.stop()
        # Processes outlive the agent.
        assert alive(pidfile) == second
    finally:
        if running := alive(pidfile):
            os.kill(running, signal.SIGKILL)


def alive(pidfile):
    """The process of the file, if it runs."""
    try:
        pid = int(pidfile.read_text())
        return None if "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] else pid
    except (OSError, ValueError):
        return None


def test_the_user_data_of_run_instances_lets_a_host_join_as_that_instance(watched):
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "planned-1"}]}]
    [made] = watched.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, TagSpecifications=specification)["Instances"]
    shown = watched.ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")["UserData"]["Value"]
    token = re.search(r"--token (\S+)", decoded(shown))[1]
    agent = watched.join("planned-1", token=token)
    assert watched.running("planned-1")["InstanceId"] == made["InstanceId"]
    # It was for this instance alone.
    is_refused(watched, "another-1", token)
    # Terminated, its agent ends by itself, and its key is of no use any more.
    watched.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    assert until("the agent's end", lambda: agent.process.poll() is not None, 40)
    watched.ec2.get_waiter("instance_terminated").wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 10})


def test_a_host_that_says_goodbye_is_stopped_and_comes_back_as_itself(watched):
    agent, before = watched.agents["db-1"], watched.instance("db-1")["InstanceId"]
    agent.stop()
    assert agent.process.returncode == 0
    until("stopped", lambda: watched.instance("db-1", "stopped"), 15)
    agent.command = [word for word in agent.command if word not in ("--token", agent.command[-1])]
    agent.start()
    until("running", lambda: watched.instance("db-1", "running"), 30)
    assert watched.instance("db-1")["InstanceId"] == before


def test_a_host_is_stopped_and_started_by_calls_and_its_agent_lives_on(watched):
    instance, quick = watched.instance("web-2")["InstanceId"], {"Delay": 1, "MaxAttempts": 30}
    [change] = watched.ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"]
    assert change["PreviousState"] == {"Code": 16, "Name": "running"} and change["CurrentState"]["Name"] in ("stopping", "stopped")
    watched.ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig=quick)
    assert watched.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"] == []
    [change] = watched.ec2.start_instances(InstanceIds=[instance])["StartingInstances"]
    assert change["PreviousState"] == {"Code": 80, "Name": "stopped"}
    watched.ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=quick)
    watched.ec2.reboot_instances(InstanceIds=[instance])
    assert watched.agents["web-2"].process.poll() is None


def test_a_host_that_is_silent_is_unreachable_and_not_forgotten(beside):
    beside["silent"].result()


def silent(watched, _):
    watched.join("quiet-1", role="quiet")
    instance = watched.running("quiet-1")["InstanceId"]
    # Such hosts report every 10 seconds.
    watched.ec2.monitor_instances(InstanceIds=[instance])
    status = lambda: watched.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
    until("ok", lambda: status()["InstanceStatus"]["Status"] == "ok")
    watched.agents["quiet-1"].kill()
    until("impaired", lambda: status()["InstanceStatus"]["Status"] == "impaired", 200, every=1)
    found = watched.instance("quiet-1")
    assert found["State"]["Name"] == "running" and tags(found)["Role"] == "quiet"
    assert [host["name"] for host in watched.server.json("host", "list", "quiet-1")["hosts"] if host["silent_since"]] == ["quiet-1"]
    watched.agents["quiet-1"].start()
    until("ok again", lambda: status()["InstanceStatus"]["Status"] == "ok", 60, every=1)
    assert watched.instance("quiet-1")["InstanceId"] == instance


class Front:
    """Stands before a server whose port changes when it starts again."""

    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                host, port = self.server.endpoint.removeprefix("http://").split(":")
                behind = socket.create_connection((host, int(port)), 5)
            except (OSError, KeyError):
                client.close()
                continue
            for one, other in ((client, behind), (behind, client)):
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def test_what_was_measured_while_the_server_was_away_is_there_afterwards(beside):
    beside["away"].result()


def away(_, tmp_path):
    server = Server(tmp_path)
    front, agent = Front(server), None
    try:
        agent = Agent(server, tmp_path, "away-1", token=new_token(server), url=front.url)
        ec2 = lambda: server.client("ec2")
        instance = until("the host", lambda: by_name(ec2(), "away-1", "running").get("away-1"), 30)["InstanceId"]
        start = later(now(), seconds=10).replace(microsecond=0)
        time_out = later(now(), seconds=15)
        until("a while", lambda: now() > time_out, 30)
        server.kill()
        back = later(now(), seconds=25)
        until("the outage", lambda: now() > back, 40)
        server.start()
        end = later(now(), seconds=10)
        until("a while", lambda: now() > end, 30)

        def gaps():
            wanted = [{"Name": "InstanceId", "Value": instance}]
            answer = server.client("cloudwatch").get_metric_statistics(Namespace="AWS/EC2", MetricName="CPUUtilization", Dimensions=wanted, StartTime=start, EndTime=now(), Period=10, Statistics=["SampleCount"])
            found = sorted(point["Timestamp"] for point in answer["Datapoints"])
            return found, [(a, b) for a, b in zip(found, found[1:]) if (b - a).total_seconds() > 20]

        until("all of it", lambda: len(gaps()[0]) >= 4 and not gaps()[1], 60, every=1)
    finally:
        if agent:
            agent.stop()
        front.stop()
        server.stop()


def self_signed(directory, days):
    """A server with a certificate of its own for `a.example`, and its port."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    subject = ["-subj", "/CN=a.example", "-addext", "subjectAltName=DNS:a.example"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", str(days), *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(stream, server_side=True).close()
            except OSError:
                stream.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_pings_names_and_certificates_are_checked_and_plugins_make_graphs(watched, tmp_path):
    listener = self_signed(tmp_path, 10)
    for name, text in (("if_eth0", MUNIN), ("mackerel-plugin-cache", MACKEREL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    file = tmp_path / "checks.toml"
    file.write_text(BUILT_IN.format(tls=listener.getsockname()[1], directory=tmp_path))
    ran = watched.server.run("check", "run", "--file", str(file), "--output", "json")
    said = {check["check"]: check for check in json.loads(ran.stdout)["checks"]}
    assert said["name"]["status"] == "OK" and "127.0.0.1" in said["name"]["text"], said["name"]
    ping = said["answers"]
    assert (ping["status"] == "OK" and "0 % lost" in ping["text"]) or "ping_group_range" in ping["text"], ping
    # It is nobody's that this host trusts, and its end is said all the same.
    assert said["cert"]["status"] == "CRITICAL" and "self-signed" in said["cert"]["text"] and "valid for 9 days" in said["cert"]["text"], said["cert"]
    assert said["traffic"]["status"] == "WARNING" and "if_eth0.up is 500" in said["traffic"]["text"], said["traffic"]

    agent = watched.join("drawn-1", "--checks", str(file))
    try:
        instance = watched.running("drawn-1")["InstanceId"]

        def widgets():
            made = watched.server.run("dashboard", "generate", "drawn-*", "--plugins")
            found = json.loads(made.stdout)["widgets"] if made.returncode == 0 else []
            return found if {"drawn-1 eth0 traffic", "drawn-1 Cache"} <= {it["properties"]["title"] for it in found} else None

        drawn = until("the graphs", widgets, 40)
        by_title = {widget["properties"]["title"]: widget["properties"] for widget in drawn}
        traffic = by_title["drawn-1 eth0 traffic"]
        assert traffic["yAxis"]["left"] == {"label": "bits per second", "min": 0, "showUnits": False}
        assert traffic["annotations"]["horizontal"] == [{"label": "warning", "value": 100, "color": traffic["annotations"]["horizontal"][0]["color"]}]
        labels = {row[-1]["label"] for title in by_title if title == "drawn-1 Cache" for row in by_title[title]["metrics"]}
        assert labels <= {"hits of a", "hits of b"} and labels, labels
        body = json.dumps({"widgets": drawn})
        assert watched.cloudwatch.put_dashboard(DashboardName="drawn", DashboardBody=body)["DashboardValidationMessages"] == []
        until("what it measures", lambda: set(watched.points("Shukuba/Munin", "up", 60, InstanceId=instance, Check="traffic", Graph="if_eth0").values()) == {500}, 40)
        # A picture of it, by the server.
        picture = json.dumps({**traffic, "width": 600, "height": 300})
        assert watched.cloudwatch.get_metric_widget_image(MetricWidget=picture)["MetricWidgetImage"].startswith(b"\x89PNG")
    finally:
        watched.cloudwatch.delete_dashboards(DashboardNames=["drawn"])
        agent.stop()
        listener.close()
