"""What was answered stays, through kill -9 of the server in the middle of a stream of calls: data, alarms, transitions, dashboards, tags of
instances, what agents report, acknowledgements and silences.
"""

import json
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from conftest import Server

from test_alarms import history, quiet
from watching import Agent, Hook, later, minute, new_token, unique, until

ROUNDS = 4
# Of each stream and round, before the kill.
CALLS = 12
# So that the points of a stream fit into one answer of GetMetricStatistics.
CALLS_MAX = 1400
NAMESPACE = "Kill/Streams"


class Stream:
    """Calls one after the other until the server dies; keeps which were begun and which were answered."""

    def __init__(self, name, service, call):
        self.name, self.service, self.call = name, service, call
        self.begun, self.answered = [], []

    def run(self, client):
        while len(self.begun) < CALLS_MAX:
            number = len(self.begun)
            self.begun.append(number)
            try:
                self.call(client, number)
            except (BotoCoreError, ClientError):
                return
            self.answered.append(number)

    def check_each(self, found):
        """What was read, a number for each time that it was seen: all that was answered, nothing twice, nothing else."""
        assert len(found) == len(set(found)), (self.name, "twice")
        assert set(self.answered) <= set(found) <= set(self.begun), (self.name, set(self.answered) - set(found), set(found) - set(self.begun))

    def check_last(self, found, places):
        """What was read at each of so many places that are written in turn: what was answered last there, or what was begun since."""
        for place in range(places):
            answered = [number for number in self.answered if number % places == place]
            allowed = [number for number in self.begun if number % places == place and number >= max(answered, default=0)]
            assert found.get(place) in allowed or not answered and place not in found, (self.name, place, found.get(place), allowed)


def board(number):
    return json.dumps({"widgets": [{"type": "text", "properties": {"markdown": str(number)}}]})


def test_no_stream_of_calls_loses_what_was_answered(own_server):
    start = minute(40)
    own_server.client("cloudwatch").put_metric_alarm(**quiet("flips"))
    specification = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "kept"}]}]
    made = own_server.client("ec2").run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, TagSpecifications=specification)
    instance = made["Instances"][0]["InstanceId"]

    def put(metric):
        def call(cloudwatch, number):
            datum = {"MetricName": metric, "Timestamp": later(start, seconds=number), "Value": float(number), "StorageResolution": 1}
            cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])
        return call

    def flip(cloudwatch, number):
        # Three in turn: also where one was lost, the next is another state.
        cloudwatch.set_alarm_state(AlarmName="flips", StateValue=["OK", "ALARM", "INSUFFICIENT_DATA"][number % 3], StateReason=str(number))

    metrics = ["a", "b", "c"]
    streams = [
        *[Stream(metric, "cloudwatch", put(metric)) for metric in metrics],
        Stream("alarms", "cloudwatch", lambda client, number: client.put_metric_alarm(**quiet(f"alarm-{number:05}"))),
        Stream("transitions", "cloudwatch", flip),
        Stream("dashboards", "cloudwatch", lambda client, number: client.put_dashboard(DashboardName=f"board-{number % 5}", DashboardBody=board(number))),
        Stream("tags", "ec2", lambda client, number: client.create_tags(Resources=[instance], Tags=[{"Key": f"k{number % 7}", "Value": str(number)}])),
    ]
    for count in range(1, ROUNDS + 1):
        threads = [threading.Thread(target=stream.run, args=(own_server.client(stream.service),)) for stream in streams]
        for thread in threads:
            thread.start()
        until("calls", lambda: all(len(stream.answered) >= CALLS * count for stream in streams), 120, every=0.005)
        own_server.kill()
        for thread in threads:
            thread.join()
        own_server.start()
        check(own_server, {stream.name: stream for stream in streams}, metrics, start, instance)


def check(server, streams, metrics, start, instance):
    cloudwatch, ec2 = server.client("cloudwatch"), server.client("ec2")
    window = {"Namespace": NAMESPACE, "Period": 1, "StartTime": start, "EndTime": later(start, seconds=CALLS_MAX)}
    for metric in metrics:
        points = cloudwatch.get_metric_statistics(MetricName=metric, Statistics=["SampleCount", "Sum"], **window)["Datapoints"]
        assert all(point["SampleCount"] == 1 and point["Timestamp"] == later(start, seconds=point["Sum"]) for point in points), "each datum once"
        streams[metric].check_each([int(point["Sum"]) for point in points])
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="alarm-")
    streams["alarms"].check_each([int(alarm["AlarmName"].removeprefix("alarm-")) for page in pages for alarm in page["MetricAlarms"]])
    reasons = [json.loads(item["HistoryData"])["newState"]["stateReason"] for item in history(cloudwatch, "flips")]
    streams["transitions"].check_each([int(reason) for reason in reasons])
    [flips] = cloudwatch.describe_alarms(AlarmNames=["flips"])["MetricAlarms"]
    assert flips["StateReason"] == reasons[-1]
    pages = cloudwatch.get_paginator("list_dashboards").paginate(DashboardNamePrefix="board-")
    names = [entry["DashboardName"] for page in pages for entry in page["DashboardEntries"]]
    bodies = {int(name.removeprefix("board-")): json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in names}
    streams["dashboards"].check_last({place: int(body["widgets"][0]["properties"]["markdown"]) for place, body in bodies.items()}, 5)
    tags = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
    streams["tags"].check_last({int(tag["Key"][1:]): int(tag["Value"]) for tag in tags if tag["Key"].startswith("k")}, 7)
    assert [tag["Value"] for tag in tags if tag["Key"] == "Name"] == ["kept"]


CONFIG = """
[notices.receivers.hook]
webhook = "{hook}/hook"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
"""


@pytest.fixture
def watched(tmp_path):
    hook, config = Hook(), tmp_path / "shukuba.toml"
    config.write_text(CONFIG.format(hook=hook.url))
    server = Server(tmp_path, config)
    yield server
    server.stop()
    hook.stop()


def again(server):
    server.kill()
    server.start()


def test_acknowledgements_and_silences_outlive_a_kill(watched):
    name, cloudwatch = unique("ack"), watched.client("cloudwatch")
    cloudwatch.put_metric_alarm(**quiet(name, AlarmActions=["arn:aws:sns:ap-northeast-1:123456789012:hook"]))
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="set")
    of_name = lambda: [one for one in watched.json("notice", "list")["problems"] if one["source"].endswith(f":alarm:{name}")]
    [problem] = until("the problem", of_name)
    assert watched.run("notice", "ack", problem["source"], "--comment", "I look").returncode == 0
    again(watched)
    [kept] = of_name()
    assert kept["acknowledged"]["comment"] == "I look"
    silences = lambda: {one["id"]: one for one in watched.json("notice", "list")["silences"]}
    one, other = (watched.json("notice", "silence", f"house={house}", "--for", "1h", "--comment", house)["id"] for house in ("a", "b"))
    again(watched)
    assert {id: silence["comment"] for id, silence in silences().items()} == {one: "a", other: "b"}
    assert watched.run("notice", "unsilence", one).returncode == 0
    again(watched)
    assert list(silences()) == [other]
    assert of_name()[0]["acknowledged"]["comment"] == "I look"


def test_what_an_agent_reported_of_its_checks_outlives_a_kill(watched, tmp_path):
    plugin, said, checks = tmp_path / "check", tmp_path / "said", tmp_path / "checks.toml"
    plugin.write_text(f'#!/bin/sh\ncat {said}\nexit "$(cut -c1 {said})"\n')
    plugin.chmod(0o755)
    checks.write_text(f'[checks.told]\nplugin = "{plugin}"\nevery = "1s"\nattempts = 1\n')
    said.write_text("0 fine\n")
    agent = Agent(watched, tmp_path, "kept-1", "--new", "--checks", str(checks), token=new_token(watched))
    try:
        def found():
            checks = {check["check"]: check for check in watched.json("check", "list", "kept-1")["checks"]}
            check = checks.get("told", {"status": "", "text": None, "is_hard": None})
            return check["status"].upper(), check["text"], check["is_hard"]

        read = lambda: watched.json("check", "history", "kept-1", "told")["history"]
        until("the host", lambda: watched.run("check", "list", "kept-1").returncode == 0, 30)
        for status, text in [("OK", "0 fine"), ("CRITICAL", "2 wrong"), ("WARNING", "1 doubtful")]:
            said.write_text(f"{text}\n")
            until(status, lambda: found() == (status, text, True), 30)
        agent.kill()
        before = read()
        again(watched)
        # It is silent now, and nothing of it is told anew.
        assert read() == before and [entry["status"].upper() for entry in before][:2] == ["WARNING", "CRITICAL"]
        assert found() == ("WARNING", "1 doubtful", True)
    finally:
        agent.kill()
