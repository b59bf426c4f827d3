"""The main job without our server: another implementation of SQS and S3 (moto) holds the queue and the results.

Nothing here starts `shukuba serve`: `ship` and `send` fill the queue, a lone notifier empties it, and boto3 looks at
what they left behind.
"""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
import urllib.request

import boto3
import pytest
from conftest import BIN
from moto.server import ThreadedMotoServer

from watching import until

CONFIG = """
[routes.s2s]
queue = "s2s"
format = {{ kind = "ltsv" }}
retry_for = "1h"

[results]
url = "s3://results/r"

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]

[destinations."127.0.0.1".retry]
default = ["100ms", "300ms", "1s"]
"""

# As long as the flaky ones need.
LIFE = "6s"


class Elsewhere:
    """Queues and a bucket that are not ours, and our commands against them."""

    def __init__(self, directory):
        self.directory = directory
        self.config = directory / "shukuba.toml"
        self.config.write_text(CONFIG.format())
        self.server = ThreadedMotoServer("127.0.0.1", 0)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "AKIDELSEWHERE",
            "AWS_SECRET_ACCESS_KEY": "secret-elsewhere",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        # All servers of a process share what they keep: what an earlier test left would be found here.
        urllib.request.urlopen(f"{self.environment['AWS_ENDPOINT_URL']}/moto-api/reset", data=b"", timeout=10).close()
        self.sqs, self.s3 = (self.client(service) for service in ("sqs", "s3"))
        self.s3.create_bucket(Bucket="results")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("s2s", "s2s-retry", "s2s-dead")}

    def client(self, service):
        names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "region_name": "AWS_DEFAULT_REGION"}
        values = {ours: self.environment[theirs] for ours, theirs in names.items()}
        return boto3.client(service, endpoint_url=self.environment["AWS_ENDPOINT_URL"], **values)

    def run(self, *arguments, **options):
        command = [BIN, *arguments, "--config", str(self.config)]
        environment = {**os.environ, **self.environment, "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory)}
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, **options)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json"))

    def notify(self, url, *more, count=1):
        """Starts notifiers, and others when they have ended, until the queue is empty: a life may be too short on a busy machine."""
        command = ["notifier", "--route", "s2s", "--queue", url, "--for", LIFE, *more]

        def is_empty():
            with ThreadPoolExecutor() as threads:
                list(threads.map(lambda _: self.run(*command), range(count)))
            return self.left(url.rsplit("/", 1)[1]) == 0

        until("an empty queue", is_empty)

    def left(self, name):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.urls[name], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def objects(self):
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="results").get("Contents", [])]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    running = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    yield running
    running.server.stop()


def test_the_main_job_on_queues_and_a_bucket_of_others(elsewhere, sink):
    log = elsewhere.directory / "postbacks.ltsv"
    lines = [f"url:{sink.url}/ok?n={n}\tid:n{n}\n" for n in range(400)]
    lines += [f"url:{sink.url}/flaky?p=1&times=1&f={n}\tid:f{n}\n" for n in range(5)]
    lines += [f"url:{sink.url}/status/404?g={n}\tid:g{n}\n" for n in range(3)]
    log.write_text("".join(lines))
    url = elsewhere.urls["s2s"]
    elsewhere.run("ship", "--queue", url, "--once", "--pack=8KiB", "--state", str(elsewhere.directory / "state"), str(log))
    elsewhere.run("send", "--queue", url, input=f"url:{sink.url}/ok?sent=1\tid:sent\nno url\n")
    assert 0 < elsewhere.left("s2s") < 20, "packed"

    elsewhere.notify(url, count=2)
    paths = sink.stats()["paths"]
    assert (paths["/ok"], paths["/flaky"], paths["/status/404"]) == (401, 10, 3)
    assert elsewhere.objects(), "results lie in the bucket"
    stories = {name: elsewhere.json("why", name, "--results", "s3://results/r")["stories"] for name in ("n7", "f2", "g1")}
    states = {name: [story["state"] for story in found] for name, found in stories.items()}
    assert states == {"n7": ["delivered"], "f2": ["delivered"], "g1": ["dead"]}
    assert [attempt["status"] for attempt in stories["f2"][0]["attempts"]] == [503, 200]


def test_what_became_of_it_is_accounted_for_from_the_bucket(elsewhere, sink):
    place, url = "s3://results/second", elsewhere.urls["s2s"]
    log = elsewhere.directory / "second.ltsv"
    lines = [f"url:{sink.url}/ok?second={n}\tid:s{n}\n" for n in range(50)]
    log.write_text("".join([*lines, f"url:{sink.url}/status/404?second\n", "no url\n"]))
    shipping = ["--once", "--state", str(elsewhere.directory / "second"), "--manifests", place]
    elsewhere.run("ship", "--queue", url, *shipping, str(log))
    asked = ["--results", place]

    def balance():
        ledger = elsewhere.json("ledger", *asked, "--queue", url)
        total = ledger["queues"][0]["total"]
        return ledger["balanced"], {name: total[name] for name in ("accepted", "open", "delivered", "dead", "unknown_origin")}

    waiting = {"accepted": 52, "open": 52, "delivered": 0, "dead": 0, "unknown_origin": 0}
    assert balance() == (True, waiting)
    elsewhere.notify(url, *asked)
    done = {"accepted": 52, "open": 0, "delivered": 50, "dead": 2, "unknown_origin": 0}
    assert balance() == (True, done)

    reasons = [letter["reason"] for letter in elsewhere.json("dead", "list", *asked)]
    assert len(reasons) == 2 and any("404" in reason for reason in reasons)
    assert elsewhere.json("dead", "retry", *asked, "--queue", url, "--reason", "404", "--yes")["count"] == 1
    assert elsewhere.json("dead", "drop", *asked, "--yes")["count"] == 1
    replay = elsewhere.json("replay", *asked, "--queue", url, "--new-id", "--yes", "s1", "s2")
    assert replay["replay"]["sent"] == 2
    assert elsewhere.left("s2s") == 3
    elsewhere.notify(url, *asked)
    assert balance() == (True, {**done, "accepted": 54, "delivered": 52})
    assert len(elsewhere.json("dead", "list", *asked)) == 1, "it died again"
    elsewhere.run("results", "compact", *asked)
    assert elsewhere.json("results", "forget", *asked, "--yes", "s3")["results"] == 1
    stories = elsewhere.json("why", *asked, f"{sink.url}/ok?second=4")["stories"]
    assert [story["state"] for story in stories] == ["delivered"]


def test_retries_wait_in_the_retry_queue_and_come_from_there(elsewhere, sink, monkeypatch):
    rules = elsewhere.directory / "retrying.toml"
    text = CONFIG.format().replace('retry_for = "1h"', 'retry_for = "7d"\nretry_queue = "s2s-retry"')
    rules.write_text(text.replace('["100ms", "300ms", "1s"]', '["24h"]'))
    monkeypatch.setattr(elsewhere, "config", rules)
    url, place = elsewhere.urls["s2s"], "s3://results/retrying"
    # One of two lines goes on, as a message of its own.
    elsewhere.sqs.send_message(QueueUrl=url, MessageBody=f"url:{sink.url}/ok?first\nurl:{sink.url}/status/503\tid:waits")
    state = {"DataType": "String", "StringValue": f"attempt=1 first={int(time.time() * 1000)}"}
    due = {"QueueUrl": elsewhere.urls["s2s-retry"], "MessageAttributes": {"shukuba.retry": state}}
    elsewhere.sqs.send_message(**due, MessageBody=f"url:{sink.url}/ok?due\tid:due")
    elsewhere.notify(url, "--results", place)
    assert (elsewhere.left("s2s"), elsewhere.left("s2s-retry")) == (0, 1)
    (story,) = elsewhere.json("why", "due", "--results", place)["stories"]
    assert story["state"] == "delivered"
    assert [attempt["attempt"] for attempt in story["attempts"]] == [2]
