#!/usr/bin/env python3
"""What a lost disk loses, and what archiving costs the senders.

`window`: senders send numbered messages to a server that archives; at a random moment it is killed with SIGKILL and its data
directory deleted; it is restored from the archive, and the acknowledged messages that are not there are counted: how many, and
how long before the kill the oldest of them was acknowledged.

`cost`: the same senders on one server with and one without an archive, in turn; the server's CPU for a message, messages a second, the time of a send.

    SHUKUBA_BIN=target/release/shukuba .venv/bin/python scripts/archive-window.py window --rounds 20 --interval 1s
    SHUKUBA_BIN=target/release/shukuba .venv/bin/python scripts/archive-window.py cost --rounds 5
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/compat"))

from conftest import BIN, Server  # noqa: E402

SETTINGS = '[routes.r]\nqueue = "q"\nnotifier = false\n'
ARCHIVE = '[archive]\nurl = "{url}"\ninterval = "{interval}"\nsnapshot_interval = "5s"\n'
BODY = "https://receiver.example/conversion?n={}&filling=" + "x" * 250


class Senders:
    """Threads that send batches of ten, and note when each message was acknowledged."""

    def __init__(self, server, count, first=0):
        self.acknowledged, self.times = {}, []
        self.is_ending = False
        self.next, self.lock = first, threading.Lock()
        self.threads = [threading.Thread(target=self.send, args=(server,)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def send(self, server):
        sqs = server.client()
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        while not self.is_ending:
            with self.lock:
                first, self.next = self.next, self.next + 10
            entries = [{"Id": str(n), "MessageBody": BODY.format(n)} for n in range(first, first + 10)]
            began = time.monotonic()
            try:
                taken = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
            except Exception:  # the server is gone
                return
            ended = time.monotonic()
            with self.lock:
                self.times.append(ended - began)
                for entry in taken:
                    self.acknowledged[int(entry["Id"])] = ended

    def end(self):
        self.is_ending = True
        for thread in self.threads:
            thread.join()


def numbers_in(server):
    """The numbers of all messages that wait."""
    found, lock = set(), threading.Lock()

    def take():
        sqs = server.client()
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        empty = 0
        while empty < 3:
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=3600).get("Messages", [])
            empty = empty + 1 if not messages else 0
            with lock:
                found.update(int(message["Body"].split("n=")[1].split("&")[0]) for message in messages)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def standing(server):
    return server.json("status")["archive"]


def wait_for_snapshot(server):
    while not standing(server)["snapshot_at"]:
        time.sleep(0.2)


def settings(directory, url, interval):
    path = directory / "shukuba.toml"
    path.write_text(SETTINGS + (ARCHIVE.format(url=url, interval=interval) if url else ""))
    return path


def bucket_of_another(directory):
    """A bucket of another server, how to reach it, and that server."""
    directory.mkdir()
    other = Server(directory)
    place = {"LocationConstraint": other.environment["AWS_DEFAULT_REGION"]}
    other.client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration=place)
    return "s3://archive/host", {**other.environment, "AWS_EC2_METADATA_DISABLED": "true"}, other


def lose_once(directory, options, chance):
    """One round: what is missing and since when, and how long the restore took."""
    if options.bucket:
        place, surroundings, other = bucket_of_another(directory / "other")
    else:
        (directory / "archive").mkdir()
        place, surroundings, other = f"file://{directory / 'archive'}", {}, None
    server = Server(directory, settings(directory, place, options.interval), surroundings)
    wait_for_snapshot(server)
    senders = Senders(server, options.senders)
    time.sleep(chance.uniform(2, 2 + options.seconds))
    server.process.kill()
    killed = time.monotonic()
    server.process.wait()
    senders.end()
    key = (server.data / "master.key").read_bytes()
    shutil.rmtree(server.data)
    began = time.monotonic()
    command = [BIN, "restore", place, *server.common()]
    done = subprocess.run(command, capture_output=True, text=True, env=server.surroundings)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    (server.data / "master.key").write_bytes(key)
    server.start()
    there = numbers_in(server)
    ledger = server.run("ledger").stdout
    server.stop()
    if other:
        other.stop()
    missing = [at for number, at in senders.acknowledged.items() if number not in there]
    assert "restored from an archive that ended at" in ledger, ledger
    return {
        "acknowledged": len(senders.acknowledged),
        "missing": len(missing),
        "window": max(0.0, killed - min(missing)) if missing else 0.0,
        "restore": took,
    }


def window(options):
    chance = random.Random(options.seed)
    rounds = []
    for number in range(1, options.rounds + 1):
        with tempfile.TemporaryDirectory(prefix="shukuba-window-") as directory:
            rounds.append(lose_once(pathlib.Path(directory), options, chance))
        print(f"round {number}: {json.dumps(rounds[-1])}", file=sys.stderr)
    of = lambda name: [one[name] for one in rounds]  # noqa: E731
    print(json.dumps({
        "rounds": len(rounds),
        "place": "a bucket of another Shukuba" if options.bucket else "a folder",
        "interval": options.interval,
        "acknowledged": sum(of("acknowledged")),
        "missing": sum(of("missing")),
        "window_secs": {"median": round(statistics.median(of("window")), 2), "max": round(max(of("window")), 2)},
        "restore_secs": {"median": round(statistics.median(of("restore")), 2), "max": round(max(of("restore")), 2)},
    }, indent=2))


def cpu_secs(server):
    """What the server's process has used, in user and system time."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send_for(server, options):
    used = cpu_secs(server)
    senders = Senders(server, options.senders, first=random.randrange(1 << 40))
    time.sleep(options.seconds)
    senders.end()
    times = sorted(senders.times)
    return {
        "cpu_us": 1e6 * (cpu_secs(server) - used) / len(senders.acknowledged),
        "per_sec": len(senders.acknowledged) / options.seconds,
        "p50_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * times[len(times) * 99 // 100],
    }


def spread(seen, figure):
    """Least, median and greatest of the rounds' ratios."""
    ratios = sorted(a[figure] / b[figure] for a, b in zip(seen["with"], seen["without"]))
    return ratios[0], statistics.median(ratios), ratios[-1]


def cost(options):
    with tempfile.TemporaryDirectory(prefix="shukuba-cost-") as directory:
        root, servers = pathlib.Path(directory), {}
        for name in ("without", "with"):
            (root / name / "archive").mkdir(parents=True)
            url = f"file://{root / name / 'archive'}" if name == "with" else None
            servers[name] = Server(root / name, settings(root / name, url, options.interval))
        wait_for_snapshot(servers["with"])
        seen = {name: [] for name in servers}
        for number in range(options.rounds):
            # In turn, and each first every other time: what else the machine does hits both.
            for name in sorted(servers, reverse=number % 2 == 0):
                seen[name].append(send_for(servers[name], options))
                print(f"round {number + 1}, {name}: {json.dumps(seen[name][-1])}", file=sys.stderr)
        for server in servers.values():
            server.stop()
    median = lambda name, figure: statistics.median(one[figure] for one in seen[name])  # noqa: E731
    print(json.dumps({
        figure: {name: round(median(name, figure), 2) for name in seen} | {
            "ratio": [round(ratio, 2) for ratio in spread(seen, figure)]
        }
        for figure in ("cpu_us", "per_sec", "p50_ms", "p99_ms")
    }, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("window", "cost"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--interval", default="5s", help="archive.interval")
    parser.add_argument("--bucket", action="store_true", help="window: a bucket of another server instead of a folder")
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8, help="how long is sent at most")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    {"window": window, "cost": cost}[options.what](options)


if __name__ == "__main__":
    main()
