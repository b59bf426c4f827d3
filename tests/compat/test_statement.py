"""Statements on the built binary: numbers against the ledger and the stored results, signatures against an independent implementation."""

import base64
import collections
import csv
import datetime
import hashlib
import io
import json
import subprocess

import pytest
from conftest import BIN
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from test_delivery import platform, send, wait_for  # noqa: F401

LINES = {"delivered": 30, "dead": 4}


@pytest.fixture
def days(platform, sink):  # noqa: F811
    """Today's arguments, after some notifications have come to their ends. Around midnight: both days."""
    first = datetime.datetime.now(datetime.timezone.utc).date()
    lines = [f"url:{sink.url}/ok?n={n}\tid:n{n}" for n in range(29)]
    lines += [f"url:{sink.url}/flaky?p=1&times=2\tid:stubborn"]
    lines += [f"url:{sink.url}/status/404\tid:gone", f"url:{sink.url}/redirect?to=/ok\tid:moved", "url:http://10.1.2.3/x\tid:private", "no url"]
    send(platform, lines)
    wait_for(platform, **LINES)
    last = datetime.datetime.now(datetime.timezone.utc).date()
    return ["--from", str(first), "--to", str(last)]


def canonical(value):
    """RFC 8785 for what has neither fractions nor names beyond ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def verify(*arguments, text=None):
    return subprocess.run([BIN, "statement", "verify", *map(str, arguments)], capture_output=True, text=True, input=text, timeout=60)


def test_numbers_are_those_of_the_ledger_and_of_the_stored_results(platform, days):  # noqa: F811
    statement = platform.json("statement", *days)["statement"]
    (route,) = statement["routes"]
    (book,) = [queue for queue in platform.json("ledger", "--destinations")["queues"] if queue["queue"] == "s2s"]
    for ours, theirs in {"accepted": "accepted", "delivered": "delivered", "failed": "dead", "expired": "expired", "open": "open", "taken": "taken"}.items():
        assert route["balance"][ours] == book["total"][theirs], ours
    assert route["balance"]["accepted"] == 34 and route["balance"]["is_balanced"]
    # Counted one by one, by whoever reads the results.
    ends, classes, attempts = collections.Counter(), collections.Counter(), collections.Counter()
    results = platform.json("results", "list", "--max", "1000")
    for result in results if isinstance(results, list) else results["results"]:
        name = result["destination"]
        attempts[name] += "sent_at" in result
        if result["verdict"] == "retry":
            continue
        ends[name, result["verdict"]] += 1
        if result["verdict"] == "dead":
            classes[name, result.get("class", "unparsable")] += 1
    shown = {one["destination"]: one for one in route["destinations"]}
    assert set(shown) == {name for name, _ in ends}
    for name, one in shown.items():
        assert (one["delivered"], one["failed"], one["expired"]) == tuple(ends[name, verdict] for verdict in ("delivered", "dead", "expired"))
        assert one["failed_by_class"] == {kind: count for (of, kind), count in classes.items() if of == name}
        assert one["attempts"] == attempts[name]
    assert shown["127.0.0.1"]["attempts"] == 34
    assert shown["127.0.0.1"]["failed_by_class"] == {"client": 1, "redirect": 1}
    # The day goes on; nothing is open.
    assert (statement["is_over"], statement["is_closed"], statement["open"]) == (False, False, 0)


def test_the_signature_is_that_of_an_independent_implementation(platform, days):  # noqa: F811
    signed = platform.json("statement", *days)
    given = platform.json("statement", "--public-key")
    signature = signed["signature"]
    assert signature["public_key"] == given["public_key"]
    message = canonical(signed["statement"])
    assert hashlib.sha256(message).hexdigest() == signature["sha256"]
    for key in (Ed25519PublicKey.from_public_bytes(base64.b64decode(given["public_key"])), load_pem_public_key(given["pem"].encode())):
        key.verify(base64.b64decode(signature["value"]), message)
        with pytest.raises(InvalidSignature):
            key.verify(base64.b64decode(signature["value"]), message.replace(b'"delivered":30', b'"delivered":31'))
    counts = {name: signed["statement"][name] for name in ("from", "to", "routes")}
    assert hashlib.sha256(canonical(counts)).hexdigest() == signed["statement"]["counts_sha256"]


def test_a_file_is_checked_elsewhere_in_each_form(platform, days, tmp_path):  # noqa: F811
    key = platform.run("statement", "--public-key").stdout.strip()
    texts = {form: platform.run("statement", *days, "--output", form).stdout for form in ("json", "csv", "html")}
    for form, text in texts.items():
        file = tmp_path / f"statement.{form}"
        file.write_text(text)
        good = verify(file, "--key", key, *days)
        assert good.returncode == 0 and "the signature holds" in good.stdout, good.stderr
        assert verify("-", text=text).returncode == 0
        assert "give --key" in verify(file).stderr
        for bad in (text.replace("30", "31", 1), text.replace("30", "31"), text[: len(text) // 2], ""):
            answer = verify("-", "--key", key, text=bad)
            assert answer.returncode == 1 and answer.stdout == "", form
        other = verify(file, "--key", base64.b64encode(bytes(range(32))).decode())
        assert other.returncode == 1 and "signed with another key" in other.stderr
        wrong_day = verify(file, "--day", "2024-02-29")
        assert wrong_day.returncode == 1 and "not of 2024-02-29" in wrong_day.stderr
    # People and spreadsheets see the same numbers.
    rows = [row for row in csv.DictReader(io.StringIO(texts["csv"])) if row["destination"] == "127.0.0.1"]
    assert {row["name"]: row["value"] for row in rows} == {
        "ended": "32", "delivered": "30", "failed": "2", "failed_client": "1", "failed_redirect": "1", "expired": "0", "attempts": "34",
    }
    assert "accepted 34 = delivered 30 + failed 4" in texts["html"]


def test_without_a_server_the_same_is_read_with_the_same_key(platform, days):  # noqa: F811
    before = platform.json("statement", *days)
    platform.stop()
    after = platform.json("statement", *days)
    platform.start()
    assert after["statement"]["routes"] == before["statement"]["routes"]
    assert after["statement"]["counts_sha256"] == before["statement"]["counts_sha256"]
    assert after["signature"]["public_key"] == before["signature"]["public_key"]


def test_what_cannot_be_stated_is_said(platform):  # noqa: F811
    for arguments, words in {
        (): "say which days",
        ("--day", "2026-13-01"): "is not a day",
        ("--day", "2199-01-01"): "has not begun",
        ("--day", "2001-01-01"): "keeps days apart from",
        ("--from", "2026-01-01"): "--to",
        ("--day", "today"): "such as 2026-11-28",
        ("--month", "2026-11", "--day", "2026-11-01"): "cannot be used with",
    }.items():
        answer = platform.run("statement", *arguments)
        assert answer.returncode in (1, 2) and words in answer.stderr, answer.stderr
    today = str(datetime.datetime.now(datetime.timezone.utc).date())
    assert "there is no route `nobody`" in platform.run("statement", "--day", today, "--route", "nobody").stderr
    assert "are for `shukuba statement`" in platform.run("status", "--output", "csv").stderr
