"""`shukuba verify-aws --functions` on our own server: scaler and notifier run as its functions, and nothing of them is left, however it ends.

moto's server runs no function without Docker, so this is tried here alone. The package starts the built binary where it is; a whole one
goes through test_module_terraform.py.
"""

import concurrent.futures
import json
import signal
import subprocess
import zipfile

import pytest
from conftest import BIN
from functions import allowing, server, trusting  # noqa: F401 (a server whose functions are on)
from test_verify_aws import STEPS, Place, User, states, without
from watching import until

WITH = [*STEPS[:-1], "role", "functions", "scaler", "notifier", "all results", "all in ledger", "clean-up"]
# Asked for by AWS's documentation: a message is handed back, or tried again, where a receiver fails; and IAM's CreateRole with tags.
RARE = {"sqs:ChangeMessageVisibility", "iam:TagRole"}
PREFIX = "shukuba-verify-"


class Functions(Place):
    """A server that has functions, and a package for them."""

    def __init__(self, environment, directory):
        super().__init__(environment, directory)
        self.package = directory / "package.zip"
        with zipfile.ZipFile(self.package, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, f'#!/bin/sh\nexec "{BIN}"\n')

    def verify(self, *arguments, **changes):
        return self.run("--yes", "--count", "5", "--functions", str(self.package), *arguments, **changes)

    def left(self):
        functions = [one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]]
        roles = [role["RoleName"] for role in self.client("iam").list_roles()["Roles"]]
        groups = [group["logGroupName"] for group in self.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/" + PREFIX)["logGroups"]]
        return [*super().left(), *groups, *(name for name in [*functions, *roles] if name.startswith(PREFIX))]


@pytest.fixture
def place(server, tmp_path):  # noqa: F811
    made = Functions(server.environment, tmp_path)
    yield made
    assert made.left() == []


def policy(place, *arguments, whose="--policy"):
    answer = subprocess.run([BIN, "verify-aws", whose, *arguments], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def test_as_many_go_through_functions_with_exactly_its_policy(server, place):  # noqa: F811
    user = User(server, policy(place, "--functions", str(place.package)))
    code, report, said = place.verify(**user.key)
    assert code == 0 and report["ok"] and report["left"] == [], (report, said)
    assert [step["step"] for step in report["steps"]] == WITH
    assert set(states(report).values()) == {"ok"}, report
    details = {step["step"]: step["detail"] for step in report["steps"]}
    assert details["all in ledger"].startswith("balanced: 10 accepted, 10 delivered"), details
    assert details["notifier"] == "1 lived and ended" and report["plans"] == 1, report
    assert "role shukuba-verify-" in said and "sends 10 notifications" in said and "Functions are started at most 12 times" in said, said
    assert 0 < report["dollars"] < report["dollars_max"] < 0.13


def test_a_role_may_be_given_and_is_nobodys_to_delete(server, place):  # noqa: F811
    iam = server.client("iam")
    role = iam.create_role(RoleName="given", AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="given", PolicyName="own", PolicyDocument=json.dumps(policy(place, whose="--policy=role")))
    given = ["--functions", str(place.package), "--role", role]
    user = User(server, policy(place, *given))
    code, report, said = place.verify("--role", role, **user.key)
    assert code == 0 and report["left"] == [] and "role shukuba-verify-" not in said, (report, said)
    assert iam.get_role(RoleName="given")["Role"]["Arn"] == role
    # Who may pass this one may pass no other.
    code, report, said = place.verify(**user.key)
    assert code == 1 and states(report)["role"] == "failed", (report, said)

    # What the role lacks is said by the scaler.
    iam.put_role_policy(RoleName="given", PolicyName="own", PolicyDocument=allowing("s3:GetObject", "s3:ListBucket", "sqs:*"))
    code, report, said = place.verify("--role", role, "--timeout", "12s", **user.key)
    (scaler,) = [step for step in report["steps"] if step["step"] == "scaler"]
    assert code == 1 and "nobody was started" in scaler["detail"] and states(report)["clean-up"] == "ok", (report, said)


def test_a_signal_takes_away_what_runs(place):
    process = place.start("--yes", "--count", "5", "--functions", str(place.package))
    s3 = place.client("s3")

    def is_heard():
        assert process.poll() is None, process.communicate()
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith(PREFIX)]
        return any(s3.list_objects_v2(Bucket=bucket, Prefix="scaler/alive/").get("Contents") for bucket in buckets)

    until("the notifier to run", is_heard)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=120)
    report = json.loads(out)
    (notifier,) = [step for step in report["steps"] if step["step"] == "notifier"]
    assert process.returncode == 1 and notifier["detail"] == "interrupted" and report["left"] == [], (report, said)


def test_what_cannot_be_tried_is_refused_before_anything_is_made(place):
    (place.directory / "bootstrap").write_text("#!/bin/sh")
    for arguments, text in (
        (["--role", "arn:aws:iam::123456789012:role/r"], "--functions"),
        (["--functions", str(place.directory / "none.zip")], "none.zip"),
        (["--functions", str(place.directory / "bootstrap")], "is no zip"),
    ):
        code, _, said = place.run("--yes", *arguments)
        assert code == 2 and text in said, said


def test_none_of_its_policy_is_too_much_and_each_failure_leaves_nothing(server, place):  # noqa: F811
    needed = policy(place, "--functions", str(place.package))
    own = {action for one in policy(place)["Statement"] for action in one["Action"]}
    actions = sorted({action for one in needed["Statement"] for action in one["Action"]} - own - RARE)

    def run(action):
        return place.verify("--timeout", "2m", **User(server, without(needed, action)).key)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = dict(zip(actions, pool.map(run, actions)))
    needless = [action for action, (code, _, _) in outcomes.items() if code == 0]
    assert needless == [], "it goes well without"
    left = {}
    for action, (_, report, said) in outcomes.items():
        details = " ".join(step["detail"] for step in report["steps"])
        assert "AccessDenied" in details or "403" in details, (action, details, said)
        if report["left"]:
            left[action] = sorted(what.split()[0] for what in report["left"])
    # What could not be taken away is named, and all else is gone.
    assert left == {
        "iam:DeleteRole": ["role"], "iam:DeleteRolePolicy": ["role"], "lambda:DeleteFunction": ["function", "function"],
        "logs:DeleteLogGroup": ["log", "log"],
    }
    names = [what.split()[-1] for _, report, _ in outcomes.values() for what in report["left"]]
    assert sorted(place.left()) == sorted(names)
    sweep(place, names)


def sweep(place, names):
    """What a trial that may not delete has left."""
    iam, functions = place.client("iam"), place.client("lambda")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    for name in names:
        if name.startswith("/"):
            place.client("logs").delete_log_group(logGroupName=name)
        elif name in roles:
            for own in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=own)
            iam.delete_role(RoleName=name)
        else:
            functions.delete_function(FunctionName=name)
