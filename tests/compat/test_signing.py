"""What docs/signing.md says: its lines in a real server, its Python at a receiver, and secrets by command."""

import base64
import http.server
import json
import re
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import BIN, ROOT, Server

PAGE = (ROOT / "docs/signing.md").read_text()
PAIRS = re.findall(r"```toml\n(.*?)```\n\n```python\n(.*?)```", PAGE, re.S)
HOST = "hooks.partner.example"
BODY = '{"price":1.10,"currency":"¥"}'
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
KEY = "whsk_" + base64.b64encode(b"k" * 32).decode()

BASE = """
[routes.s2s]
queue = "s2s"
format = { kind = "json" }

[scaler]
interval = "1s"
notifiers_min = 1

[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
retry = { default = ["100ms"] }
"""


class Receiver:
    """Keeps what it is sent; `answer` makes status and body from a request."""

    def __init__(self, answer=lambda path, headers, body: (200, b"ok")):
        self.seen = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((self.path, self.headers, body))
                status, content = answer(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        for _ in range(300):
            if len(self.seen) >= count:
                return self.seen
            time.sleep(0.1)
        raise AssertionError((count, self.seen))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


def secret(directory, verb, name, value=None):
    command = [BIN, "secret", verb, name, "--data", str(directory / "data")]
    return subprocess.run(command, input=value, capture_output=True, text=True, timeout=60)


def settings(text):
    """The page's lines for a receiver here, whose table is there already."""
    table = f'[destinations."{HOST}"]\n'
    rest = text.replace(table, "", 1) if table in text else text
    return (BASE + rest).replace(HOST, "127.0.0.1")


def serve(directory, text):
    config = directory / "shukuba.toml"
    config.write_text(text)
    return Server(directory, config)


def send(server, port, path="/hook", **more):
    line = {"url": f"http://127.0.0.1:{port}{path}", "method": "POST", "body": BODY, **more}
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="s2s")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(line))


def run_page(code, headers, body, value):
    names = {}
    exec(code, names)  # noqa: S102 the page's own lines
    names["verify"](headers, body, value)


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_the_receivers_of_the_page_verify_what_its_lines_send(number, tmp_path, receiver):
    lines, code = PAIRS[number]
    value = KEY if "secret:KEY" in lines else OLD
    for name in ("PARTNER", "KEY"):
        assert secret(tmp_path, "set", name, value + "\n").returncode == 0
    server = serve(tmp_path, settings(lines))
    try:
        send(server, receiver.port)
        send(server, receiver.port, headers={"webhook-id": "forged", "x-hub-signature-256": "forged"})
        for path, headers, body in receiver.wait(2):
            assert (path, body.decode()) == ("/hook", BODY)
            run_page(code, headers, body, value)
            with pytest.raises(Exception):
                run_page(code, headers, body + b" ", value)
    finally:
        server.stop()


def test_a_page_has_every_kind():
    assert len(PAIRS) == 9
    kinds = set(re.findall(r'kind = "(.*?)"', PAGE))
    assert {"standard-webhooks", "stripe", "hmac", "basic", "bearer", "oauth2", "none"} <= kinds


def test_a_rotation_has_no_gap(tmp_path, receiver):
    lines, code = PAIRS[0]
    # Before the first start, and again while it serves.
    assert secret(tmp_path, "set", "PARTNER", OLD).returncode == 0
    server = serve(tmp_path, settings(lines))

    def verified(count, good, bad=()):
        send(server, receiver.port)
        _, headers, body = receiver.wait(count)[-1]
        for value in good:
            run_page(code, headers, body, value)
        for value in bad:
            with pytest.raises(Exception):
                run_page(code, headers, body, value)

    def reload():
        server.process.send_signal(signal.SIGHUP)
        log = tmp_path / "serve.log"
        said = lambda: log.read_text().count("settings read again")
        for _ in range(300):
            if said() > reload.count:
                reload.count += 1
                return
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    reload.count = 0
    try:
        verified(1, [OLD], [NEW])
        rotated = secret(tmp_path, "rotate", "PARTNER", NEW)
        assert rotated.returncode == 0 and "PARTNER.previous" in rotated.stderr
        reload()
        verified(2, [OLD, NEW])
        listed = {row["Name"]: row for row in server.json("secret", "list")}
        assert set(listed) == {"PARTNER", "PARTNER.previous"}
        assert listed["PARTNER.previous"]["UsedBy"] == listed["PARTNER"]["UsedBy"] != []
        assert secret(tmp_path, "remove", "PARTNER.previous").returncode == 0
        reload()
        verified(3, [NEW], [OLD])
        held = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        for value in (OLD, NEW):
            assert value.encode() not in held and value.removeprefix("whsec_").encode() not in held
        assert value not in (tmp_path / "serve.log").read_text()
    finally:
        server.stop()


def test_a_missing_secret_stops_serving_with_its_line(tmp_path):
    config = tmp_path / "shukuba.toml"
    config.write_text(settings(PAIRS[0][0]))
    command = [BIN, "config", "check", "--data", str(tmp_path / "data"), "--config", str(config)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 2
    assert "sign.secrets: secret `PARTNER` is not set: `shukuba secret set PARTNER`" in checked.stderr
    assert secret(tmp_path, "set", "PARTNER", OLD).returncode == 0
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    config.write_text(settings(PAIRS[0][0]) + '[secrets]\nPARTNER = "env:HOME"\n')
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"HOME": OLD})
    assert checked.returncode == 0 and "stands over the sealed secret `PARTNER`" in checked.stderr


def test_a_kill_while_secrets_are_set_leaves_one_that_was_set(tmp_path):
    assert secret(tmp_path, "set", "A", "first").returncode == 0
    file = tmp_path / "data/secrets.json"
    for number in range(20):
        command = [BIN, "secret", "set", "A", "--data", str(tmp_path / "data")]
        setting = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        setting.stdin.write(b"next")
        setting.stdin.close()
        time.sleep(0.001 * number)  # where in its work it is hit is left to chance
        setting.kill()
        setting.wait()
        assert set(json.loads(file.read_text())["secrets"]) == {"A"}
    assert secret(tmp_path, "set", "A", "last").returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_backup_has_the_secrets_sealed(tmp_path, receiver):
    lines, code = PAIRS[0]
    assert secret(tmp_path, "set", "PARTNER", OLD).returncode == 0
    server = serve(tmp_path, settings(lines))
    try:
        copied = server.run("backup", str(tmp_path / "copy"), "--with-master-key")
        assert copied.returncode == 0, copied.stderr
    finally:
        server.stop()
    restored = tmp_path / "restored"
    restored.mkdir()
    command = [BIN, "restore", str(tmp_path / "copy"), "--data", str(restored / "data")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    server = serve(restored, settings(lines))
    try:
        send(server, receiver.port)
        _, headers, body = receiver.wait(1)[0]
        run_page(code, headers, body, OLD)
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["basic", "bearer", "oauth2"])
def test_a_receiver_is_authenticated_to(kind, tmp_path):
    granted = []

    def answer(path, headers, body):
        if path == "/oauth/token":
            form = urllib.parse.parse_qs(body.decode())
            assert form["grant_type"] == ["client_credentials"] and form["scope"] == ["events.write"]
            granted.append(headers["authorization"])
            return 200, json.dumps({"access_token": f"tok{len(granted)}", "expires_in": 3600}).encode()
        # What a receiver says back must not stand in results; the first token has been revoked.
        is_bad = headers["authorization"] == "Bearer tok1"
        return (401 if is_bad else 200), headers["authorization"].encode()

    (lines,) = [text for text in re.findall(r"```toml\n(.*?)```", PAGE, re.S) if f'kind = "{kind}"' in text]
    receiver = Receiver(answer)
    lines = lines.replace("https://id.partner.example", f"http://127.0.0.1:{receiver.port}")
    assert secret(tmp_path, "set", "PARTNER", OLD).returncode == 0
    server = serve(tmp_path, settings(lines))
    try:
        for _ in range(3):
            send(server, receiver.port, headers={"authorization": "Bearer forged"})
        hooks = lambda: [headers["authorization"] for path, headers, _ in receiver.seen if path == "/hook"]
        for _ in range(300):
            wanted = 1 if kind == "oauth2" else 0
            if len(hooks()) >= 3 + wanted and server.json("ledger")["balanced"]:
                break
            time.sleep(0.1)
        basic = "Basic " + base64.b64encode(b"shukuba:" + OLD.encode()).decode()
        expected = {"basic": {basic}, "bearer": {"Bearer " + OLD}, "oauth2": {"Bearer tok1", "Bearer tok2"}}
        assert set(hooks()) == expected[kind]
        assert len(granted) == (2 if kind == "oauth2" else 0)
        told = server.run("why", f"http://127.0.0.1:{receiver.port}/hook", "--output", "json").stdout
        assert "delivered" in told
        for value in (OLD, "tok1", "tok2"):
            assert value not in told
    finally:
        server.stop()
        receiver.stop()


def test_route_test_names_the_headers_and_shows_no_value(tmp_path):
    assert secret(tmp_path, "set", "PARTNER", OLD).returncode == 0
    config = tmp_path / "shukuba.toml"
    config.write_text(settings(PAIRS[0][0]))
    line = json.dumps({"url": "http://127.0.0.1:9/", "body": "x", "headers": {"webhook-signature": "forged"}})
    command = [BIN, "route", "test", line, "--output", "json", "--data", str(tmp_path / "data"), "--config", str(config)]
    tested = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    headers = dict(tested["headers"])
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(headers)
    assert "forged" not in headers.values()
