"""What sending costs: priced by hand, over a kill, and only for those who may see the bill."""

import os
import subprocess
import time

import pytest
from conftest import BIN, Server

CONFIG = """
[routes.s2s]
queue = "s2s"

[scaler]
interval = "1s"
notifiers_min = 1

[results]
seal_interval = "1s"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
"""


@pytest.fixture
def platform(tmp_path):
    config = tmp_path / "shukuba.toml"
    config.write_text(CONFIG)
    running = Server(tmp_path, config)
    yield running
    running.stop()


def send(platform, sink, count, lines):
    """Messages of so many lines, ten in a request."""
    sqs = platform.client()
    url = sqs.get_queue_url(QueueName="s2s")["QueueUrl"]
    text = {"DataType": "Number", "StringValue": str(lines)}
    entries = [
        {
            "Id": str(number),
            "MessageBody": "\n".join(f"{sink.url}/ok?m={number}&n={line}" for line in range(lines)),
            "MessageAttributes": {"shukuba.lines": text},
        }
        for number in range(count)
    ]
    for first in range(0, count, 10):
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries[first : first + 10])
        assert not answer.get("Failed")


def settled(platform, count):
    deadline = time.monotonic() + 60
    while True:
        (book,) = [queue for queue in platform.json("ledger")["queues"] if queue["queue"] == "s2s"]
        if book["total"]["delivered"] == count:
            return
        assert time.monotonic() < deadline, book
        time.sleep(0.1)


def cost(platform, *arguments):
    return platform.json("cost", *arguments)


def lines_of(report):
    (route,) = report["routes"]
    return route, {line["use"]: line for line in route["lines"]}


def test_it_is_priced_by_hand_and_a_kill_counts_nothing_twice(platform, sink):
    assert platform.run("access", "billing", "open").returncode == 0
    send(platform, sink, 25, 4)
    settled(platform, 100)
    # Notifiers tell each second what they did; who asks has it kept.
    deadline = time.monotonic() + 60
    while lines_of(cost(platform))[0]["measured"]["attempts"] < 100:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    route, lines = lines_of(cost(platform))
    measured = route["measured"]
    assert (measured["notifications"], measured["messages"], measured["packing"]) == (100, 25, 4.0)
    # Three batches; $0.40 a million.
    assert lines["sends"]["quantity"] == 3
    assert lines["sends"]["amount"] == pytest.approx(3 * 0.40 / 1e6)
    assert measured["bytes_out"] > 100 * len(sink.url)
    assert lines["data-out"]["amount"] == pytest.approx(measured["bytes_out"] / 2**30 * lines["data-out"]["price"])
    assert sum(one["amount"] for one in route["destinations"]) == pytest.approx(route["total"])
    assert sum(one["count"] for one in route["destinations"]) == 100
    platform.kill()
    platform.start()
    again, lines_again = lines_of(cost(platform))
    for key in ("notifications", "messages", "attempts", "bytes_out"):
        assert again["measured"][key] == measured[key], key
    for use in ("sends", "deletes", "data-out"):
        assert lines_again[use]["quantity"] == lines[use]["quantity"], use


def test_it_is_shown_with_its_arithmetic_and_forecast(platform, sink, tmp_path):
    assert platform.run("access", "billing", "open").returncode == 0
    send(platform, sink, 10, 1)
    settled(platform, 10)
    table = platform.run("cost", "--region", "us-east-1")
    assert table.returncode == 0, table.stderr
    assert "1 request × $0.4 / 1,000,000 = $0.0000004" in table.stdout
    assert "2 × t3.medium" in table.stdout
    traffic = tmp_path / "traffic.csv"
    traffic.write_text("minute,count\n0,1000\n1,1000\n")
    answer = cost(platform, "--forecast", str(traffic), "--currency", "jpy")
    assert answer["currency"] == "JPY" and answer["forecast"]["notifications"] == 2000
    assert answer["forecast"]["hours"] == pytest.approx(2 / 60)
    nothing = platform.run("cost", "--since", "0s")
    assert nothing.returncode == 2 and "since_secs" in nothing.stderr
    unknown = platform.run("cost", "--route", "nowhere")
    assert unknown.returncode == 2 and "there is no route `nowhere`" in unknown.stderr


def test_prices_are_printed_edited_and_refused(platform, tmp_path):
    assert platform.run("access", "billing", "open").returncode == 0
    printed = platform.run("cost", "prices").stdout
    file = tmp_path / "prices.toml"
    file.write_text(printed.replace("0.0416", "1.5"))
    (fixed,) = cost(platform, "--prices", str(file), "--region", "us-east-1")["fixed"]
    assert fixed["per_hour"] == 1.5
    file.write_text(printed.replace("nat_hour =", "nat_hours ="))
    wrong = platform.run("cost", "--prices", str(file))
    assert wrong.returncode == 2 and "did you mean `nat_hour`?" in wrong.stderr
    missing = platform.run("cost", "--prices", str(tmp_path / "none.toml"))
    assert missing.returncode == 1 and "none.toml" in missing.stderr
    abroad = platform.run("cost", "--region", "mars-1")
    assert abroad.returncode == 2 and "there are no prices of `mars-1`" in abroad.stderr


def as_user(platform, name, action):
    iam = platform.client("iam")
    iam.create_user(UserName=name)
    document = f'{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}'
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    surroundings = {
        **os.environ,
        **platform.environment,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    command = [BIN, "cost", "--endpoint", platform.endpoint, "--output", "json"]
    return lambda: subprocess.run(command, capture_output=True, text=True, timeout=120, env=surroundings)


def test_only_who_may_see_the_bill_sees_it_and_it_is_recorded(platform):
    closed = platform.run("cost")
    assert closed.returncode == 1 and "access of IAM to billing is not activated" in closed.stderr
    users = {
        "new": as_user(platform, "new", "ce:GetCostAndUsage"),
        "old": as_user(platform, "old", "aws-portal:ViewBilling"),
        "operator": as_user(platform, "operator", "shukuba:*"),
    }
    assert [user().returncode for user in users.values()] == [1, 1, 1]
    assert platform.run("access", "billing", "open").returncode == 0
    answers = {name: user() for name, user in users.items()}
    assert answers["new"].returncode == 0, answers["new"].stderr
    assert answers["old"].returncode == 0, answers["old"].stderr
    refused = answers["operator"]
    assert refused.returncode == 1 and "ce:GetCostAndUsage" in refused.stderr
    found = platform.json("audit", "search", "--event", "GetCostAndUsage")
    events = found["events"] if isinstance(found, dict) else found
    assert len(events) >= 6
