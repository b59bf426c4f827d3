"""`shukuba alarm` and `shukuba dashboard` on what is gone, and on AWS: with `--aws` they call AWS's own hosts, over TLS, with the keys and the
region of the environment. Here those hosts are this machine: in a network of its own a server of ours answers for them.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys

import pytest
from conftest import BIN
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from test_ec2 import run
from watching import now, png_size, unique

IS_APART = subprocess.run(["unshare", "--map-root-user", "--mount", "--net", "true"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def ec2(server):
    return server.client("ec2")


@pytest.fixture(scope="module")
def cloudwatch(server):
    return server.client("cloudwatch")


def test_alarms_of_instances_that_are_gone_are_pruned_and_no_others(server, ec2, cloudwatch):
    stem = unique("gone")
    ids = {name: run(ec2, name)[0] for name in (f"{stem}-1", f"{stem}-2", f"{stem}-3")}
    command = ["alarm", "set", f"{stem}-*", "--metric", "CPUUtilization", "--above", "80"]
    names = lambda: [one["AlarmName"] for one in cloudwatch.describe_alarms(AlarmNamePrefix=stem)["MetricAlarms"]]
    made = server.run(*command)
    assert made.returncode == 0, made.stderr
    ours = [f"{name}-CPUUtilization" for name in ids]
    assert names() == ours
    # Of somebody else: named alike, and on an instance that goes as well; and ours of another metric.
    other = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=f"{stem}-1-by-hand", Dimensions=[{"Name": "InstanceId", "Value": ids[f"{stem}-1"]}], **other)
    assert server.run("alarm", "set", f"{stem}-*", "--metric", "NetworkIn", "--above", "1").returncode == 0
    others = [f"{stem}-1-by-hand", *[f"{name}-NetworkIn" for name in ids]]
    ec2.terminate_instances(InstanceIds=[ids[f"{stem}-1"]])
    left = server.run(*command)
    assert left.returncode == 0 and f"? {ours[0]}" in left.stdout and "--prune" in left.stdout and names() == sorted(ours + others)
    # Nobody is there to be asked.
    asked = server.run(*command, "--prune", stdin=subprocess.DEVNULL)
    assert asked.returncode != 0 and "--yes" in asked.stderr and names() == sorted(ours + others)
    shown = server.run(*command, "--prune", "--dry-run")
    assert shown.returncode == 0 and f"- {ours[0]}" in shown.stdout and names() == sorted(ours + others)
    done = server.json(*command, "--prune", "--yes")
    assert done["Done"] == 1 and names() == sorted(ours[1:] + others)
    again = server.json(*command, "--prune", "--yes")
    assert again["Done"] == 0 and names() == sorted(ours[1:] + others)
    # The last ones go, too.
    ec2.terminate_instances(InstanceIds=[ids[f"{stem}-2"], ids[f"{stem}-3"]])
    assert server.json(*command, "--prune", "--yes")["Done"] == 2 and names() == sorted(others)
    cloudwatch.delete_alarms(AlarmNames=others)


def test_a_server_of_the_environment_is_called_with_its_keys(server, ec2, tmp_path):
    """As on a machine without a data directory, for a server or for AWS behind an endpoint."""
    stem = unique("env")
    run(ec2, f"{stem}-1")
    environment = {**server.shell_environment(), "SHUKUBA_DATA": str(tmp_path / "none")}
    body = tmp_path / "board.json"
    body.write_text(json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "# あ"}}]}))
    done = lambda *command: told(command, environment)
    done("alarm", "set", f"{stem}-*", "--metric", "CPUUtilization", "--above", "80", "--notify", "ops")
    assert [one["AlarmName"] for one in done("alarm", "list", "--prefix", stem)] == [f"{stem}-1-CPUUtilization"]
    done("dashboard", "apply", stem, str(body))
    assert json.loads(done("dashboard", "get", stem)["DashboardBody"]) == json.loads(body.read_text())
    one = {**environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_CLOUDWATCH": server.endpoint}
    assert told(("dashboard", "get", stem), one)["DashboardName"] == stem
    wrong = subprocess.run([BIN, "dashboard", "get", stem], env={**environment, "AWS_SECRET_ACCESS_KEY": "x"}, capture_output=True, text=True)
    assert wrong.returncode == 1 and "InvalidSignatureException" in wrong.stderr, wrong.stderr
    done("dashboard", "delete", stem, "--yes")
    done("alarm", "delete", f"{stem}-*", "--yes")


def test_hosts_by_their_tags_are_drawn_from_what_instances_are(server, ec2, cloudwatch, tmp_path):
    stem = unique("tags")
    ids = {name: run(ec2, f"{stem}-{name}")[0] for name in ("a", "b", "other")}
    ec2.create_tags(Resources=[ids["a"], ids["b"]], Tags=[{"Key": "Team", "Value": stem}])
    for name, value in (("a", 20.0), ("b", 60.0), ("other", 90.0)):
        cloudwatch.put_metric_data(Namespace="CWAgent", MetricData=[
            {"MetricName": "mem_used_percent", "Dimensions": [{"Name": "InstanceId", "Value": ids[name]}], "Timestamp": now() - datetime.timedelta(minutes=10), "Value": value}])
    properties = {
        "title": "Team", "labels": [{"key": "Team", "value": stem}], "period": 60,
        "metrics": [{"metricName": "mem_used_percent", "resourceType": "AWS::EC2::Instance", "stat": "Average"}], "widgetOptions": {"view": "bar"},
    }
    together = {**properties, "aggregateBy": {"key": "Team", "func": "AVG"}}

    def drawn(properties):
        body, picture = tmp_path / "board.json", tmp_path / "board.svg"
        body.write_text(json.dumps({"widgets": [{"type": "explorer", "width": 24, "height": 8, "properties": properties}]}))
        done = server.run("dashboard", "render", str(body), "--widget", "1", "-o", str(picture))
        assert done.returncode == 0, done.stderr
        return picture.read_text()

    apart = drawn(properties)
    assert f"{stem}-a: 20" in apart and f"{stem}-b: 60" in apart and f"{stem}-other" not in apart, apart
    assert f"{stem}: 40" in drawn(together)
    assert "`AWS::RDS::DBInstance` is not known here" in drawn({**properties, "metrics": [{"metricName": "CPUUtilization", "resourceType": "AWS::RDS::DBInstance"}]})
    ec2.terminate_instances(InstanceIds=list(ids.values()))
    assert "No host has these tags." in drawn(properties)


def told(command, environment):
    answer = subprocess.run([BIN, *command, "--output", "json"], env=environment, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, (command, answer.stdout, answer.stderr)
    return json.loads(answer.stdout)


# Runs in a network and with mounts of its own. Its first argument says what it is to do, in JSON.
APART = r"""
import json, os, socket, subprocess, sys, time
given = json.loads(sys.argv[1])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["mount", "--bind", given["hosts"], "/etc/hosts"], check=True)
common = ["--data", given["data"], "--config", given["config"]]
log = open(given["log"], "ab")
server = subprocess.Popen([given["bin"], "serve", *common, "--listen", "127.0.0.1:443"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
try:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", 443), 1).close()
            break
        except OSError:
            assert server.poll() is None, "serve ended"
            time.sleep(0.05)
    lines = subprocess.run([given["bin"], "env", *common], capture_output=True, text=True, check=True).stdout.splitlines()
    found = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
    keys = {name: found[name].strip("'\"") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SHUKUBA_"))}
    # What is set for another server is not for AWS.
    environment |= {**keys, **given["environment"], "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    answers = []
    for command in given["commands"]:
        answer = subprocess.run([given["bin"], *command], env=environment, capture_output=True, text=True, timeout=60)
        answers.append([answer.returncode, answer.stdout, answer.stderr])
    print(json.dumps(answers))
finally:
    server.terminate()
    server.wait(30)
"""


def certificate(directory, names):
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now() - day).not_valid_after(now() + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False).sign(key, hashes.SHA256())
    shown, secret = directory / "cert.pem", directory / "key.pem"
    shown.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.touch(0o600)
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return shown, secret


@pytest.mark.skipif(not IS_APART, reason="needs network and mount namespaces")
def test_with_aws_the_hosts_of_aws_are_called_in_the_region_of_the_environment(tmp_path):
    region = "eu-west-1"
    names = [f"{service}.{region}.amazonaws.com" for service in ("monitoring", "ec2", "sts")]
    shown, secret = certificate(tmp_path, names)
    hosts, config, body, picture = tmp_path / "hosts", tmp_path / "shukuba.toml", tmp_path / "board.json", tmp_path / "board.png"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {name}\n" for name in names))
    config.write_text(f'[server]\nregion = "{region}"\ntls_certificate = "{shown}"\ntls_key = "{secret}"\n')
    body.write_text(json.dumps({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {"metrics": [["AWS/SQS", "NumberOfMessagesSent"]], "region": region}}]}))
    commands = [
        ["alarm", "set", "--alarm-name", "one", "--metric", "NumberOfMessagesSent", "--above", "5", "--notify", "ops", "--aws"],
        ["alarm", "list", "--aws", "--output", "json"],
        ["alarm", "set", "web-*", "--metric", "CPUUtilization", "--above", "80", "--endpoint", "aws"],
        ["alarm", "test", "one", "--state", "ALARM", "--aws"],
        ["alarm", "mute", "one", "--for", "1h", "--rule", "night", "--aws"],
        ["alarm", "mutes", "--aws", "--output", "json"],
        ["alarm", "unmute", "night", "--aws"],
        ["dashboard", "apply", "board", str(body), "--aws"],
        ["dashboard", "get", "board", "--aws"],
        ["dashboard", "list", "--aws", "--output", "json"],
        ["dashboard", "render", "board", "-o", str(picture), "--aws"],
        ["dashboard", "delete", "board", "--yes", "--aws"],
        ["alarm", "delete", "one", "--yes", "--aws"],
        # Without --aws: where the environment says.
        ["alarm", "list"],
    ]
    given = {
        "bin": BIN, "data": str(tmp_path / "data"), "config": str(config), "hosts": str(hosts), "log": str(tmp_path / "serve.log"), "commands": commands,
        "environment": {"AWS_REGION": region, "AWS_CA_BUNDLE": str(shown), "HOME": str(tmp_path)},
    }
    apart = ["unshare", "--map-root-user", "--mount", "--net", sys.executable, "-c", APART, json.dumps(given)]
    ran = subprocess.run(apart, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr + pathlib.Path(given["log"]).read_text()
    answers = json.loads(ran.stdout)
    failed = [(command, answer) for command, answer in zip(commands, answers, strict=True) if answer[0]]
    # No instance is called `web-*`; and at the endpoint of the environment nobody listens.
    assert [command for command, _ in failed] == [commands[2], commands[-1]], failed
    assert "no instance has a Name like `web-*`" in answers[2][2], answers[2]
    [one] = json.loads(answers[1][1])
    assert one["AlarmArn"].startswith(f"arn:aws:cloudwatch:{region}:") and one["AlarmActions"][0].startswith(f"arn:aws:sns:{region}:")
    assert [rule["AlarmMuteRuleArn"].rsplit(":", 1)[1] for rule in json.loads(answers[5][1])] == ["night"]
    assert json.loads(answers[8][1]) == json.loads(body.read_text())
    assert png_size(picture.read_bytes())
