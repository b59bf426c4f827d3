"""Deadlines and order on the built binary, at a receiver that fails for one key."""

import http.server
import threading
import time

import pytest
from conftest import Server
from test_elsewhere import Elsewhere

CONFIG = """
[routes.s2s]
queue = "{queue}"
format = {{ kind = "ltsv" }}
retry_for = "1h"
{route}

[scaler]
interval = "1s"
notifiers_min = 1

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
{destination}

[destinations."127.0.0.1".retry]
default = ["100ms", "300ms"]
"""


class Receiver:
    """Answers 500 while `is_failing` says so of a path, and remembers the paths with their statuses in order."""

    def __init__(self):
        self.seen = []
        self.is_failing = lambda path: False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                status = 500 if receiver.is_failing(path) else 200
                receiver.seen.append((path, status))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def delivered(self, key):
        """The numbers of a key's notifications in the order of their arrival, each once."""
        found = [path for path, status in self.seen if status == 200 and path.startswith(f"/{key}/")]
        return [int(path.split("/")[2]) for path in dict.fromkeys(found)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
def serve(tmp_path):
    running = []

    def start(queue, route="", destination=""):
        config = tmp_path / "shukuba.toml"
        config.write_text(CONFIG.format(queue=queue, route=route, destination=destination))
        running.append(Server(tmp_path, config))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def wait_for(is_so, what):
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError(what())


def totals(server, queue):
    (found,) = [found for found in server.json("ledger")["queues"] if found["queue"] == queue]
    return found["total"]


def ship(server, receiver, tmp_path, count=6):
    """Lines of two users by turns."""
    log = tmp_path / "postback.log"
    users = ("bad", "good")
    log.write_text("".join(f"url:{receiver.url}/{user}/{n}\tid:{user}{n}\tuser:{user}\n" for n in range(count) for user in users))
    shipped = server.run("ship", "--once", "--queue", "s2s.fifo", "--group", "user", "--state", str(tmp_path / "state"), str(log))
    assert shipped.returncode == 0, shipped.stderr


def test_a_key_that_fails_blocks_itself_alone_and_keeps_its_order(serve, receiver, tmp_path):
    receiver.is_failing = lambda path: path.startswith("/bad/")
    server = serve("s2s.fifo", 'on_failure = "block"')
    ship(server, receiver, tmp_path)
    wait_for(lambda: len(receiver.delivered("good")) == 6, lambda: receiver.seen)
    wait_for(lambda: receiver.seen.count(("/bad/0", 500)) >= 3, lambda: receiver.seen)
    server.kill()
    server.start()
    assert {path for path, _ in receiver.seen if path.startswith("/bad/")} == {"/bad/0"}
    receiver.is_failing = lambda path: False
    wait_for(lambda: len(receiver.delivered("bad")) == 6, lambda: receiver.seen)
    assert receiver.delivered("bad") == receiver.delivered("good") == list(range(6))
    wait_for(lambda: totals(server, "s2s.fifo")["delivered"] == 12, lambda: totals(server, "s2s.fifo"))
    assert server.json("ledger")["balanced"]


def test_what_is_parked_steps_aside_and_its_key_goes_on(serve, receiver, tmp_path):
    receiver.is_failing = lambda path: path in ("/bad/0", "/bad/3")
    server = serve("s2s.fifo", 'on_failure = "park"')
    ship(server, receiver, tmp_path)
    wait_for(lambda: receiver.delivered("bad") == [1, 2, 4, 5], lambda: receiver.seen)
    assert receiver.delivered("good") == list(range(6))
    server.kill()
    server.start()
    assert totals(server, "s2s.fifo")["dead"] == 0
    receiver.is_failing = lambda path: False
    wait_for(lambda: len(receiver.delivered("bad")) == 6, lambda: receiver.seen)
    wait_for(lambda: totals(server, "s2s.fifo")["delivered"] == 12, lambda: totals(server, "s2s.fifo"))
    assert server.json("ledger")["balanced"]
    told = server.run("why", "bad3").stdout
    assert "delivered" in told and "retry" in told, told


def test_order_is_refused_where_there_is_none(tmp_path, sqs):
    config = tmp_path / "shukuba.toml"
    config.write_text(CONFIG.format(queue="s2s", route='on_failure = "park"', destination=""))
    with pytest.raises(AssertionError, match="keeps no order"):
        Server(tmp_path, config)


@pytest.mark.parametrize("queue", ["s2s", "s2s.fifo"])
def test_a_deadline_ends_what_fails_and_what_waits_for_a_paused_destination(serve, receiver, queue):
    receiver.is_failing = lambda path: True
    server = serve(queue, destination='expires_after = "2s"')
    sqs = server.client()
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    order = {"MessageGroupId": "g"} if queue.endswith(".fifo") else {}

    def send(name):
        own = {"MessageDeduplicationId": name} if order else {}
        sqs.send_message(QueueUrl=url, MessageBody=f"url:{receiver.url}/{name}/0\tid:{name}", **order, **own)

    send("failing")
    wait_for(lambda: totals(server, queue)["expired"] == 1, lambda: totals(server, queue))
    told = server.run("why", "failing").stdout
    assert "expires_after 2s" in told, told
    assert server.run("pause", "destination", "127.0.0.1").returncode == 0
    send("paused")
    wait_for(lambda: totals(server, queue)["expired"] == 2, lambda: totals(server, queue))
    assert not [path for path, _ in receiver.seen if path.startswith("/paused/")]
    assert "expires_after 2s" in server.run("why", "paused").stdout
    assert server.json("ledger")["balanced"]


def test_what_is_parked_on_a_queue_of_others_waits_in_a_standard_one(receiver, tmp_path):
    receiver.is_failing = lambda path: path == "/bad/0" and (path, 500) not in receiver.seen
    elsewhere = Elsewhere(tmp_path)
    try:
        rules = elsewhere.config.read_text().replace('queue = "s2s"', 'queue = "s2s.fifo"\nretry_queue = "s2s-retry"\non_failure = "park"')
        elsewhere.config.write_text(rules.replace('"100ms", "300ms", "1s"', '"24h"').replace('retry_for = "1h"', 'retry_for = "7d"'))
        url = elsewhere.sqs.create_queue(QueueName="s2s.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        elsewhere.urls["s2s.fifo"] = url
        for n in range(4):
            body = f"url:{receiver.url}/bad/{n}\tid:bad{n}"
            elsewhere.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="bad", MessageDeduplicationId=str(n))
        elsewhere.notify(url)
        assert receiver.delivered("bad") == [1, 2, 3]
        assert [path for path, _ in receiver.seen] == [f"/bad/{n}" for n in range(4)]
        assert (elsewhere.left("s2s.fifo"), elsewhere.left("s2s-retry")) == (0, 1)
        (story,) = elsewhere.json("why", "bad0", "--results", "s3://results/r")["stories"]
        assert (story["state"], [attempt["status"] for attempt in story["attempts"]]) == ("retry-wait", [500])
        with pytest.raises(AssertionError, match="keeps no order"):
            elsewhere.run("notifier", "--route", "s2s", "--queue", elsewhere.urls["s2s"], "--for", "2s")
    finally:
        elsewhere.server.stop()
