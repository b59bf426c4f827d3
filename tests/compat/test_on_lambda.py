"""The two functions of a deployment on Lambda: the binary started as `bootstrap`, scaler and notifier.

Queues, bucket and figures are those of our own server, and once more moto's; Lambda is this file: a runtime API for each process, and Invoke,
whose events wait here until a notifier is given them.
"""

import collections
import http.server
import json
import os
import queue
import subprocess
import threading
import time
import uuid
import zipfile

import boto3
import pytest
from conftest import BIN, ROOT
from moto.server import ThreadedMotoServer

SETTINGS = """
[routes.fn]
queue = "{queue}"
retry_queue = "{queue}-retry"
format = {{ kind = "ltsv" }}
retry_for = "1h"

[notifier]
life = "8s"

[scaler]
interval = "1m"
notifiers_max = 4
notifier_per_minute = 40

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
timeout_total = "1s"
headers = {{ authorization = "Bearer ${{env:RECEIVER_TOKEN}}" }}
"""
SCHEDULED = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
WAIT_SECS_MAX = 60


class Served(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, take):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                answer = take(self, body)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {**headers, "content-length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = any

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.authority = f"127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class Invoke:
    """Lambda's Invoke: keeps events, or refuses them as when the function's concurrency is used up."""

    def __init__(self):
        self.events, self.is_full = collections.deque(), False
        self.served = Served(self.take)
        self.wrong = []

    def take(self, request, body):
        expected = "/2015-03-31/functions/shukuba-notifier/invocations"
        if request.path != expected or request.headers["x-amz-invocation-type"] != "Event" or "/lambda/aws4_request" not in request.headers["authorization"]:
            self.wrong.append((request.path, dict(request.headers)))
        if self.is_full:
            return 429, {"x-amzn-errortype": "TooManyRequestsException"}, b'{"message":"Rate Exceeded."}'
        self.events.append(json.loads(body))
        return 202, {}, b""


class Function:
    """A process that Lambda keeps: its runtime API, and what it answered."""

    def __init__(self, handler, environment, directory):
        self.invocations, self.answers = queue.Queue(), queue.Queue()
        self.served = Served(self.take)
        bootstrap = directory / "bootstrap"
        if not bootstrap.exists():
            bootstrap.symlink_to(BIN)
        surroundings = {
            "PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(directory), "TMPDIR": str(directory), "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_NAME": f"shukuba-{handler}", "AWS_LAMBDA_RUNTIME_API": self.served.authority, "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        }
        self.log = directory / f"{handler}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([bootstrap], cwd=directory, env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def take(self, request, body):
        path = request.path.removeprefix("/2018-06-01/runtime/")
        if path != "invocation/next":
            self.answers.put((path, json.loads(body)))
            return 202, {}, b'{"status":"OK"}'
        request_id, secs, event = self.invocations.get()
        if event is None:
            return None
        headers = {"lambda-runtime-aws-request-id": request_id, "lambda-runtime-deadline-ms": int((time.time() + secs) * 1000)}
        return 200, {**headers, "content-type": "application/json"}, json.dumps(event).encode()

    def invoke(self, event, secs=WAIT_SECS_MAX):
        """What it answers, with the request's id; or what went wrong."""
        request_id = str(uuid.uuid4())
        self.invocations.put((request_id, secs, event))
        return request_id, self.answer(f"invocation/{request_id}/")

    def answer(self, prefix=""):
        try:
            path, body = self.answers.get(timeout=WAIT_SECS_MAX)
        except queue.Empty:
            raise AssertionError("no answer:\n" + self.log.read_text()) from None
        assert path.startswith(prefix), path
        return path.removeprefix(prefix), body

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.invocations.put((None, 0, None))
        self.served.stop()


def silent(*_):
    """CloudWatch where nothing was told of yet, in CBOR, which moto does not speak: {"Datapoints": []}."""
    return 200, {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, b"\xa1\x6aDatapoints\x80"


class Place:
    """Queues, a bucket with the settings, and the functions' environment there."""

    def __init__(self, environment, directory, **more):
        self.environment, self.directory, self.more, self.functions = environment, directory, more, []
        self.name = f"fn-{uuid.uuid4().hex[:8]}"
        self.invoke = Invoke()
        self.sqs, self.s3 = self.client("sqs"), self.client("s3")
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration={"LocationConstraint": environment["AWS_DEFAULT_REGION"]})
        self.urls = [self.sqs.create_queue(QueueName=self.name + suffix)["QueueUrl"] for suffix in ("", "-retry")]
        self.settings = SETTINGS.format(queue=self.name)
        self.s3.put_object(Bucket=self.name, Key="settings/1.toml", Body=self.settings.encode())

    def client(self, service):
        given = self.environment
        return boto3.client(
            service, endpoint_url=given["AWS_ENDPOINT_URL"], region_name=given["AWS_DEFAULT_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"], aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )

    def function(self, handler, **changes):
        names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        environment = {
            **{name: self.environment[name] for name in names}, **self.more, "AWS_REGION": self.environment["AWS_DEFAULT_REGION"],
            "AWS_ENDPOINT_URL_LAMBDA": f"http://{self.invoke.served.authority}", "RECEIVER_TOKEN": "a-token-of-the-receiver",
            "SHUKUBA_CONFIG": f"s3://{self.name}/settings/1.toml", "SHUKUBA_RESULTS": f"s3://{self.name}/results",
            "SHUKUBA_NOTIFIER": "shukuba-notifier", "SHUKUBA_MEMORY": f"s3://{self.name}/scaler", **changes,
        }
        made = Function(handler, {name: value for name, value in environment.items() if value is not None}, self.directory)
        self.functions.append(made)
        return made

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json"))

    def run(self, *arguments):
        """A command of ours that looks into the bucket."""
        answer = subprocess.run(
            [BIN, *arguments, "--results", f"s3://{self.name}/results"], capture_output=True, text=True, timeout=120,
            env={**os.environ, **self.environment, "HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory)},
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def stop(self):
        for function in self.functions:
            function.stop()
        self.invoke.served.stop()


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(params=["ours", "moto"])
def place(request, tmp_path):
    if request.param == "ours":
        made = Place(request.getfixturevalue("server").environment, tmp_path)
        yield made
        made.stop()
        return
    environment = {
        "AWS_ENDPOINT_URL": request.getfixturevalue("moto"), "AWS_ACCESS_KEY_ID": "AKIDELSEWHERE", "AWS_SECRET_ACCESS_KEY": "secret-elsewhere",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    figures = Served(silent)
    made = Place(environment, tmp_path, AWS_ENDPOINT_URL_CLOUDWATCH=f"http://{figures.authority}")
    yield made
    made.stop()
    figures.stop()


def plan_of(answer):
    what, body = answer
    assert what == "response", body
    (plan,) = body["plans"]
    return plan


def test_a_hundred_go_through_scaler_and_notifiers(place, sink):
    for first in range(0, 100, 10):
        entries = [{"Id": str(n), "MessageBody": f"url:{sink.url}/ok?n={n}\tid:n{n}"} for n in range(first, first + 10)]
        place.sqs.send_message_batch(QueueUrl=place.urls[0], Entries=entries)
    scaler = place.function("scaler")
    _, answer = scaler.invoke(SCHEDULED)
    plan = plan_of(answer)
    assert plan["inputs"]["backlog"] == 100 and plan.get("failure") is None, plan
    events = list(place.invoke.events)
    assert 1 <= len(events) == plan["start"] <= 4, plan
    assert [event["index"] for event in events] == list(range(len(events)))

    # They run now, as far as the scaler knows: another process of it starts nobody.
    _, answer = place.function("scaler").invoke(SCHEDULED)
    again = plan_of(answer)
    assert again["number"] == plan["number"] + 1 and again["inputs"]["running"] == len(events), again
    assert again["start"] == again["wanted"] - len(events), again

    notifiers = [place.function("notifier") for _ in events]
    deadline = int((time.time() + 12) * 1000)
    with_deadline = [{**event, "deadline_ms": deadline} for event in events]
    for notifier, event in zip(notifiers, with_deadline):
        notifier.invocations.put((f"request-{event['index']}", WAIT_SECS_MAX, event))
    summaries = [notifier.answer(f"invocation/request-{event['index']}/") for notifier, event in zip(notifiers, events)]
    assert {what for what, _ in summaries} == {"response"}, summaries
    delivered = sum(summary["delivered"] for _, summary in summaries)
    # moto, which locks nothing, at times gives one message to two receives at once, and of two deletes at once forgets one.
    assert delivered == 100 or place.more and 100 < delivered < 110, summaries
    assert all(summary["unsettled"] == 0 for _, summary in summaries), summaries
    assert sink.stats()["paths"]["/ok"] == delivered

    # Frozen, they hold nothing.
    names = [] if place.more else ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for url in place.urls if names else []:
        counts = place.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        assert set(counts.values()) == {"0"}, counts

    # Results lie in the bucket, one for each, and say who sent.
    listed = place.run("results", "list", "--max", "1000", "--ids").split()
    assert set(listed) == {f"n{n}" for n in range(100)}
    (story,) = place.json("why", "n7")["stories"]
    assert story["state"] == "delivered"
    (attempt,) = story["attempts"]
    assert "shukuba-notifier" in json.dumps(attempt) and "request-" in json.dumps(attempt), attempt
    stored = [found["Key"] for found in place.s3.list_objects_v2(Bucket=place.name)["Contents"]]
    assert "scaler/state.json" in stored and any(key.startswith("results/") for key in stored), stored

    # The same process is invoked again.
    place.sqs.send_message(QueueUrl=place.urls[0], MessageBody=f"url:{sink.url}/ok?warm\tid:warm")
    _, (what, summary) = notifiers[0].invoke({**events[0], "deadline_ms": int((time.time() + 8) * 1000)})
    assert what == "response" and summary["delivered"] == 1, summary
    assert notifiers[0].process.poll() is None
    assert place.invoke.wrong == []
    assert "a-token-of-the-receiver" not in "".join(function.log.read_text() for function in place.functions)


def test_a_start_that_lambda_does_not_take_is_tried_by_the_next_plan(place):
    # What waits in the queue of retries alone needs a notifier too.
    place.sqs.send_message(QueueUrl=place.urls[1], MessageBody="url:http://127.0.0.1:9/\tid:retry")
    scaler = place.function("scaler")
    place.invoke.is_full = True
    _, answer = scaler.invoke(SCHEDULED)
    plan = plan_of(answer)
    assert plan["start"] == 1 and "Rate Exceeded" in plan["failure"], plan
    place.invoke.is_full = False
    _, answer = scaler.invoke(SCHEDULED)
    plan = plan_of(answer)
    assert plan["start"] == 1 and plan["inputs"]["running"] == 0 and plan.get("failure") is None, plan
    assert len(place.invoke.events) == 1


def test_an_invocation_that_fails_says_why_and_the_process_lives(place):
    notifier = place.function("notifier", SHUKUBA_CONFIG="settings.toml", SHUKUBA_LOG_FORMAT="json")
    (place.directory / "settings.toml").write_text(place.settings)
    event = {"route": "fn", "plan": 1, "index": 0, "count": 1, "share": {"from": 0.0, "to": 1.0}, "deadline_ms": 0}
    for wrong, text in (({"hello": 1}, "the event is none that the scaler sends"), ({**event, "route": "none"}, "none")):
        _, (what, body) = notifier.invoke(wrong)
        assert what == "error" and text in body["errorMessage"], body
    # One that comes after its deadline does nothing.
    _, (what, summary) = notifier.invoke(event)
    assert what == "response" and summary["received"] == 0, summary
    assert notifier.process.poll() is None


def test_what_cannot_begin_says_why(server, tmp_path):
    place = Place(server.environment, tmp_path)
    try:
        for handler, changes, text in (
            ("bootstrap", {}, "set the function's handler to `scaler` or `notifier`"),
            ("notifier", {"SHUKUBA_CONFIG": None}, "SHUKUBA_CONFIG is not set"),
            ("notifier", {"SHUKUBA_CONFIG": f"s3://{place.name}/none.toml"}, "it is not there"),
            ("notifier", {"SHUKUBA_RESULTS": "/tmp/results"}, "would be lost"),
            ("notifier", {"RECEIVER_TOKEN": None}, "RECEIVER_TOKEN"),
            ("scaler", {"SHUKUBA_NOTIFIER": None}, "SHUKUBA_NOTIFIER is not set"),
            ("scaler", {"SHUKUBA_NOTIFIER": "a/b"}, "give a function's name or ARN"),
            ("scaler", {"SHUKUBA_MEMORY": "folder"}, "s3://bucket/"),
        ):
            function = place.function(handler, **changes)
            what, body = function.answer()
            assert what == "init/error" and text in body["errorMessage"], body
            assert function.process.wait(WAIT_SECS_MAX) == 1
    finally:
        place.stop()


def test_a_package_holds_one_file_that_runs(tmp_path):
    package = tmp_path / "package.zip"
    made = subprocess.run([ROOT / "scripts/lambda-package.sh", "/bin/true", package], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    with zipfile.ZipFile(package) as zipped:
        (info,) = zipped.infolist()
        assert (info.filename, oct(info.external_attr >> 16)) == ("bootstrap", "0o100755")
        bootstrap = tmp_path / "bootstrap"
        bootstrap.write_bytes(zipped.read(info))
    bootstrap.chmod(0o755)
    assert subprocess.run([bootstrap], check=False).returncode == 0
    again = tmp_path / "again.zip"
    subprocess.run([ROOT / "scripts/lambda-package.sh", "/bin/true", again], check=True, capture_output=True)
    assert again.read_bytes() == package.read_bytes()
