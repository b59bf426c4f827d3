"""What the tests of the watch share: asking until it is so, times, a mail server, a receiver of webhooks, agents."""

import base64
import datetime
import email
import email.policy
import http.server
import json
import socketserver
import subprocess
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from conftest import BIN

WAIT_SECS_MAX = 60


def until(what, ask, secs=WAIT_SECS_MAX, every=0.2):
    """Asks until the answer is one."""
    deadline = time.monotonic() + secs
    while True:
        found = ask()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {secs} s"
        time.sleep(every)


def refused(code, call, *arguments, text=None, status=None, **options):
    """Calls what must be refused with the code, and with the text and the status where they are known. Returns the text."""
    with pytest.raises(ClientError) as error:
        call(*arguments, **options)
    answer = error.value.response
    assert answer["Error"]["Code"] == code, answer["Error"]
    if text is not None:
        assert answer["Error"]["Message"] == text, answer["Error"]
    if status is not None:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status, answer
    return answer["Error"]["Message"]


def unique(stem):
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def minute(ago=0):
    """The start of a minute, so many minutes ago."""
    return now().replace(second=0, microsecond=0) - datetime.timedelta(minutes=ago)


def hour(ago=0):
    """The start of an hour, so many hours ago."""
    return minute().replace(minute=0) - datetime.timedelta(hours=ago)


def later(start, **span):
    return start + datetime.timedelta(**span)


def close(values, expected):
    """Whether numbers are those that are expected, but for the last bits."""
    return values == pytest.approx(expected, rel=1e-9, abs=1e-12)


class MailServer:
    """A mail server that takes what it is given, after RFC 5321. The first `busy` mails are put off with 451."""

    def __init__(self, busy=0):
        self.busy = busy
        self.mails = []
        self.deferred = 0
        self.lock = threading.Lock()
        mails = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, line):
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self):
                self.say("220 mail.test ESMTP")
                sender, receivers = None, []
                while line := self.rfile.readline():
                    command = line.decode().strip()
                    verb = command.split(" ")[0].upper()
                    if verb in ("EHLO", "HELO"):
                        self.say("250 mail.test")
                    elif verb == "MAIL":
                        sender, receivers = command.split(":", 1)[1].strip().split(" ")[0], []
                        self.say("250 ok")
                    elif verb == "RCPT":
                        receivers.append(command.split(":", 1)[1].strip().split(" ")[0].strip("<>"))
                        self.say("250 ok")
                    elif verb == "DATA":
                        self.say("354 go on")
                        self.say(mails.take(sender, receivers, self.body()))
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok" if verb in ("RSET", "NOOP") else "502 no such command")

            def body(self):
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b".") else line)
                return b"".join(lines)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, sender, receivers, content):
        with self.lock:
            if self.busy:
                self.busy -= 1
                self.deferred += 1
                return "451 try again"
            mail = email.message_from_bytes(content, policy=email.policy.default)
            self.mails.append({"from": sender, "to": receivers, "subject": str(mail["subject"]), "text": mail.get_content(), "id": mail["message-id"]})
            return "250 taken"

    def subjects(self):
        with self.lock:
            return [mail["subject"] for mail in self.mails]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Hook:
    """Receives JSON and keeps it by path. A path that begins with `/busy` is answered 503 at each thing's first attempt."""

    def __init__(self):
        self.requests = []
        self.seen = set()
        self.lock = threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status = hook.take(self.path, body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, body):
        with self.lock:
            if path.startswith("/busy") and body not in self.seen:
                self.seen.add(body)
                return 503
            self.requests.append((path, json.loads(body)))
            return 200

    def got(self, path):
        with self.lock:
            return [body for at, body in self.requests if at == path]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Agent:
    """A running `shukuba agent` under a name, with a state of its own."""

    def __init__(self, server, directory, name, *more, token=None, role=None, every="10s", url=None):
        self.name = name
        self.state = directory / f"state-{name}"
        self.log = directory / f"agent-{name}.log"
        self.command = [BIN, "agent", "--join", url or server.endpoint, "--name", name, "--state", str(self.state), "--every", every, *more]
        if role:
            self.command += ["--role", role]
        if token:
            self.command += ["--token", token]
        self.surroundings = {name: value for name, value in server.surroundings.items() if not name.startswith("AWS_")}
        self.process = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.surroundings)

    def said(self):
        return self.log.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


def new_token(server, *more):
    return server.json("host", "token", *more)["token"]


def by_name(ec2, pattern, *states):
    """Instances by Name, of those that match; the last of each."""
    filters = [{"Name": "tag:Name", "Values": [pattern]}]
    if states:
        filters.append({"Name": "instance-state-name", "Values": list(states)})
    pages = ec2.get_paginator("describe_instances").paginate(Filters=filters)
    found = [instance for page in pages for one in page["Reservations"] for instance in one["Instances"]]
    return {tags(instance)["Name"]: instance for instance in found}


def tags(instance):
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def png_size(picture):
    """Width and height of a PNG, by its first chunk (RFC 2083, 11.2.1)."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture[12:16] == b"IHDR"
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


def decoded(text):
    return base64.b64decode(text).decode()
