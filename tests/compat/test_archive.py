"""The archive: a server whose disk is lost comes back from a folder, or from a bucket of another Shukuba."""

import json
import shutil
import subprocess
import time
import urllib.request

import pytest
from conftest import BIN, Server, drain

TAKEN = '[routes.r]\nqueue = "q"\nnotifier = false\n'
DELIVERED = """[routes.r]
queue = "q"
[scaler]
interval = "1s"
notifiers_min = 1
[destinations."127.0.0.1"]
allow_cidrs = ["127.0.0.1/32"]
"""
ARCHIVE = '[archive]\nurl = "{url}"\ninterval = "{interval}"\nsnapshot_interval = "{snapshot}"\n'


def settings(directory, routes, url, interval="100ms", snapshot="1h", more=""):
    path = directory / "shukuba.toml"
    url = url if "://" in str(url) else f"file://{url}"
    path.write_text(routes + ARCHIVE.format(url=url, interval=interval, snapshot=snapshot) + more)
    return path


def until(what, is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def archive(server):
    return server.json("status")["archive"]


def is_archived(server):
    """Whether all that had come is there, with a snapshot to begin with."""
    standing = archive(server)
    return standing["lag_bytes"] == 0 and standing["snapshot_at"] is not None


def send(sqs, url, numbers, line="https://a.example/?n={}"):
    ids = []
    for first in range(0, len(numbers), 10):
        entries = [{"Id": str(n), "MessageBody": line.format(n)} for n in numbers[first:first + 10]]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        ids += [entry["MessageId"] for entry in answer["Successful"]]
    return ids


def lose(server):
    """SIGKILL, and the data directory is gone. The master key was kept elsewhere."""
    server.kill()
    key = (server.data / "master.key").read_bytes()
    shutil.rmtree(server.data)
    return key


def restore(server, url, *more, **options):
    command = [BIN, "restore", url, *more, *server.common(), "--output", "json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def come_back(server, key, url, **options):
    done = restore(server, url, **options)
    assert done.returncode == 0, done.stderr
    (server.data / "master.key").write_bytes(key)
    server.start()
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "archive"
    place.mkdir()
    return place


def test_a_lost_disk_gives_back_what_was_archived_and_says_what_is_not_known(tmp_path, folder):
    server = Server(tmp_path, settings(tmp_path, TAKEN, folder))
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    user = server.json("key", "create", "--role", "sender", "--name", "kept", "--secret-file", str(tmp_path / "secret"))
    first = send(sqs, url, range(300))
    until("all is archived", lambda: is_archived(server))
    before = archive(server)
    later = send(sqs, url, range(300, 310))
    report = come_back(server, lose(server), str(folder))
    assert report["generation"] == before["generation"] and report["left_out"] is None
    sqs = server.client()
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"] == {"VisibilityTimeout": "77"}
    assert "kept" in json.dumps(server.json("key", "list")), user
    # New messages have ids that no lost one had: a receiver that knows those must not take these for them.
    new = send(sqs, url, range(400, 410))
    assert not set(new) & set(first + later)
    came = {message["MessageId"] for message in drain(sqs, url, 320)}
    assert set(first) | set(new) <= came <= set(first + later + new)
    ledger = server.run("ledger")
    assert ledger.returncode == 1 and "restored from an archive that ended at" in ledger.stdout, ledger.stdout
    # It goes on in a generation of its own, and nothing of the old one was written over.
    until("the new generation is archived", lambda: is_archived(server))
    assert archive(server)["generation"] != before["generation"]
    begun = json.loads((folder / "generations" / f"{archive(server)['generation']}.json").read_text())
    assert begun["parent"]["generation"] == before["generation"]
    report = come_back(server, lose(server), str(folder))
    assert report["generation"] != before["generation"]
    assert server.json("status")["disk"]["journal_bytes"] < 1 << 30
    server.stop()
    assert server.run("check-data").returncode == 0


def test_a_clean_stop_leaves_nothing_behind_and_a_start_goes_on(tmp_path, folder):
    server = Server(tmp_path, settings(tmp_path, TAKEN, folder, interval="1h"))
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    ids = send(sqs, url, range(50))
    server.stop()
    server.start()
    ids += send(server.client(), url, range(50, 60))
    server.stop()
    assert len(list((folder / "generations").iterdir())) == 1
    key = (server.data / "master.key").read_bytes()
    shutil.rmtree(server.data)
    come_back(server, key, str(folder))
    assert {message["MessageId"] for message in drain(server.client(), url, 60)} == set(ids)
    server.stop()


def test_damage_in_the_archive_is_found_and_named(tmp_path, folder):
    server = Server(tmp_path, settings(tmp_path, TAKEN, folder))
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    until("there is a snapshot", lambda: is_archived(server))
    for round in range(4):
        send(sqs, url, range(round * 10, round * 10 + 10))
        until("it is archived", lambda: is_archived(server))
    key = lose(server)
    pieces = sorted(folder.glob("*/log/*/*"))
    whole = pieces[-2].read_bytes()
    pieces[-2].write_bytes(whole[:-5])
    done = restore(server, str(folder))
    assert done.returncode == 1 and pieces[-2].name in done.stderr and "--partial" in done.stderr, done.stderr
    assert not server.data.exists()
    pieces[-2].unlink()
    done = restore(server, str(folder))
    assert done.returncode == 1 and "is missing below" in done.stderr, done.stderr
    done = restore(server, str(folder), "--partial")
    assert done.returncode == 0 and "left out" in done.stderr, done.stderr
    assert json.loads(done.stdout)["left_out"]
    shutil.rmtree(server.data)
    pieces[-2].write_bytes(whole)
    report = come_back(server, key, str(folder))
    assert report["left_out"] is None
    assert len(drain(server.client(), url, 40)) == 40
    server.stop()


def test_a_copied_directory_is_found_out_and_separated(tmp_path, folder):
    config = settings(tmp_path, TAKEN, folder)
    server = Server(tmp_path, config)
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    send(sqs, url, range(20))
    until("all is archived", lambda: is_archived(server))
    server.kill()
    twin = tmp_path / "twin"
    twin.mkdir()
    shutil.copytree(server.data, twin / "data")
    server.start()
    mine = send(server.client(), url, range(20, 40))
    until("the first goes on", lambda: is_archived(server))
    other = Server(twin, config)
    send(other.client(), other.client().get_queue_url(QueueName="q")["QueueUrl"], range(40, 45))
    until("the other has a generation of its own", lambda: is_archived(other) and archive(other)["generation"] != archive(server)["generation"])
    generation = archive(server)["generation"]
    other.stop()
    key = lose(server)
    done = restore(server, str(folder), "--generation", generation)
    assert done.returncode == 0, done.stderr
    (server.data / "master.key").write_bytes(key)
    server.start()
    assert set(mine) <= {message["MessageId"] for message in drain(server.client(), url, 40)}
    server.stop()
    # Another account is not let in.
    third = tmp_path / "third"
    third.mkdir()
    stranger = Server(third, config)
    until("it says why", lambda: "give each server a prefix of its own" in (archive(stranger)["error"] or ""))
    stranger.stop()


def test_a_bucket_that_is_away_delays_nothing_and_what_was_delivered_meanwhile_comes_again(tmp_path, sink):
    there = tmp_path / "there"
    there.mkdir()
    elsewhere = Server(there)
    elsewhere.client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    here = tmp_path / "here"
    here.mkdir()
    surroundings = {**elsewhere.environment, "AWS_EC2_METADATA_DISABLED": "true"}
    config = settings(here, DELIVERED, "s3://archive/here", more=f'[results]\nurl = "file://{tmp_path / "results"}"\n')
    server = Server(here, config, surroundings)
    sqs = server.client()
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    assert server.run("pause", "route", "r").returncode == 0
    line = sink.url + "/ok?n={}"
    send(sqs, url, range(40), line)
    until("all is archived", lambda: is_archived(server))
    listen = elsewhere.endpoint.removeprefix("http://")
    elsewhere.stop()
    assert server.run("resume", "route", "r").returncode == 0
    send(sqs, url, range(40, 60), line)
    until("all is delivered", lambda: sink.stats()["requests"] == 60)
    until("it says that it is behind", lambda: archive(server)["error"] and archive(server)["lag_bytes"] > 0)
    table = server.run("status").stdout
    assert "NOT ARCHIVED for" in table and "s3://archive/here" in table, table
    with urllib.request.urlopen(server.endpoint + "/_shukuba/metrics", timeout=10) as answer:
        gauges = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line.startswith("shukuba_archive"))
    assert float(gauges["shukuba_archive_lag_bytes"]) > 0 and float(gauges["shukuba_archive_failing_seconds"]) > 0, gauges
    # Lost before it could catch up. The other server comes back where it was.
    key = lose(server)
    command = [BIN, "serve", *elsewhere.common(), "--listen", listen]
    elsewhere.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("the other answers", elsewhere.is_healthy)
    come_back(server, key, "s3://archive/here", env=server.surroundings)
    # The pause was archived, what came after was not: the forty go out again, with the same ids.
    assert server.run("resume", "route", "r").returncode == 0
    until("what was archived as waiting is sent again", lambda: sink.stats()["ids_duplicate"] == 40)
    assert sink.stats()["ids_distinct"] == 60
    server.stop()
    elsewhere.stop()
