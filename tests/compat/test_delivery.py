"""The main job on the built binary: lines in by real clients, HTTP out to a sink, results, ledger, questions."""

import gzip
import time
import urllib.request
import uuid

import pytest
from conftest import Server

CONFIG = """
[routes.s2s]
queue = "s2s"
format = {{ kind = "ltsv" }}
retry_for = "1h"

[scaler]
interval = "1s"
notifiers_min = 1

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]

[destinations."127.0.0.1".retry]
default = ["100ms", "300ms", "1s"]
"""


@pytest.fixture
def platform(tmp_path):
    config = tmp_path / "shukuba.toml"
    config.write_text(CONFIG.format())
    running = Server(tmp_path, config)
    yield running
    running.stop()


def book(platform):
    ledger = platform.json("ledger")
    (found,) = [queue for queue in ledger["queues"] if queue["queue"] == "s2s"]
    return ledger, found


def wait_for(platform, **wanted):
    """Waits until the book of the route shows what is wanted, balanced."""
    for _ in range(300):
        ledger, found = book(platform)
        if ledger["balanced"] and all(found["total"][name] >= count for name, count in wanted.items()):
            return found
        time.sleep(0.1)
    raise AssertionError((wanted, ledger))


def planned(platform, is_wanted):
    """Waits until the scaler's last plan is one that is wanted; all plans since the start."""
    for _ in range(300):
        plans = platform.json("scaler", "status")["plans"]
        if plans and is_wanted(plans[-1]):
            return plans
        time.sleep(0.1)
    raise AssertionError(plans)


def send(platform, lines):
    sqs = platform.client()
    url = sqs.get_queue_url(QueueName="s2s")["QueueUrl"]
    return [sqs.send_message(QueueUrl=url, MessageBody=line)["MessageId"] for line in lines]


def test_every_line_is_delivered_and_accounted_for(platform, sink):
    send(platform, [f"url:{sink.url}/ok?n={n}\tid:n{n}" for n in range(30)])
    found = wait_for(platform, delivered=30)
    assert found["total"]["accepted"] == 30
    assert sink.stats()["paths"]["/ok"] == 30


def test_a_failure_is_tried_again_and_why_tells_it(platform, sink):
    (message,) = send(platform, [f"url:{sink.url}/flaky?p=1&times=2\tid:stubborn"])
    wait_for(platform, delivered=1)
    for question in ("stubborn", message, f"{sink.url}/flaky?p=1&times=2"):
        (story,) = platform.json("why", question)["stories"]
        assert story["state"] == "delivered"
        assert [attempt["status"] for attempt in story["attempts"]] == [503, 503, 200], question
        assert [attempt["attempt"] for attempt in story["attempts"]] == [1, 2, 3]


def test_why_of_a_package_follows_each_line_into_its_next_message(platform, sink):
    lines = [f"url:{sink.url}/ok?n=1\tid:w1", f"url:{sink.url}/flaky?p=1&times=1\tid:w2"]
    (message,) = send(platform, ["\n".join(lines)])
    wait_for(platform, delivered=2)
    stories = platform.json("why", message)["stories"]
    assert {story["notification_id"]: story["state"] for story in stories} == {"w1": "delivered", "w2": "delivered"}


def test_why_knows_what_waits_untried(platform, sink):
    sqs = platform.client()
    plain = sqs.create_queue(QueueName="plain")["QueueUrl"]
    message = sqs.send_message(QueueUrl=plain, MessageBody="for somebody else")["MessageId"]
    (story,) = platform.json("why", message)["stories"]
    assert (story["state"], story["waiting"][0]["queue"]) == ("waiting", "plain")
    assert platform.run("pause", "route", "s2s").returncode == 0
    url = f"{sink.url}/ok?n=1"
    send(platform, [f"url:{url}\tid:untried"])
    (story,) = platform.json("why", url)["stories"]
    assert (story["notification_id"], story["state"]) == ("untried", "waiting")


def test_a_line_that_cannot_be_sent_is_dead_with_a_reason(platform, sink):
    send(platform, ["no url here", f"url:{sink.url}/status/404\tid:gone", "url:http://10.1.2.3/x\tid:private", f"url:{sink.url}/ok\tmethod:CONNECT"])
    wait_for(platform, dead=4)
    letters = platform.json("dead", "list")
    letters = letters if isinstance(letters, list) else letters["letters"]
    reasons = {letter["notification_id"]: letter["reason"] for letter in letters}
    assert len(reasons) == 4
    assert "404" in reasons["gone"]
    assert 'allow_cidrs' in reasons["private"]
    assert any("CONNECT" in reason for reason in reasons.values())


def test_the_dead_come_back_when_they_are_retried(platform, sink):
    send(platform, [f"url:{sink.url}/status/404?n={n}\tid:d{n}" for n in range(3)])
    wait_for(platform, dead=3)
    for which, count in {(): 3, ("d1",): 1}.items():
        assert f"send {count} again: nothing done" in platform.run("dead", "retry", *which).stderr
    assert platform.run("dead", "retry", "--yes").returncode == 0
    # They die again, and nothing is lost or counted twice.
    found = wait_for(platform, dead=6)
    assert found["total"]["accepted"] == 6
    assert found["total"]["replayed"] == 3


def test_a_redirect_is_a_failure_of_its_own(platform, sink):
    send(platform, [f"url:{sink.url}/redirect?to=/ok\tid:moved"])
    wait_for(platform, dead=1)
    (story,) = platform.json("why", "moved")["stories"]
    assert story["attempts"][0]["class"] == "redirect"
    assert "/ok" not in sink.stats()["paths"]


def test_a_pause_loses_nothing_and_survives_a_restart(platform, sink):
    assert platform.run("pause", "route", "s2s").returncode == 0
    send(platform, [f"url:{sink.url}/ok?n={n}\tid:p{n}" for n in range(5)])
    platform.kill()
    platform.start()
    plans = planned(platform, lambda plan: "while it is paused" in plan["reason"])
    assert all((plan["wanted"], plan["start"], plan["inputs"]["running"]) == (0, 0, 0) for plan in plans)
    assert sink.stats()["requests"] == 0
    assert platform.run("resume", "route", "s2s").returncode == 0
    wait_for(platform, delivered=5)


def test_kill_9_between_the_accounts(platform, sink):
    for round_number in range(3):
        send(platform, [f"url:{sink.url}/ok?n={n}\tid:k{round_number}-{n}" for n in range(20)])
        platform.kill()
        platform.start()
    found = wait_for(platform, delivered=60)
    assert found["total"]["accepted"] == 60


def test_ship_follows_rotation_and_packs(platform, sink, tmp_path):
    log = tmp_path / "postbacks.ltsv"
    log.write_text("".join(f"url:{sink.url}/ok?n={n}\tid:s{n}\n" for n in range(500)))
    with gzip.open(tmp_path / "old.ltsv.gz", "wt") as old:
        old.writelines(f"url:{sink.url}/ok?n={n}\tid:s{n}\n" for n in range(500, 700))
    arguments = ["ship", "--queue", "s2s", "--once", "--pack", "--state", str(tmp_path / "state")]
    for _ in range(2):  # The second time there is nothing left to ship.
        answer = platform.run(*arguments, str(log), str(tmp_path / "old.ltsv.gz"))
        assert answer.returncode == 0, answer.stderr
    found = wait_for(platform, delivered=700)
    assert found["total"]["accepted"] == 700
    assert sink.stats()["paths"]["/ok"] == 700


def test_replay_sends_exactly_one_new_message_per_source(platform, sink):
    send(platform, [f"url:{sink.url}/ok?n={n}\tid:r{n}" for n in range(10)])
    wait_for(platform, delivered=10)
    answer = platform.run("replay", "--route", "s2s", "--verdict", "delivered", "--rate", "0", "--yes")
    assert answer.returncode == 0, answer.stderr
    found = wait_for(platform, delivered=20)
    assert found["total"]["replayed"] == 10
    assert sink.stats()["requests"] == 20


def test_status_and_plans_are_shown(platform, sink):
    send(platform, [f"url:{sink.url}/ok\tid:x"])
    wait_for(platform, delivered=1)
    (route,) = platform.json("status")["routes"]
    assert route["route"] == "s2s" and route["delivered"] == 1
    plans = platform.json("scaler", "status")["plans"]
    assert {(plan["route"], plan["wanted"]) for plan in plans} == {("s2s", 1)}, "as many as always run"


def test_metrics_are_open_on_loopback(platform):
    with urllib.request.urlopen(platform.endpoint + "/_shukuba/metrics", timeout=10) as answer:
        assert b"# TYPE" in answer.read()
