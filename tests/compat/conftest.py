"""One server for the whole run: the built binary on a directory of its own, found by its own interface.

`SHUKUBA_BIN` names the binary (the Makefile sets it). Everything binds to loopback with port 0, and every
process that a test starts is stopped by its id. With `-n` (pytest-xdist, as `scripts/test.sh` runs it) each of several
processes takes whole files, and has a server and directories of its own.
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import struct
import subprocess
import time
import urllib.request
import uuid

import boto3
import pytest
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SHUKUBA_BIN", str(ROOT / "target/debug/shukuba"))
START_SECS_MAX = 30
# Files that take longest, longest first: they begin first, so that no process is left with one of them when the others are done.
LONGEST = (
    "test_module_terraform.py", "test_agent.py", "test_functions.py", "test_console.py", "test_cloudtrail.py", "test_iam_terraform.py", "test_iam.py", "test_s3.py", "test_watch_terraform.py", "test_alarms.py",
    "test_s3_terraform.py", "test_cloudtrail_terraform.py", "test_presets.py", "test_notices.py", "test_functions_terraform.py",
    "test_notifier_dies.py", "test_verify_aws.py", "test_verify_functions.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


class Server:
    """A running `shukuba serve` on `directory`."""

    def __init__(self, directory, config=None, surroundings=None):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.config = config
        self.surroundings = {**os.environ, **(surroundings or {})}
        self.process = None
        self.start()

    def common(self):
        arguments = ["--data", str(self.data)]
        return arguments + (["--config", str(self.config)] if self.config else [])

    def start(self):
        log = open(self.directory / "serve.log", "ab")
        command = [BIN, "serve", *self.common(), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.surroundings)
        deadline = time.monotonic() + START_SECS_MAX
        while not self.is_healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("serve did not come up:\n" + (self.directory / "serve.log").read_text())
            time.sleep(0.05)

    def is_healthy(self):
        try:
            self.environment = self.read_environment()
            with urllib.request.urlopen(self.endpoint + "/_shukuba/health", timeout=2) as answer:
                return answer.status == 200
        except (OSError, KeyError, subprocess.CalledProcessError):
            return False

    def read_environment(self):
        """What `shukuba env` exports, as a dictionary."""
        answer = subprocess.run([BIN, "env", *self.common()], capture_output=True, text=True, check=True)
        pairs = (line.removeprefix("export ").split("=", 1) for line in answer.stdout.splitlines() if line.startswith("export "))
        return {name: value.strip("'\"") for name, value in pairs}

    @property
    def endpoint(self):
        return self.environment["AWS_ENDPOINT_URL"]

    def client(self, service="sqs", **changes):
        values = {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            "region_name": self.environment["AWS_DEFAULT_REGION"],
            "config": Config(retries={"max_attempts": 0}),
            **changes,
        }
        return boto3.client(service, **values)

    def run(self, *arguments, **options):
        """Runs a command of ours against this server's data directory."""
        command = [BIN, *arguments, *self.common()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)

    def json(self, *arguments):
        answer = self.run(*arguments, "--output", "json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def shell_environment(self):
        return {**os.environ, **self.environment, "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


class Sink:
    def __init__(self):
        self.process = subprocess.Popen([BIN, "sink", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def stats(self):
        with urllib.request.urlopen(self.url + "/_sink/stats", timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def sink():
    running = Sink()
    yield running
    running.stop()


def serving(directory):
    running = Server(directory)
    yield running
    running.stop()


def code_of(seed, step):
    """RFC 6238 with what RFC 4226 says of truncation."""
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    yield from serving(tmp_path_factory.mktemp("server"))


@pytest.fixture
def own_server(tmp_path):
    """A server that the test may kill."""
    yield from serving(tmp_path)


@pytest.fixture(scope="module")
def sqs(server):
    return server.client()


@pytest.fixture
def queue(sqs):
    """A standard queue of the test's own."""
    yield from make_queue(sqs, "t-" + uuid.uuid4().hex[:12], {})


@pytest.fixture
def fifo(sqs):
    """A FIFO queue of the test's own."""
    yield from make_queue(sqs, "t-" + uuid.uuid4().hex[:12] + ".fifo", {"FifoQueue": "true"})


def make_queue(sqs, name, attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    yield url
    try:
        sqs.delete_queue(QueueUrl=url)
    except sqs.exceptions.QueueDoesNotExist:
        pass


def drain(sqs, url, count, **options):
    """Receives until `count` messages came or 40 calls were made."""
    messages = []
    for _ in range(40):
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, **options)
        messages += answer.get("Messages", [])
        if len(messages) >= count:
            break
    return messages


def attribute(sqs, url, name):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"].get(name)
