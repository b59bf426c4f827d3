"""What was answered stays: through kill -9, and on a disk without room."""

import hashlib
import os
import shutil
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from test_s3 import refused

WRITERS = 6
ROUNDS = 3


def write_until_it_dies(client, writer, digests, acknowledged):
    """Puts new keys, and one key again and again; notes each body before it goes and each answer when it has come."""
    for at in range(1_000_000):
        key = f"{writer}/again" if at % 3 == 0 else f"{writer}/{time.monotonic_ns()}"
        text = os.urandom(1 + (at * 7919) % 200_000)
        digest = hashlib.md5(text).hexdigest()
        digests.setdefault(key, []).append(digest)
        try:
            client.put_object(Bucket="kept", Key=key, Body=text)
        except (BotoCoreError, ClientError):
            return
        acknowledged[key] = len(digests[key])


def test_a_damaged_object_is_found_by_reading_everything(own_server):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="read", CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for key in ("whole", "damaged"):
        s3.put_object(Bucket="read", Key=key, Body=b"text")
    own_server.stop()
    done = own_server.run("check-data")
    assert done.returncode == 0 and "2 (8 B)" in done.stdout, done.stdout + done.stderr
    newest = max((own_server.data / "objects" / "files").glob("*/*"))
    newest.write_bytes(b"tXxt")
    done = own_server.run("check-data")
    assert done.returncode == 1 and "read/damaged: its bytes have the MD5 sum" in done.stdout
    assert own_server.run("check-data", "--quarantine").returncode == 1


def test_kill_loses_nothing_that_was_answered_and_tears_nothing(own_server):
    own_server.client("s3").create_bucket(Bucket="kept")
    digests, acknowledged = {}, {}
    for count in range(1, ROUNDS + 1):
        writers = [
            threading.Thread(target=write_until_it_dies, args=(own_server.client("s3"), writer, digests, acknowledged))
            for writer in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 120
        while len(acknowledged) < 40 * count and time.monotonic() < deadline:
            time.sleep(0.01)
        own_server.kill()
        for writer in writers:
            writer.join()
        assert len(acknowledged) >= 40 * count
        own_server.start()
        check(own_server.client("s3"), digests, acknowledged)


def check(client, digests, acknowledged):
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="kept"):
        for entry in page.get("Contents", []):
            text = client.get_object(Bucket="kept", Key=entry["Key"])["Body"].read()
            assert (hashlib.md5(text).hexdigest(), len(text)) == (entry["ETag"].strip('"'), entry["Size"])
            found[entry["Key"]] = entry["ETag"].strip('"')
    for key, count in acknowledged.items():
        # The one that was answered last, or one that was on its way behind it.
        assert found.get(key) in digests[key][count - 1:], key
    assert all(digest in digests[key] for key, digest in found.items())


@pytest.mark.parametrize("is_running", [True, False])
def test_a_backup_has_the_objects(own_server, tmp_path, is_running):
    s3 = own_server.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a/b", Body=b"hello", Metadata={"a": "1"})
    if not is_running:
        own_server.stop()
    report = own_server.json("backup", str(tmp_path / "copy"), "--with-master-key")
    assert report["object_bytes"] >= 5
    own_server.stop()
    own_server.data = tmp_path / "new"
    own_server.json("restore", str(tmp_path / "copy"))
    own_server.start()
    answer = own_server.client("s3").get_object(Bucket="kept", Key="a/b")
    assert (answer["Body"].read(), answer["Metadata"]) == (b"hello", {"a": "1"})


@pytest.fixture
def full(own_server, tmp_path):
    """The server, begun again with a reserve that its disk does not have."""
    if shutil.disk_usage(tmp_path).free > 1 << 40:
        pytest.skip("the disk has more room than any reserve")
    own_server.client("s3").create_bucket(Bucket="full")
    own_server.client("s3").put_object(Bucket="full", Key="k", Body=b"x" * 1000)
    own_server.stop()
    own_server.config = tmp_path / "full.toml"
    own_server.config.write_text('[s3]\nreserve_bytes = "1024GiB"\n')
    own_server.start()
    return own_server.client("s3")


def test_without_room_puts_are_refused_and_the_rest_goes_on(full):
    refused("InsufficientStorage", 507, full.put_object, Bucket="full", Key="new", Body=b"x")
    refused("InsufficientStorage", 507, full.put_object, Bucket="full", Key="k", Body=b"x")
    refused("InsufficientStorage", 507, full.create_bucket, Bucket="another")
    assert full.get_object(Bucket="full", Key="k")["Body"].read() == b"x" * 1000
    full.delete_object(Bucket="full", Key="k")
    full.delete_bucket(Bucket="full")
