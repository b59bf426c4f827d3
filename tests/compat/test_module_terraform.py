"""deploy/terraform, as it is, on our own server: applied, planned again with nothing to do, used, changed, destroyed.

Its functions are the built binary, started by the server's own Lambda; ten thousand notifications go through it, and the result of
each is found in its bucket. That the calls come here is said by the test's provider alone: the module knows of AWS only.
"""

import io
import json
import subprocess
import zipfile

import pytest
from conftest import BIN, ROOT, Server
from functions import ON
from receivers import RECORDED, REFUSED, Receiver
from test_s3_terraform import Terraform as Plain
from test_s3_terraform import pytestmark  # noqa: F401 (skips where terraform is not on the machine)
from watching import until

ROOT_MODULE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "%(region)s"
  access_key                  = "%(key)s"
  secret_key                  = "%(secret)s"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    cloudtrail = "%(endpoint)s"
    cloudwatch = "%(endpoint)s"
    events     = "%(endpoint)s"
    iam        = "%(endpoint)s"
    lambda     = "%(endpoint)s"
    logs       = "%(endpoint)s"
    s3         = "%(endpoint)s"
    sqs        = "%(endpoint)s"
    sts        = "%(endpoint)s"
  }
}

module "shukuba" {
  source        = "%(module)s"
  package       = "%(package)s"
  config        = file("shukuba.toml")
  routes        = { ads = "ads" }
  bucket        = "module-shukuba"
  force_destroy = true
  with_groups   = true
  environment   = { RECEIVER_TOKEN = "%(token)s" }
  %(more)s
}

output "all" {
  value = module.shukuba
}
"""
# Small messages and small notifiers, so that there are several of both.
SETTINGS = """
[routes.ads]
queue = "ads"
retry_queue = "ads-retry"
format = { kind = "ltsv" }
retry_for = "1h"

[notifier]
life = "25s"

[scaler]
interval = "1m"
notifiers_max = 4
notifier_per_minute = 8
"""
DESTINATION = """
[destinations."%s"]
allow_cidrs = ["127.0.0.1/32"]
timeout_total = "5s"
in_flight_max = 16
headers = { authorization = "Bearer ${env:RECEIVER_TOKEN}" }
retry.default = ["100ms", "300ms", "1s"]
"""
TOKEN = "a-token-of-the-receivers"
COUNT = 10_000
# `results list` shows a thousand at most, of one destination each time.
TOOLS = 12
PLACE = "s3://module-shukuba/results"
MANIFESTS = "s3://module-shukuba/shipped"


class Tool(Receiver):
    """A measurement tool: it takes what bears its token."""

    def event_of(self, request):
        return request.query.get("n")

    def of_maker(self, request, event):
        is_known = request.headers["authorization"] == f"Bearer {TOKEN}"
        return (RECORDED, (200, {}, b"ok")) if is_known else (REFUSED, (401, {}, b""))


class Terraform(Plain):
    def write(self, **values):
        environment = self.server.environment
        common = {
            "endpoint": self.server.endpoint, "region": environment["AWS_DEFAULT_REGION"], "module": ROOT / "deploy/terraform",
            "key": environment["AWS_ACCESS_KEY_ID"], "secret": environment["AWS_SECRET_ACCESS_KEY"], "token": TOKEN,
        }
        (self.directory / "main.tf").write_text(ROOT_MODULE % {**common, **values})

    def has_nothing_to_do(self):
        # 0: nothing to do; 2 would be a change.
        self.run("plan", "-detailed-exitcode")


def package(directory):
    """The built binary as `make lambda` packs it, but without its wait for the smallest size."""
    bootstrap, made = directory / "bootstrap", directory / "package.zip"
    subprocess.run(["strip", "-o", bootstrap, BIN], check=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, bootstrap.read_bytes(), zipfile.ZIP_DEFLATED, 4)
    made.write_bytes(packed.getvalue())
    return made


@pytest.fixture
def tools():
    running = [Tool() for _ in range(TOOLS)]
    yield running
    for tool in running:
        tool.stop()


class Deployment:
    """What the module made, and our commands that look into it as into one on AWS."""

    def __init__(self, server, directory, outputs):
        self.server, self.directory, self.outputs = server, directory, outputs
        self.url = outputs["queues"]["ads"]
        self.sqs, self.functions, self.logs = (server.client(name) for name in ("sqs", "lambda", "logs"))

    def run(self, *arguments):
        """A command that asks what was stored, with credentials alone."""
        elsewhere = {"HOME": str(self.directory), "XDG_DATA_HOME": str(self.directory), "SHUKUBA_DATA": str(self.directory / "none")}
        environment = {**self.server.shell_environment(), **elsewhere}
        answer = subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=120, env=environment)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--output", "json"))

    def plan(self):
        """Has the scaler plan now, as its schedule does each minute."""
        answer = self.functions.invoke(FunctionName=self.outputs["scaler"], Payload=b"{}")
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        (plan,) = body["plans"]
        assert plan.get("failure") is None, plan
        return plan

    def left(self):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
        urls = [self.url, self.url + "-retry"]
        answers = [self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in urls]
        return sum(int(count) for answer in answers for count in answer.values())

    def is_done(self):
        if self.left() == 0:
            return True
        self.plan()
        return False

    def printed(self, function, pattern):
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}", filterPattern=pattern)
        return [event for page in pages for event in page["events"]]


def total(ledger):
    counts = ledger["queues"][0]["total"]
    return ledger["balanced"], {name: counts[name] for name in ("accepted", "open", "delivered", "dead", "unknown_origin")}


def test_the_module_is_applied_carries_ten_thousand_is_changed_and_destroyed(tmp_path, tools):
    folder = tmp_path / "terraform"
    folder.mkdir()
    (folder / "shukuba.toml").write_text(SETTINGS + "".join(DESTINATION % tool.host for tool in tools))
    server = Server(tmp_path, surroundings=ON)
    try:
        terraform = Terraform(folder, server)
        values = {"package": package(tmp_path)}
        terraform.write(**values, more="")
        terraform.run("init")
        terraform.run("apply", "-auto-approve")
        terraform.has_nothing_to_do()
        outputs = json.loads(terraform.run("output", "-json"))["all"]["value"]
        deployment = Deployment(server, tmp_path, outputs)
        carries_ten_thousand(deployment, tools)
        is_changed(server, terraform, values)
        terraform.run("destroy", "-auto-approve")
        nothing_is_left(server)
    finally:
        server.stop()


def carries_ten_thousand(deployment, tools):
    # A few are refused at first, and tried again.
    events = [f"busy-{number}" if number % 1000 == 7 else f"n{number}" for number in range(COUNT)]
    lines = [f"url:http://{tools[number % TOOLS].host}/ok?n={event}\tid:{event}\n" for number, event in enumerate(events)]
    log = deployment.directory / "access.ltsv"
    log.write_text("".join(lines))
    shipped = ["--queue", deployment.url, "--once", "--pack=4KiB", "--state", str(deployment.directory / "state"), "--manifests", MANIFESTS]
    deployment.run("ship", *shipped, str(log))
    plan = deployment.plan()
    # The schedule may have come first.
    assert 1 < plan["inputs"]["running"] + plan["start"] <= 4 and plan["inputs"]["backlog"] > 100, plan
    until("all to be sent", deployment.is_done, secs=180, every=3)
    # At least once: what took too long to be answered came again.
    assert set().union(*(tool.recorded for tool in tools)) == set(events), [tool.counts for tool in tools]
    assert all(not tool.wrong for tool in tools), "the token was with each"

    # The result of every one of them is in the bucket.
    def found():
        ids = set()
        for tool in tools:
            listed = ["results", "list", "--results", PLACE, "--verdict", "delivered", "--destination", tool.host, "--max", "1000", "--ids"]
            ids.update(deployment.run(*listed).split())
        return ids

    assert found() == set(events)
    asked = ["--results", PLACE, "--manifests", MANIFESTS, "--queue", deployment.url]
    done = {"accepted": COUNT, "open": 0, "delivered": COUNT, "dead": 0, "unknown_origin": 0}
    assert total(deployment.json("ledger", *asked)) == (True, done)
    (story,) = deployment.json("why", "busy-7", "--results", PLACE)["stories"]
    assert story["state"] == "delivered" and len(story["attempts"]) > 1 and story["attempts"][-1]["status"] == 200
    assert deployment.json("dead", "list", "--results", PLACE) == []

    # Each says so when its life is over.
    until("several to have ended", lambda: len(deployment.printed(deployment.outputs["notifier"], "notified")) > 1)

    # Each attempt names its function's request, by which its lines are found.
    by = story["attempts"][-1]
    assert by["host"] == deployment.outputs["notifier"], by
    lines = until("its lines", lambda: deployment.printed(by["host"], f'"{by["request_id"]}" notified'))
    assert '"delivered":' in lines[0]["message"], lines
    shown = deployment.run("function", "logs", by["host"], "--since", "1h", "--filter", f'"{by["request_id"]}"')
    assert "START RequestId: " in shown and " notifying " in shown and "REPORT RequestId: " in shown, shown
    # None of what they print has the secret.
    assert deployment.printed(by["host"], f'"{TOKEN}"') == []

    # Delivered ones are sent again.
    replay = deployment.json("replay", "--results", PLACE, "--queue", deployment.url, "--new-id", "--yes", "n1", "n2")
    assert replay["replay"]["sent"] == 2
    until("the replay to be sent", deployment.is_done, secs=120, every=3)
    again = {**done, "accepted": COUNT + 2, "delivered": COUNT + 2}
    assert total(deployment.json("ledger", *asked)) == (True, again)

    # The schedule plans too.
    until("a plan by the schedule", lambda: deployment.printed(deployment.outputs["scaler"], 'planning "Scheduled Event"'), secs=120)


def is_changed(server, terraform, values):
    settings = terraform.directory / "shukuba.toml"
    settings.write_text(settings.read_text().replace("notifiers_max = 4", "notifiers_max = 2"))
    more = """
      notifier_memory = 256
      notifiers_max   = 2
      retention_days  = 14
      alarm_age       = 600
      schedule        = "rate(2 minutes)"
      tags            = { team = "games" }
    """
    terraform.write(**values, more=more)
    terraform.run("apply", "-auto-approve")
    terraform.has_nothing_to_do()
    functions, logs, events = (server.client(name) for name in ("lambda", "logs", "events"))
    notifier = functions.get_function(FunctionName="shukuba-notifier")
    assert notifier["Configuration"]["MemorySize"] == 256 and notifier["Tags"] == {"system": "shukuba", "team": "games"}
    assert notifier["Concurrency"]["ReservedConcurrentExecutions"] == 2
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/shukuba-")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [14, 14]
    tags = logs.list_tags_for_resource(resourceArn=groups[0]["logGroupArn"])["tags"]
    assert tags == {"system": "shukuba", "team": "games"}
    assert events.describe_rule(Name="shukuba-scaler")["ScheduleExpression"] == "rate(2 minutes)"


def nothing_is_left(server):
    asked = {
        "functions": server.client("lambda").list_functions()["Functions"],
        "rules": server.client("events").list_rules()["Rules"],
        "groups": server.client("logs").describe_log_groups()["logGroups"],
        "alarms": server.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "dashboards": server.client("cloudwatch").list_dashboards()["DashboardEntries"],
        "trails": server.client("cloudtrail").describe_trails()["trailList"],
        "buckets": server.client("s3").list_buckets()["Buckets"],
        "queues": [url for url in server.client("sqs").list_queues().get("QueueUrls", []) if "/ads" in url],
        "roles": [role for role in server.client("iam").list_roles()["Roles"] if role["RoleName"].startswith("shukuba-")],
    }
    assert not any(asked.values()), asked
