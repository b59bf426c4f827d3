#!/usr/bin/env python3
"""The article's lesson, measured: what a million costs by sends in flight, memory and the receiver's latency.

    .venv/bin/python scripts/cost-table.py [--bin target/debug/shukuba] [--simulated] [--live] [--life 15] [--gather 1s] [--memory 128] [--lines 200] [--write docs/measurements/cost-table.md]

Simulated: an hour of 100,000 a minute through the scaler that serves (`shukuba simulate`), four receivers alike.
Live: a server of its own with functions, a bucket and a queue; for each cell the notifier of this binary runs as a function of that
memory and that many slots, for --life seconds, with more waiting than it can send to four receivers. What it used is counted by the server: requests from the
ledger, starts and billed time from the meter, objects from the bucket. Needs boto3 (`make check` installs it).
"""

import argparse
import datetime
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

IN_FLIGHT, MEMORY, LATENCY_MS = [1, 8, 64], [128, 256, 512], [100, 500]
REGION, PACKED = "us-east-1", 200
LINE_BYTES = 300
RECEIVERS = 4
PRICE_OF_WRITE = 0.005 / 1_000
END_MARGIN_SECS = 5  # what the notifier leaves before it would be killed

CELLS = len(IN_FLIGHT) * len(MEMORY) * len(LATENCY_MS)

# A route for each cell, so that what one leaves waiting is not the next one's.
SERVER = "".join(f'[routes.live{number}]\nqueue = "live{number}"\nnotifier = false\n' for number in range(CELLS)) + """
[functions]
enabled = true

[cost]
region = "us-east-1"
"""

FUNCTION = """
[routes.{route}]
queue = "{route}"
retry_queue = "live-retry"

[notifier]
slots = {slots}
destination_share = 1.0

[destinations."*"]
allow_cidrs = ["127.0.0.0/8"]
timeout_total = "2s"

[results]
gather = "{gather}"
"""

TRUST = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
ALLOW = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["sqs:*", "s3:*"], "Resource": "*"}}


def environment(**more):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SHUKUBA_"))}
    return own | {name: str(value) for name, value in more.items()}


class Simulated:
    def __init__(self, binary, directory):
        self.binary, self.directory = binary, pathlib.Path(directory)
        self.traffic = self.directory / "traffic.csv"
        rows = "\n".join(f"{minute},100000" for minute in range(60))
        self.traffic.write_text("minute,count\n" + rows + "\n")

    def cell(self, slots, memory, latency, lines, gather):
        receiver = ["--receiver", f"latency={latency}ms"] * RECEIVERS
        command = [
            self.binary, "simulate", "--traffic", self.traffic, "--policy", "proportional", "--set", "notifiers_max=1000",
            "--slots", str(slots), "--memory", str(memory), "--lines", str(lines), "--line-bytes", str(LINE_BYTES), *receiver,
            "--region", REGION, "--output", "json",
        ]
        surroundings = environment(SHUKUBA_DATA=self.directory / "none", SHUKUBA_RESULTS_GATHER=gather)
        done = subprocess.run(list(map(str, command)), env=surroundings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (one,) = json.loads(done.stdout)["simulations"]
        outcome = one["outcome"]
        return {"inside": one["cost"]["per_million_inside"], "in_flight": outcome["in_flight_mean"] / max(outcome["notifier_minutes"] * 60 / outcome["secs"], 1e-9), "bill": one["cost"], "left": outcome["left"]}


class Live:
    def __init__(self, binary, directory, life, gather):
        self.binary, self.directory, self.life, self.gather = binary, pathlib.Path(directory), life, gather
        self.settings = self.directory / "serve.toml"
        self.settings.write_text(SERVER)
        self.env = environment(SHUKUBA_DATA=self.directory / "data", SHUKUBA_CONFIG=self.settings)
        self.processes = []

    def start(self, *arguments, **options):
        process = subprocess.Popen([self.binary, *arguments], env=self.env, text=True, **options)
        self.processes.append(process)
        return process

    def run(self, *arguments):
        done = subprocess.run([self.binary, *arguments], env=self.env, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open(self):
        import boto3
        from botocore.config import Config

        log = open(self.directory / "serve.log", "w")
        self.start("serve", "--listen", "127.0.0.1:0", stdout=log, stderr=log)
        place = self.directory / "data" / "endpoint"
        deadline = time.monotonic() + 60
        while not (place.exists() and place.read_text().strip()):
            assert time.monotonic() < deadline, (self.directory / "serve.log").read_text()
            time.sleep(0.1)
        self.endpoint = place.read_text().strip()
        exports = dict(re.findall(r"export (\w+)='?([^'\n]*)'?", self.run("env")))

        def client(service):
            return boto3.client(
                service,
                endpoint_url=self.endpoint,
                region_name=exports["AWS_DEFAULT_REGION"],
                aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"max_attempts": 0}, read_timeout=self.life + 120, s3={"addressing_style": "path"}),
            )

        self.run("access", "billing", "open")
        self.sqs, self.s3, self.functions, iam = map(client, ("sqs", "s3", "lambda", "iam"))
        self.done = 0
        self.sqs.create_queue(QueueName="live-retry")
        self.s3.create_bucket(Bucket="live-results", CreateBucketConfiguration={"LocationConstraint": exports["AWS_DEFAULT_REGION"]})
        self.role = iam.create_role(RoleName="live", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="live", PolicyName="own", PolicyDocument=json.dumps(ALLOW))

    def package(self, route, slots):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in (("bootstrap", f'#!/bin/sh\nexec "{self.binary}"\n'), ("shukuba.toml", FUNCTION.format(route=route, slots=slots, gather=self.gather))):
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                entry.external_attr = 0o755 << 16
                archive.writestr(entry, text)
        return packed.getvalue()

    def used(self, name, function):
        """Requests, the function's amount, objects: sums until now."""
        report = json.loads(self.run("cost", "--region", REGION, "--output", "json"))
        routes = [route for route in report["routes"] if route["route"] == name]
        requests = {line["use"]: line["quantity"] for route in routes for line in route["lines"] if line["part"] in ("queue", "retries")}
        own = [share["amount"] for share in report["functions"] if share["name"] == function]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="live-results")
        objects = sum(len(page.get("Contents", [])) for page in pages)
        text = urllib.request.urlopen(self.endpoint + "/_shukuba/metrics").read().decode()
        empty = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("aws_sqs_number_of_empty_receives_total"))
        return {"requests": requests, "function": sum(own), "objects": objects, "empty": empty}

    def send(self, name, count, lines, receivers):
        url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        filler = "x" * (LINE_BYTES - 60)
        line = lambda number: f"http://{receivers[number % len(receivers)]}/?n={number}&fill={filler}"
        messages = ["\n".join(map(line, range(first, first + lines))) for first in range(0, count, lines)]
        batch, size = [], 0
        attribute = {"shukuba.lines": {"DataType": "Number", "StringValue": str(lines)}}
        for place, message in enumerate(messages):
            if batch and (len(batch) == 10 or size + len(message) > 250_000):
                self.sqs.send_message_batch(QueueUrl=url, Entries=batch)
                batch, size = [], 0
            batch.append({"Id": str(place), "MessageBody": message, "MessageAttributes": attribute})
            size += len(message)
        self.sqs.send_message_batch(QueueUrl=url, Entries=batch)

    def cell(self, slots, memory, latency, lines):
        sinks = [self.start("sink", "--listen", "127.0.0.1:0", "--default", f"/slow?ms={latency}", stdout=subprocess.PIPE) for _ in range(RECEIVERS)]
        receivers = [re.search(r"127\.0\.0\.1:\d+", sink.stdout.readline())[0] for sink in sinks]
        route, name = f"live{self.done}", f"notifier-{slots}-{memory}-{latency}"
        self.done += 1
        self.functions.create_function(
            FunctionName=name, Role=self.role, Runtime="provided.al2023", Handler="notifier", Code={"ZipFile": self.package(route, slots)},
            MemorySize=memory, Timeout=self.life + 60,
            Environment={"Variables": {"SHUKUBA_CONFIG": "shukuba.toml", "SHUKUBA_RESULTS": "s3://live-results/results"}},
        )
        before = self.used(route, name)
        count = max(int(slots * self.life * 1_000 / latency * 1.2) // lines + 2, 3) * lines
        self.send(route, count, lines, receivers)
        deadline = int((time.time() + self.life) * 1_000)
        event = {"route": route, "plan": 1, "index": 0, "count": 1, "share": {"from": 0.0, "to": 1.0}, "deadline_ms": deadline}
        answer = self.functions.invoke(FunctionName=name, Payload=json.dumps(event))
        summary = json.load(answer["Payload"])
        assert "FunctionError" not in answer and summary["unsettled"] == 0, summary
        # The meter is told of an invocation just after its answer.
        deadline = time.monotonic() + 60
        while (after := self.used(route, name))["function"] == before["function"]:
            assert time.monotonic() < deadline, "the function is not metered"
            time.sleep(0.5)
        for sink in sinks:
            sink.terminate()
            sink.wait()
            self.processes.remove(sink)
        delivered = summary["delivered"]
        sent = after["requests"]["sends"] - before["requests"].get("sends", 0.0)
        # What was sent and not delivered within the life is somebody else's.
        others = sum(after["requests"].values()) - sum(before["requests"].values()) - sent
        requests = sent * delivered / count + others + after["empty"] - before["empty"]
        objects = after["objects"] - before["objects"]
        function = after["function"] - before["function"]
        amount = requests * 0.40 / 1e6 + function + objects * PRICE_OF_WRITE
        return {
            "inside": amount / delivered * 1e6, "delivered": delivered, "requests": requests, "objects": objects, "function": function,
            "in_flight": delivered * latency / 1_000 / self.life,
        }

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=60)


def table(title, cells):
    out = [title, "", "| in flight | memory | " + " | ".join(f"receiver at {latency} ms" for latency in LATENCY_MS) + " |", "|--:|--:|" + "--:|" * len(LATENCY_MS)]
    for slots in IN_FLIGHT:
        for memory in MEMORY:
            row = [cells.get((slots, memory, latency)) for latency in LATENCY_MS]
            shown = ["-" if cell is None else f"${cell['inside']:.4f}" for cell in row]
            out.append(f"| {slots} | {memory} MB | " + " | ".join(shown) + " |")
    return "\n".join(out)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="target/debug/shukuba")
    options.add_argument("--simulated", action="store_true", help="only these")
    options.add_argument("--live", action="store_true", help="only these")
    options.add_argument("--life", type=int, default=15)
    options.add_argument("--gather", default="1s", help="live: results.gather of the notifiers")
    options.add_argument("--memory", type=int, nargs="+", default=MEMORY, help="live: only these")
    options.add_argument("--lines", type=int, default=PACKED, help="live: lines in a message")
    options.add_argument("--write", type=pathlib.Path)
    options.add_argument("--keep", action="store_true")
    args = options.parse_args()
    binary = str(pathlib.Path(args.bin).resolve())
    both = not (args.simulated or args.live)
    directory = tempfile.mkdtemp(prefix="shukuba-cost-")
    parts = [f"Made by `scripts/cost-table.py` on {datetime.date.today()}, prices of {REGION}; a million notifications, everything but data out."]
    try:
        if args.simulated or both:
            simulated = Simulated(binary, directory)
            for lines, gather, title in (
                (PACKED, "10s", f"Simulated, {PACKED} lines in a message, `results.gather = \"10s\"`"),
                (PACKED, "1s", f"Simulated, {PACKED} lines in a message, results stored each second"),
                (1, "10s", "Simulated, a line in a message, `results.gather = \"10s\"`"),
                (1, "1s", "Simulated, a line in a message, results stored each second"),
            ):
                cells = {}
                for latency in LATENCY_MS:
                    for slots in IN_FLIGHT:
                        for memory in MEMORY:
                            cells[slots, memory, latency] = cell = simulated.cell(slots, memory, latency, lines, gather)
                            print(f"simulated {lines=} {gather=} {slots=} {memory=} {latency=}: {cell['inside']:.4f} in flight {cell['in_flight']:.1f} left {cell['left']}", file=sys.stderr)
                parts.append(table(title, cells))
        if args.live or both:
            live, cells = Live(binary, directory, args.life, args.gather), {}
            try:
                live.open()
                for latency in LATENCY_MS:
                    for slots in IN_FLIGHT:
                        for memory in args.memory:
                            cells[slots, memory, latency] = cell = live.cell(slots, memory, latency, args.lines if slots > 1 else min(args.lines, 10))
                            print(f"live {slots=} {memory=} {latency=}: " + json.dumps(cell), file=sys.stderr)
            finally:
                live.close()
            title = f"Live, {args.lines} lines in a message ({min(args.lines, 10)} where one is in flight), {args.life} s of one notifier each, results gathered for {args.gather}"
            parts.append(table(title, cells))
            rows = [f"| {slots} | {memory} MB | {latency} ms | {cell['delivered']} | {cell['in_flight']:.1f} | {cell['requests']:.0f} | {cell['objects']} | ${cell['function']:.7f} |" for (slots, memory, latency), cell in cells.items()]
            head = "| slots | memory | receiver | delivered | in flight | requests | objects | function |\n|--:|--:|--:|--:|--:|--:|--:|--:|"
            parts.append("What the live cells used:\n\n" + head + "\n" + "\n".join(rows))
    finally:
        if args.keep:
            print(directory, file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    text = "\n\n".join(parts) + "\n"
    print(text)
    if args.write:
        args.write.write_text(text)


if __name__ == "__main__":
    main()
