"""Notices of alarms: to mail, webhooks and a program, routed by label, acknowledged, silenced, and each of them once, over kills and
restarts too. The form of an alarm that SNS delivers is AWS's, recorded.
"""

import concurrent.futures
import json

import pytest
from conftest import Server

from test_alarms import quiet
from watching import Hook, MailServer, later, now, unique, until

CONFIG = """
[notices]
time_zone = "Asia/Tokyo"

[notices.receivers.ops]
mail = ["ops@mail.test", "night@mail.test"]

[notices.receivers.hook]
webhook = "{hook}/hook"

[notices.receivers.busy]
webhook = "{hook}/busy"

[notices.receivers.topic]
webhook = "{hook}/topic"
webhook_form = "sns"

[notices.receivers.program]
command = "{program}"

[notices.receivers.web]
webhook = "{hook}/web"

[notices.receivers.rest]
webhook = "{hook}/rest"

[notices.receivers.both]
webhook = "{hook}/grouped"
group_by = ["team"]
group_wait = "3s"

[[notices.routes]]
match = {{ Host = "web-*", severity = "critical" }}
to = ["web"]
last = true

[[notices.routes]]
match = {{ Host = "?*", Host2 = "?*" }}
to = ["rest"]

[[notices.routes]]
match = {{ team = "ads" }}
to = ["both"]

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]

[destinations."127.0.0.1".retry]
default = ["200ms", "1s", "2s"]

[destinations."mail.test"]
mail_relay = "smtp://127.0.0.1:{mail}?tls=none"
mail_from = "Shukuba <noreply@mail.test>"

[destinations."mail.test".retry]
default = ["200ms", "1s"]
"""

PROGRAM = """#!/bin/sh
cat >> {taken}
echo >> {taken}
"""


class Told:
    """A server, and all that it tells."""

    def __init__(self, directory, busy=0):
        self.mails, self.hook = MailServer(busy), Hook()
        self.taken, program, config = directory / "taken", directory / "program", directory / "shukuba.toml"
        program.write_text(PROGRAM.format(taken=self.taken))
        program.chmod(0o755)
        config.write_text(CONFIG.format(hook=self.hook.url, program=program, mail=self.mails.port))
        self.server = Server(directory, config)

    def alarm(self, name, to=(), **more):
        """An alarm that stays as it is set."""
        actions = [f"arn:aws:sns:ap-northeast-1:123456789012:{one}" for one in to]
        self.cloudwatch.put_metric_alarm(**quiet(name, AlarmActions=actions, OKActions=actions, **more))

    @property
    def cloudwatch(self):
        return self.server.client("cloudwatch")

    def set(self, name, state, reason="set"):
        self.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)

    def kinds(self, path, name):
        """What a webhook was told of an alarm, in order."""
        return [body["kind"] for body in self.hook.got(path) if any(name in alert["title"] for alert in body["firing"] + body["recovered"])]

    def problem(self, name):
        """The alarm's problem as `notice list` has it."""
        found = [one for one in self.server.json("notice", "list")["problems"] if one["source"].endswith(f":alarm:{name}")]
        return found[0] if found else None

    def stop(self):
        self.server.stop()
        self.mails.stop()
        self.hook.stop()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    running = Told(tmp_path_factory.mktemp("told"))
    yield running
    running.stop()


@pytest.fixture(scope="module", autouse=True)
def beside(told):
    """What takes a minute of real time runs beside the other tests, from the first on."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {one.__name__: pool.submit(one, told) for one in (muted,)}


def test_a_mail_tells_of_an_alarm_and_one_of_its_end(told):
    name = unique("mail")
    told.alarm(name, ["ops"])
    told.set(name, "ALARM", "it is <too> much & 多い")
    mine = lambda: [mail for mail in told.mails.mails if name in mail["subject"]]
    [mail] = until("the mail", mine)
    assert mail["subject"].startswith("[PROBLEM] ") and mail["to"] == ["ops@mail.test", "night@mail.test"]
    assert "it is <too> much & 多い" in mail["text"] and "+09:00" in mail["text"] and "/_shukuba/" in mail["text"]
    told.set(name, "OK")
    until("the recovery", lambda: len(mine()) == 2)
    assert mine()[1]["subject"].startswith("[RECOVERY] ")
    assert mine()[0]["id"] != mine()[1]["id"]


def test_webhooks_get_the_whole_notice_and_a_busy_one_gets_it_again(told):
    name = unique("hook")
    told.alarm(name, ["hook", "busy"], Dimensions=[{"Name": "Disk", "Value": "a"}], Tags=[{"Key": "service", "Value": "shop"}])
    told.set(name, "ALARM")
    for path in ("/hook", "/busy"):
        until(path, lambda: told.kinds(path, name) == ["problem"])
    [body] = [body for body in told.hook.got("/hook") if name in body["title"]]
    [alert] = body["firing"]
    assert alert["labels"]["Disk"] == "a" and alert["labels"]["service"] == "shop" and alert["labels"]["alarm"] == name
    assert (alert["severity"], alert["detail"], body["receiver"]) == ("critical", "set", "hook")
    told.set(name, "OK")
    for path in ("/hook", "/busy"):
        until(path, lambda: told.kinds(path, name) == ["problem", "recovery"])


def test_a_topic_s_form_is_that_of_sns(told):
    name = unique("topic")
    told.alarm(name, ["topic"], AlarmDescription="d", Dimensions=[{"Name": "a", "Value": "1"}], Threshold=80.0)
    told.set(name, "ALARM", "a reason")
    mine = lambda: [body for body in told.hook.got("/topic") if name in body["Subject"]]
    [body] = until("the message", mine)
    assert (body["Type"], body["TopicArn"].rsplit(":", 1)[1]) == ("Notification", "topic")
    assert body["Subject"] == f'ALARM: "{name}" in Asia Pacific (Tokyo)'
    message = json.loads(body["Message"])
    # Recorded.
    fields = {
        "AlarmName", "AlarmDescription", "AWSAccountId", "AlarmConfigurationUpdatedTimestamp", "NewStateValue", "NewStateReason", "StateChangeTime", "Region",
        "AlarmArn", "OldStateValue", "OKActions", "AlarmActions", "InsufficientDataActions", "Trigger",
    }
    assert fields <= set(message) <= fields | {"ActionExecutedAfterMuteWindow"}
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"], message["NewStateReason"]) == (name, "ALARM", "INSUFFICIENT_DATA", "a reason")
    assert message["Region"] == "Asia Pacific (Tokyo)" and message["AlarmDescription"] == "d"
    trigger = message["Trigger"]
    assert trigger["MetricName"] == name and trigger["Dimensions"] == [{"value": "1", "name": "a"}]
    assert (trigger["StatisticType"], trigger["Statistic"], trigger["Period"], trigger["EvaluationPeriods"], trigger["Threshold"]) == ("Statistic", "AVERAGE", 86400, 1, 80.0)
    assert trigger["ComparisonOperator"] == "GreaterThanThreshold" and trigger["EvaluateLowSampleCountPercentile"] == ""


def test_a_program_gets_the_notice_on_its_input(told):
    name = unique("program")
    told.alarm(name, ["program"])
    told.set(name, "ALARM")
    lines = lambda: [json.loads(line) for line in told.taken.read_text().splitlines() if line and name in line] if told.taken.exists() else []
    [notice] = until("the notice", lines)
    assert notice["kind"] == "problem" and name in notice["firing"][0]["title"]


def test_routes_go_by_labels(told):
    web, other, info = unique("web"), unique("other"), unique("info")
    told.alarm(web, Dimensions=[{"Name": "Host", "Value": "web-1"}, {"Name": "Host2", "Value": "x"}])
    told.alarm(other, Dimensions=[{"Name": "Host", "Value": "db-1"}, {"Name": "Host2", "Value": "x"}])
    told.alarm(info, Dimensions=[{"Name": "Host", "Value": "web-2"}], Tags=[{"Key": "severity", "Value": "info"}])
    for name in (web, other, info):
        told.set(name, "ALARM")
    until("the routes", lambda: told.kinds("/web", web) == ["problem"] and told.kinds("/rest", other) == ["problem"])
    # The first of them is the last for its own.
    assert told.kinds("/rest", web) == [] and told.kinds("/web", other) == [] and told.kinds("/web", info) == []
    for name in (web, other, info):
        told.set(name, "OK")


def test_what_belongs_together_is_told_together(told):
    names = sorted(unique("group") for _ in range(3))
    for name in names:
        told.alarm(name, Tags=[{"Key": "team", "Value": "ads"}])
    for name in names:
        told.set(name, "ALARM")
    [body] = until("one notice", lambda: [body for body in told.hook.got("/grouped") if body["kind"] == "problem"])
    assert len(body["firing"]) == 3 and "3 problems" in body["title"]
    for name in names:
        told.set(name, "OK")
    until("the end", lambda: [body for body in told.hook.got("/grouped") if body["kind"] == "recovery"])


def test_problems_are_listed_acknowledged_and_over(told):
    name = unique("ack")
    told.alarm(name, ["hook"])
    told.set(name, "ALARM")
    problem = until("the problem", lambda: told.problem(name))
    assert problem["receivers"] == ["hook"] and problem["severity"] == "critical" and not problem["acknowledged"]
    table = told.server.run("notice", "list")
    assert table.returncode == 0 and name in table.stdout
    assert told.server.run("notice", "ack", problem["source"], "--comment", "I look").returncode == 0
    taken = told.problem(name)["acknowledged"]
    assert taken["comment"] == "I look" and "administrator" in taken["by"]
    told.set(name, "OK")
    until("its end", lambda: told.problem(name) is None)
    gone = told.server.run("notice", "ack", problem["source"])
    assert gone.returncode != 0 and gone.stderr.strip()


def test_what_is_silenced_is_told_when_the_silence_ends(told):
    name, label = unique("silent"), unique("house")
    told.alarm(name, ["hook"], Tags=[{"Key": "house", "Value": label}])
    silence = told.server.json("notice", "silence", f"house={label}", "--for", "1h", "--comment", "works")
    told.set(name, "ALARM")
    until("the problem", lambda: told.problem(name) and told.problem(name)["is_silenced"])
    listed = {one["id"]: one for one in told.server.json("notice", "list")["silences"]}
    assert listed[silence["id"]]["comment"] == "works"
    assert told.kinds("/hook", name) == []
    assert told.server.run("notice", "unsilence", silence["id"]).returncode == 0
    until("the notice", lambda: told.kinds("/hook", name) == ["problem"])
    told.set(name, "OK")
    until("its end", lambda: told.kinds("/hook", name) == ["problem", "recovery"])
    # What begins and ends in silence is told to nobody.
    silence = told.server.json("notice", "silence", f"house={label}", "--for", "1h")
    told.set(name, "ALARM")
    until("the problem", lambda: told.problem(name))
    told.set(name, "OK")
    until("its end", lambda: told.problem(name) is None)
    told.server.run("notice", "unsilence", silence["id"])
    assert told.kinds("/hook", name) == ["problem", "recovery"]


def test_what_is_muted_is_told_when_the_window_is_over_if_it_lasts(beside):
    beside["muted"].result()


def muted(told):
    """By a mute rule; a window begins with a minute and lasts at least one."""
    stem = unique("mute")
    lasting, passing, aside = f"{stem}-lasting", f"{stem}-passing", f"{stem}-aside"
    for name in (lasting, passing, aside):
        told.alarm(name, ["topic"])
    begin = now().replace(second=0, microsecond=0)
    # So much of the window is left that all below is within.
    minutes = 1 if now().second < 30 else 2
    end = later(begin, minutes=minutes)
    schedule = {"Expression": f"at({begin:%Y-%m-%dT%H:%M})", "Duration": f"PT{minutes}M", "Timezone": "UTC"}
    told.cloudwatch.put_alarm_mute_rule(Name=stem, Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": [lasting, passing]})
    assert told.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName=stem)["Status"] == "ACTIVE"
    for name in (lasting, passing, aside):
        told.set(name, "ALARM", "within")
    told.set(passing, "OK", "within")
    until("the one that is not muted", lambda: messages(told, aside))
    assert now() < end, "the machine is too slow for this test"
    assert messages(told, lasting) == messages(told, passing) == []
    # They go on watching: the states and the history are as ever.
    states = {one["AlarmName"]: one["StateValue"] for one in told.cloudwatch.describe_alarms(AlarmNamePrefix=stem)["MetricAlarms"]}
    assert states == {lasting: "ALARM", passing: "OK", aside: "ALARM"}
    message = until("the one that lasts", lambda: messages(told, lasting), 150)[0]
    assert now() >= end
    assert (message["NewStateValue"], message["NewStateReason"], message["ActionExecutedAfterMuteWindow"]) == ("ALARM", "within", True)
    assert messages(told, aside)[0].get("ActionExecutedAfterMuteWindow", False) is False
    # What was over by then is told to nobody, and what comes now is told at once.
    told.set(lasting, "OK", "after")
    until("its end", lambda: len(messages(told, lasting)) == 2)
    assert messages(told, lasting)[1].get("ActionExecutedAfterMuteWindow", False) is False
    assert messages(told, passing) == []
    assert told.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName=stem)["Status"] == "EXPIRED"


def messages(told, name):
    """What the topic was told of an alarm, in order."""
    found = [json.loads(body["Message"]) for body in told.hook.got("/topic") if f'"{name}"' in body["Subject"]]
    return [message for message in found if message["AlarmName"] == name]


def test_a_test_arrives_and_unknown_receivers_are_named(told):
    before = len(told.hook.got("/hook"))
    assert told.server.run("notice", "test", "hook").returncode == 0
    until("the test", lambda: len(told.hook.got("/hook")) == before + 2)
    assert [body["kind"] for body in told.hook.got("/hook")[before:]] == ["problem", "recovery"]
    wrong = told.server.run("notice", "test", "nobody")
    assert wrong.returncode != 0 and "nobody" in wrong.stderr
    assert told.server.run("notice", "silence", "no-condition", "--for", "1h").returncode != 0


def test_an_action_without_a_receiver_is_in_the_history_as_failed(told):
    name = unique("lost")
    told.alarm(name, ["nobody"])
    told.set(name, "ALARM")
    actions = lambda: [item for item in told.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")["AlarmHistoryItems"]]
    items = until("the action", actions)
    assert len(items) == 1, [(item["HistorySummary"], item["HistoryData"]) for item in items]
    [item] = items
    assert "nobody" in item["HistorySummary"] and item["HistorySummary"].startswith("Failed to execute action"), item["HistorySummary"]
    told.alarm(name, ["hook"])
    told.set(name, "OK")
    until("the next", lambda: [item for item in actions() if item["HistorySummary"].startswith("Successfully executed action")])


def test_settings_that_are_wrong_are_named_with_their_line(told, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[notices.receivers.ops]\nmial = ["a@b.test"]\n\n[[notices.routes]]\nto = ["nobody"]\n')
    answer = config_check(told, wrong)
    assert answer.returncode != 0 and "mial" in answer.stderr + answer.stdout


def config_check(told, path):
    kept, told.server.config = told.server.config, path
    try:
        return told.server.run("config", "check")
    finally:
        told.server.config = kept


def test_nothing_is_told_twice_and_nothing_lost_over_kills(tmp_path):
    told = Told(tmp_path, busy=3)
    try:
        names = [unique("kill") for _ in range(30)]
        for name in names:
            told.alarm(name, ["hook", "ops"])
        for at, name in enumerate(names):
            told.set(name, "ALARM")
            if at in (9, 19, 29):
                told.server.kill()
                told.server.start()
        until("all problems", lambda: all(told.kinds("/hook", name) for name in names), 60)
        until("all mails", lambda: all(any(name in subject for subject in told.mails.subjects()) for name in names), 90)
        told.server.kill()
        told.server.start()
        for name in names:
            told.set(name, "OK")
        until("all ends", lambda: all(len(told.kinds("/hook", name)) > 1 for name in names), 60)
        told.server.stop()
        told.server.start()
        kinds = {name: sorted(set(told.kinds("/hook", name))) for name in names}
        assert kinds == {name: ["problem", "recovery"] for name in names}
        # A kill between the receiver's answer and its record is the one moment in which a notice comes again, with the same id.
        ids = [body["id"] for body in told.hook.got("/hook")]
        assert len({(body["thread"], body["kind"]) for body in told.hook.got("/hook")}) == 60
        assert len(set(ids)) == 60
        until("all mails of ends", lambda: len({mail["id"] for mail in told.mails.mails}) == 60, 60)
        assert told.mails.deferred == 3
    finally:
        told.stop()
