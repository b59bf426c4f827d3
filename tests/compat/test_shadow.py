"""What docs/shadow.md says: copies for another URL, and a share that is tried there first, on a real server."""

import json
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import BIN, ROOT, Server
from test_elsewhere import Elsewhere
from test_signing import BASE, Receiver

PAGE = (ROOT / "docs/shadow.md").read_text()
LINES = re.findall(r"```toml\n(.*?)```", PAGE, re.S)

OLD = "postback.partner.example"
NEW = "next.partner.example"
SECRETS = ("primary-header-secret", "primary-query-secret", "primary-template-secret")


def serve(directory, text):
    config = directory / "shukuba.toml"
    config.write_text(text)
    return Server(directory, config)


def settings(lines, old, new):
    """Lines of the page, their hosts two receivers here."""
    here = {f"https://{OLD}": f"http://127.0.0.1:{old}", f"https://{NEW}": f"http://127.0.0.1:{new}"}
    here |= {OLD: f"127.0.0.1:{old}", NEW: f"127.0.0.1:{new}"}
    for name, local in here.items():
        lines = lines.replace(name, local)
    for port in (old, new):
        table = f'[destinations."127.0.0.1:{port}"]\n'
        allowed = table + 'allow_cidrs = ["127.0.0.1/32"]\nretry = { default = ["100ms"] }\n'
        lines = lines.replace(table, allowed) if table in lines else lines + "\n" + allowed
    return BASE + lines


def send(server, port, count, **more):
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="s2s")["QueueUrl"]
    for number in range(count):
        line = {"url": f"http://127.0.0.1:{port}/hook?n={number}", "method": "POST", "body": "{}", "id": f"n-{number}", **more}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(line))


def told(server, kind, count, members):
    """The figures of `status`, once they come to `count`."""
    for _ in range(200):
        rows = [row for row in server.json("status")["beside"] if row["kind"] == kind]
        if sum(rows[0][name] for name in members) >= count:
            return rows[0]
        time.sleep(0.1)
    raise AssertionError(rows)


def attempts(server, identifier, least=1):
    for _ in range(200):
        found = [one for story in server.json("why", identifier)["stories"] for one in story["attempts"]]
        if len(found) >= least:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.fixture
def pair():
    made = []

    def make(old, new):
        made.extend(Receiver(answer) for answer in (old, new))
        return made

    yield make
    for one in made:
        one.stop()


def always(status, body=b"ok"):
    return lambda path, headers, content: (status, body)


def test_a_shadow_gets_copies_and_is_compared(tmp_path, pair):
    even = lambda path, headers, body: (200 if int(path.rsplit("=", 1)[1]) % 2 == 0 else 404, b"new")
    old, new = pair(always(200), even)
    server = serve(tmp_path, settings(LINES[0], old.port, new.port))
    try:
        send(server, old.port, 10, headers={"authorization": "Bearer line", "x-event": "install"})
        row = told(server, "shadow", 10, ("agrees", "differs"))
        assert (row["agrees"], row["differs"], row["failed"]) == (5, 5, 0)
        assert len(old.wait(10)) == 10 and len(new.wait(10)) == 10
        path, headers, body = next(one for one in new.seen if one[0].endswith("n=3"))
        assert (path, body) == ("/v2/hook?n=3", b"{}")
        assert headers["x-shukuba-shadow"] == "1" and headers["x-event"] == "install"
        assert headers["x-notification-id"] == "n-3" and "authorization" not in headers
        assert all("x-shukuba-shadow" not in headers for _, headers, _ in old.seen)
        (one,) = attempts(server, "n-3")
        assert (one["verdict"], one["status"]) == ("delivered", 200)
        assert one["shadow"]["status"] == 404 and one["shadow"]["agrees"] is False
        assert "DIFFERS" in server.run("why", "n-3").stdout
        assert "shadow of" in server.run("status").stdout
        ledger = server.run("ledger").stdout
        assert "10" in ledger
    finally:
        server.stop()


def test_secrets_of_the_receiver_do_not_reach_its_shadow(tmp_path, pair, monkeypatch):
    old, new = pair(always(200), always(200))
    for name, value in zip(("HEADER", "QUERY", "TEMPLATE"), SECRETS):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEW_KEY", "key-of-the-new-one")
    here = f'destinations."127.0.0.1:{old.port}"'
    there = f'destinations."127.0.0.1:{new.port}"'
    text = settings(LINES[0], old.port, new.port) + f"""
[{here}.headers]
x-key = "${{env:HEADER}}"
x-made = "{{@id}} ${{env:TEMPLATE}}"
[{here}.request]
query = {{ key = "${{env:QUERY}}", v = "2" }}
[{here}.auth]
kind = "basic"
user = "u"
password = "primary-password"
[{there}.headers]
x-key = "${{env:NEW_KEY}}"
x-of = "{{@id}} ${{env:NEW_KEY}}"
[{there}.request]
query = {{ token = "${{env:NEW_KEY}}" }}
"""
    server = serve(tmp_path, text)
    try:
        send(server, old.port, 3)
        told(server, "shadow", 3, ("agrees",))
        path, headers, _ = old.wait(3)[0]
        assert SECRETS[1] in path and headers["x-key"] == SECRETS[0] and "authorization" in headers
        for path, headers, _ in new.wait(3):
            everything = path + str(headers)
            assert not any(secret in everything for secret in SECRETS), everything
            assert "authorization" not in headers and headers["x-key"] == "key-of-the-new-one"
            assert "v=2" in path
        tested = server.json("route", "test", json.dumps({"url": f"http://127.0.0.1:{old.port}/a", "id": "x"}))
        assert tested["beside"]["url"] == f"http://127.0.0.1:{new.port}/v2/a?v=2&token=***"
        shown = json.dumps(tested)
        assert not any(secret in shown for secret in (*SECRETS, "key-of-the-new-one")), shown
        assert tested["beside"]["is_chosen"] is True
    finally:
        server.stop()


def test_a_shadow_that_hangs_or_is_gone_changes_no_verdict(tmp_path, pair):
    old, _ = pair(always(200), always(200))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(200)
        text = settings(LINES[0], old.port, silent.getsockname()[1])
        text = text.replace("/v2\"\n", "/v2\"\nin_flight_max = 4\ntimeout = \"1s\"\n")
        server = serve(tmp_path, text)
        try:
            send(server, old.port, 40)
            old.wait(40)
            row = told(server, "shadow", 40, ("failed", "skipped"))
            assert row["failed"] >= 4 and row["agrees"] == 0
            for _ in range(100):
                (route,) = server.json("status")["routes"]
                if route["delivered"] == 40:
                    break
                time.sleep(0.1)
            assert (route["delivered"], route["dead"], route["open"]) == (40, 0, 0)
            assert len(old.seen) == 40
        finally:
            server.stop()


def test_a_canary_takes_its_share_and_fails_into_the_receiver(tmp_path, pair):
    broken = lambda path, headers, body: (500 if path.endswith("=7") else 200, b"new")
    old, new = pair(always(200), broken)
    lines = re.sub(r"share = .*", "share = 0.5", LINES[1])
    server = serve(tmp_path, settings(lines, old.port, new.port))
    try:
        send(server, old.port, 40)
        for _ in range(200):
            (route,) = server.json("status")["routes"]
            if route["delivered"] == 40:
                break
            time.sleep(0.1)
        (row,) = [row for row in server.json("status")["beside"] if row["kind"] == "canary"]
        chosen = {headers["x-notification-id"] for _, headers, _ in new.seen}
        asked = {headers["x-notification-id"] for _, headers, _ in old.seen}
        assert all(headers["x-shukuba-canary"] == "1" for _, headers, _ in new.seen)
        # By the hash of the ids: see the unit tests for the hash itself.
        assert 8 <= len(chosen) <= 32
        assert chosen | asked == {f"n-{number}" for number in range(40)}
        assert chosen & asked == ({"n-7"} & chosen)
        assert row["delivered"] == len(chosen - {"n-7"}) and row["failed"] == len(chosen & {"n-7"})
        one = sorted(chosen - {"n-7"})[0]
        (attempt,) = attempts(server, one)
        assert attempt["verdict"] == "delivered" and attempt["canary"]["delivered"] is True
        assert "delivered by it" in server.run("why", one).stdout
    finally:
        server.stop()


def test_the_lines_of_the_page_are_right(tmp_path):
    assert len(LINES) == 2
    for lines in LINES:
        config = tmp_path / "page.toml"
        config.write_text('[routes.s2s]\nqueue = "s2s"\n' + lines)
        command = [BIN, "config", "check", "--config", str(config)]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert checked.returncode == 0 and "warning" not in checked.stderr, checked.stderr


def test_a_reload_keeps_the_figures(tmp_path, pair):
    old, new = pair(always(200), always(200))
    server = serve(tmp_path, settings(LINES[0], old.port, new.port))
    try:
        send(server, old.port, 5)
        told(server, "shadow", 5, ("agrees",))
        text = server.config.read_text().replace("share = 1.0", "share = 1.0\ntimeout = \"3s\"")
        server.config.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        send(server, old.port, 5, id=None)
        assert told(server, "shadow", 10, ("agrees",))["agrees"] == 10
    finally:
        server.stop()


def test_a_lone_notifier_copies_and_stores_both_answers(tmp_path, pair):
    old, new = pair(always(200), always(503))
    running = Elsewhere(tmp_path)
    try:
        text = running.config.read_text().replace('kind = "ltsv"', 'kind = "json"')
        lines = settings(LINES[0], old.port, new.port).removeprefix(BASE)
        running.config.write_text(text + lines)
        url = running.urls["s2s"]
        sent = [{"url": f"http://127.0.0.1:{old.port}/a?n={n}", "method": "POST", "body": "{}", "id": f"n{n}"} for n in range(20)]
        running.run("send", "--queue", url, input="\n".join(json.dumps(line) for line in sent) + "\n")
        running.notify(url)
        assert (len(old.seen), len(new.seen), running.left("s2s")) == (20, 20, 0)
        for n in range(20):
            (story,) = running.json("why", "--results", "s3://results/r", f"n{n}")["stories"]
            (attempt,) = story["attempts"]
            assert (attempt["verdict"], attempt["status"]) == ("delivered", 200)
            assert attempt["shadow"]["status"] == 503 and attempt["shadow"]["agrees"] is False
    finally:
        running.server.stop()
