"""The sign-in page as a browser meets it: cookies, forms, and what each answer says."""

import http.client
import json
import re
import time
import urllib.parse

import pytest

from conftest import serving

FIRST, SECOND = "First-password-1", "Second-password-2"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's own: what an account is set to holds for all who use its server."""
    yield from serving(tmp_path_factory.mktemp("server"))


class Browser:
    """Keeps cookies, and sends the token of the last page with each form."""

    def __init__(self, server):
        self.server = server
        self.cookies = {}
        self.token = ""

    def ask(self, path, form=None, **headers):
        address = urllib.parse.urlsplit(self.server.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        body = None
        if form is not None:
            body = urllib.parse.urlencode({"token": self.token, **form})
            sent = {"Origin": self.server.endpoint, "Content-Type": "application/x-www-form-urlencoded", **sent}
        connection.request("GET" if form is None else "POST", "/_shukuba/" + path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        found = re.search(r'name="token" value="([0-9a-f]+)"', text)
        self.token = found[1] if found else self.token
        connection.close()
        return answer, text

    def sign_in(self, **form):
        self.ask("sign-in")
        return self.ask("sign-in", form)


@pytest.fixture
def browser(server):
    return Browser(server)


@pytest.fixture
def person(server, request):
    """Somebody with a login profile whose password must be changed."""
    iam = server.client("iam")
    name = request.node.name[:60]
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password=FIRST, PasswordResetRequired=True)
    return name


def test_a_first_password_is_changed_before_anything_else(server, browser, person):
    answer, text = browser.sign_in(user=person, password=FIRST)
    assert answer.status == 403 and "change it, then sign in" in text and "shukuba" not in browser.cookies
    change = {"user": person, "password": FIRST, "new": SECOND, "again": SECOND}
    answer, text = browser.ask("change-password", change)
    assert answer.status == 403 and "Policies refuse it, not the password rules: iam:ChangePassword is not allowed" in text
    server.client("iam").attach_user_policy(UserName=person, PolicyArn="arn:aws:iam::aws:policy/IAMUserChangePassword")
    answer, text = browser.ask("change-password", {**change, "new": "short", "again": "short"})
    assert answer.status == 400 and "The password rules refuse it, not a policy" in text
    answer, text = browser.ask("change-password", change)
    assert answer.status == 200 and "The password is changed" in text
    assert browser.sign_in(user=person, password=FIRST)[0].status == 403
    answer, _ = browser.sign_in(user=person, password=SECOND)
    assert answer.status == 303 and answer.headers["Location"] == "/_shukuba/"
    flags = answer.headers["Set-Cookie"].split("; ")[1:]
    assert flags == ["Path=/_shukuba/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"]
    answer, text = browser.ask("")
    assert f":user/{person}</code>" in text
    answer, text = browser.ask("billing")
    assert answer.status == 403 and "access of IAM to billing is not activated" in text
    browser.ask("sign-out", {})
    assert 'name="password"' in browser.ask("")[1]


def test_signing_in_is_in_the_trail_without_names_and_passwords(own_server):
    """Source: CloudTrail user guide, console sign-in events."""
    browser = Browser(own_server)
    own_server.client("iam").create_user(UserName="alice")
    own_server.client("iam").create_login_profile(UserName="alice", Password=FIRST)
    assert browser.sign_in(user="typed-a-password-here", password="nonsense")[0].status == 403
    assert browser.sign_in(user="alice", password=FIRST)[0].status == 303
    asked = [{"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}]
    events = own_server.client("cloudtrail").lookup_events(LookupAttributes=asked)["Events"]
    right, wrong = (json.loads(event["CloudTrailEvent"]) for event in events)
    assert right["eventType"] == wrong["eventType"] == "AwsConsoleSignIn"
    assert right["eventSource"] == "signin.amazonaws.com"
    assert right["userIdentity"]["userName"] == "alice" and right["responseElements"] == {"ConsoleLogin": "Success"}
    assert wrong["errorMessage"] == "Failed authentication" and wrong["responseElements"] == {"ConsoleLogin": "Failure"}
    assert "typed-a-password-here" not in json.dumps(wrong) and FIRST not in json.dumps(right)


def test_pages_are_kept_by_nobody_and_framed_by_nobody(browser):
    answer, _ = browser.ask("")
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "script" not in answer.headers["Content-Security-Policy"]


def test_a_form_of_another_site_does_nothing(browser, person):
    form = {"user": person, "password": FIRST}
    assert browser.ask("sign-in", form)[0].status == 403
    browser.ask("sign-in")
    assert browser.ask("sign-in", form, Origin="http://evil.example")[0].status == 403
    assert browser.ask("sign-in", {**form, "token": "0" * 32})[0].status == 403
    assert browser.ask("sign-in", {"user": "x" * 20_000})[0].status == 413
    assert browser.ask("none")[0].status == 404


def test_guessing_is_slowed_down(own_server):
    browser = Browser(own_server)
    for _ in range(5):
        answer, text = browser.sign_in(user="nobody", password="nonsense")
        assert answer.status == 403 and "is not right" in text
    answer, text = browser.sign_in(user="nobody", password="nonsense")
    assert answer.status == 429 and "Too many wrong passwords" in text


def test_root_signs_in_by_its_password_alone(own_server):
    browser = Browser(own_server)
    assert browser.sign_in(root="on", password="")[0].status == 403
    done = own_server.run("root", "password", input="correct horse battery\n")
    assert done.returncode == 0, done.stderr
    assert browser.sign_in(root="on", password="correct horse battery")[0].status == 303
    assert ":root</code>" in browser.ask("")[1]
    assert browser.ask("billing")[0].status == 200
    assert own_server.json("root", "show")["LastSignIn"]
    assert own_server.run("root", "end-sessions").returncode == 0
    # Another process did it: a second late at most.
    deadline = time.monotonic() + 20
    while 'name="password"' not in browser.ask("")[1]:
        assert time.monotonic() < deadline, "root is still signed in"
        time.sleep(0.05)
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(own_server.endpoint).netloc, timeout=20)
    connection.request("GET", "/_shukuba/metrics")
    counts = connection.getresponse().read().decode()
    assert 'shukuba_root_uses_total{operation="ConsoleLogin",code="ok"} 1' in counts
