"""Shukuba's notifiers against the consumer in consumer.py: one server with the queues, one sink, in turns. measure.sh calls it.

Three ways to drain a stored backlog, one message a line:
  embedded  the notifiers inside `shukuba serve`
  lone      `shukuba notifier`, over the SQS wire, as on the real SQS
  consumer  consumer.py, one process a core, over the same wire
Prints the rate and the CPU of each round with their ratios, then what is known after a kill -9 in the middle.
CPU is user and system time of the server and of who sends; the sink's is left out. Rates count from the first request on.
"""

import collections
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

HERE = pathlib.Path(__file__).resolve().parent
BIN = os.environ["SHUKUBA_BIN"]
ROUNDS = int(os.environ.get("COMPARE_ROUNDS", "3"))
# The quick get more, so that each takes at least some tenths of a second; the clock of CPU time ticks every 10 ms.
MESSAGES = {"embedded": 20_000, "lone": 10_000, "consumer": 3_000}
KILLED_MESSAGES = 4_000
PROCESSES = os.cpu_count()
WAIT_SECS_MAX = 90
VISIBILITY_SECS = 5  # of the consumer's queue: what it held at its kill comes back then
TICKS = os.sysconf("SC_CLK_TCK")

SETTINGS = """
[routes.embedded]
queue = "embedded"
format = { kind = "json" }
notifier = %s
[routes.lone]
queue = "lone"
format = { kind = "json" }
notifier = false
[routes.consumer]
queue = "consumer"
format = { kind = "json" }
notifier = false
[scaler]
interval = "1s"
notifiers_min = 1
[notifier]
receive_wait = "1s"
[destinations."*"]
allow_cidrs = ["127.0.0.0/8"]
in_flight_max = %d
timeout_total = "5s"
"""
IN_FLIGHT_MAX = 80 * PROCESSES  # as many as the consumers have threads


def cpu_secs(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def until(condition, what):
    deadline = time.monotonic() + WAIT_SECS_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {WAIT_SECS_MAX} s")
        time.sleep(0.02)


class Sink:
    """The receiver, a process of its own."""

    def __init__(self, log):
        self.log = log
        command = [BIN, "sink", "--listen", "127.0.0.1:0", "--log", str(log)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1].rstrip("/")

    def requests(self):
        with urllib.request.urlopen(self.url + "/_sink/stats", timeout=10) as answer:
            return json.load(answer)["requests"]

    def arrived(self, name):
        """How often each notification of `name` came, once the log has all requests."""
        until(lambda: self.log.read_bytes().count(b"\n") >= self.requests(), "the sink's log")
        return collections.Counter(re.findall(rf"n={name}-\d+", self.log.read_text()))


class Server:
    """`shukuba serve` on a directory of its own."""

    def __init__(self, directory):
        self.data, self.config, self.log = directory / "data", directory / "shukuba.toml", directory / "serve.log"
        self.start()
        consumer = self.sqs.get_queue_url(QueueName="consumer")["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=consumer, Attributes={"VisibilityTimeout": str(VISIBILITY_SECS)})

    def start(self, notifiers=True):
        self.config.write_text(SETTINGS % (str(notifiers).lower(), IN_FLIGHT_MAX))
        (self.data / "endpoint").unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            command = [BIN, "serve", *self.common(), "--listen", "127.0.0.1:0"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "SHUKUBA_LOG": "error"})
        until(self.is_healthy, f"serve did not come up, see {self.log}")
        exports = re.findall(r"^export (\w+)='?(.*?)'?$", self.run("env"), re.MULTILINE)
        os.environ.update(exports)
        self.sqs = boto3.client("sqs")

    def is_healthy(self):
        try:
            endpoint = (self.data / "endpoint").read_text().strip()
            with urllib.request.urlopen(endpoint + "/_shukuba/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def common(self):
        return ["--data", str(self.data), "--config", str(self.config)]

    def run(self, *arguments, text=None):
        done = subprocess.run([BIN, *arguments, *self.common()], input=text, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"shukuba {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def fill(self, queue, sink, name, count):
        lines = "".join(json.dumps({"url": f"{sink.url}/ok?n={name}-{n}"}) + "\n" for n in range(count))
        self.run("send", "--queue", queue, text=lines)

    def url(self, queue):
        return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]

    def left(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        values = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)["Attributes"]
        return sum(int(value) for value in values.values())

    def delivered(self, queue):
        """Notifications of `queue` with a stored result that ends them, by the ledger."""
        rows = self.run("ledger").splitlines()
        row = next(row for row in rows if row.split()[:1] == [queue])
        header = next(row for row in rows if row.startswith("queue"))
        at = header.index("delivered")
        return int(row[at:].split()[0].replace(",", ""))


def senders(way, server, directory):
    """Starts who drains the queue `way`."""
    if way == "embedded":
        server.run("resume", "route", way)
        return []
    if way == "lone":
        command = [BIN, "notifier", "--route", way, "--queue", server.url(way), "--results", str(directory / "lone"), "--for", "5m"]
        with open(server.log, "ab") as log:
            return [subprocess.Popen([*command, *server.common()], stderr=log, stdout=log)]
    command = [sys.executable, str(HERE / "consumer.py"), server.url(way)]
    return [subprocess.Popen([*command, str(directory / f"results-{n}")]) for n in range(PROCESSES)]


def end(processes, how):
    for process in processes:
        process.send_signal(how)
    for process in processes:
        process.wait()


def drain(way, server, sink, directory, name):
    """Returns notifications a second, and CPU seconds per 1,000 of the server and of who sends."""
    count = MESSAGES[way]
    if way == "embedded":
        server.run("pause", "route", way)
    server.fill(way, sink, name, count)
    before, cpu = sink.requests(), cpu_secs(server.process)
    processes = senders(way, server, directory)
    until(lambda: sink.requests() > before, f"the first notification of {way}")
    begun, own = time.monotonic(), sum(map(cpu_secs, processes))
    until(lambda: server.left(way) == 0, f"the backlog of {way}")
    took = time.monotonic() - begun
    cpu, own = cpu_secs(server.process) - cpu, sum(map(cpu_secs, processes)) - own
    end(processes, signal.SIGTERM)
    return count / took, (cpu + own) / count * 1000


def compare(server, sink, directory):
    rounds = [{way: drain(way, server, sink, directory, f"{way}{n}") for way in MESSAGES} for n in range(ROUNDS)]
    print(f"{'':32}" + "".join(f"{way:>20}" for way in MESSAGES))
    show = lambda what, values: print(f"{what:32}" + "".join(f"{value:>20}" for value in values))
    show("notifications/s", [" ".join(f"{r[way][0]:,.0f}" for r in rounds) for way in MESSAGES])
    show("CPU s per 1,000", [" ".join(f"{r[way][1]:.3f}" for r in rounds) for way in MESSAGES])
    ratio = lambda way, which: statistics.median(r[way][which] / r["consumer"][which] for r in rounds)
    show("rate over the consumer's", [f"{ratio(way, 0):.1f}" for way in MESSAGES])
    show("CPU over the consumer's", [f"{ratio(way, 1):.3f}" for way in MESSAGES])


def report(who, at_kill, known, arrived, known_at_end):
    twice = sum(arrived.values()) - len(arrived)
    print(f"{who:10}{sum(at_kill.values()):>12,}{known:>14,}{len(arrived):>14,}{twice:>10,}{known_at_end:>14,}")


def kill(server, sink, directory):
    """Kills each with SIGKILL when half has arrived, starts it again, and compares what arrived with the results that exist."""
    print(f"\nkill -9 in the middle of {KILLED_MESSAGES:,} notifications")
    print(f"{'':10}{'sent then':>12}{'results then':>14}{'arrived':>14}{'twice':>10}{'results':>14}")

    server.fill("consumer", sink, "killed_c", KILLED_MESSAGES)
    before = sink.requests()
    for file in directory.glob("results-*"):
        file.unlink()
    ids = lambda: {json.loads(line)["id"] for file in directory.glob("results-*") for line in file.read_text().splitlines()}
    processes = senders("consumer", server, directory)
    until(lambda: sink.requests() >= before + KILLED_MESSAGES // 2, "half of it")
    end(processes, signal.SIGKILL)
    at_kill, known = sink.arrived("killed_c"), len(ids())
    processes = senders("consumer", server, directory)
    until(lambda: server.left("consumer") == 0, "the rest of it")
    end(processes, signal.SIGTERM)
    report("consumer", at_kill, known, sink.arrived("killed_c"), len(ids()))

    server.run("pause", "route", "embedded")
    server.fill("embedded", sink, "killed_e", KILLED_MESSAGES)
    before, delivered = sink.requests(), server.delivered("embedded")
    server.run("resume", "route", "embedded")
    until(lambda: sink.requests() >= before + KILLED_MESSAGES // 2, "half of it")
    server.kill()
    server.start(notifiers=False)
    at_kill, known = sink.arrived("killed_e"), server.delivered("embedded") - delivered
    server.kill()
    server.start()
    until(lambda: server.left("embedded") == 0, "the rest of it")
    report("embedded", at_kill, known, sink.arrived("killed_e"), server.delivered("embedded") - delivered)
    print("its ledger: " + re.search(r"^(balanced|.*drift.*)", server.run("ledger"), re.MULTILINE).group().strip())


def main():
    os.environ.pop("AWS_PROFILE", None)
    with tempfile.TemporaryDirectory(prefix="shukuba-compare.") as name:
        directory = pathlib.Path(name)
        sink, server = Sink(directory / "sink.log"), None
        try:
            server = Server(directory)
            compare(server, sink, directory)
            kill(server, sink, directory)
        finally:
            for process in [sink.process] + ([server.process] if server else []):
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
