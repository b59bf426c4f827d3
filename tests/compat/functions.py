"""What the tests of functions share: a function that does what its event says, its role, and what it has seen."""

import io
import json
import pathlib
import sys
import zipfile

import pytest
from conftest import Server

BOOTSTRAP = '''#!%s
import http.client, json, os, sys, time

def call(method, path, body=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, "/2018-06-01/runtime/invocation" + path, body)
    answer = connection.getresponse()
    return answer.headers, answer.read()

def mark(event):
    if "MARKS" in os.environ:
        with open(os.environ["MARKS"], "a") as marks:
            marks.write(json.dumps(event) + "\\n")

while True:
    headers, event = call("GET", "/next")
    one, event = headers["Lambda-Runtime-Aws-Request-Id"], json.loads(event)
    what = event.get("do") if isinstance(event, dict) else None
    print("event", json.dumps(event), flush=True)
    mark(event)
    if what == "fail":
        call("POST", f"/{one}/error", json.dumps({"errorMessage": "as told", "errorType": "Told", "stackTrace": []}))
        continue
    if what == "exit":
        sys.exit(3)
    if what == "sleep":
        time.sleep(event["secs"])
    answer = {"echo": event, "arn": headers["Lambda-Runtime-Invoked-Function-Arn"], "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}
    if what == "send":
        import boto3
        try:
            boto3.client("sqs").send_message(QueueUrl=event["queue"], MessageBody="from a function")
            answer["who"] = boto3.client("sts").get_caller_identity()["Arn"]
        except Exception as error:
            answer["error"] = str(error)
    if what == "report":
        answer = {"batchItemFailures": []}
    call("POST", f"/{one}/response", json.dumps(answer))
''' % sys.executable

# The same in a shell that any user has: it says who it is, and whether it can read a file.
SHELL = r"""#!/bin/bash
IFS=: read -r host port <<< "$AWS_LAMBDA_RUNTIME_API"
while :; do
  exec 3<>"/dev/tcp/$host/$port"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case "${line,,}" in lambda-runtime-aws-request-id:*) id=${line#*: };; esac
  done
  cat <&3 >/dev/null
  answer="{\"uid\": $(id -u), \"reads\": $(cat "$WANTED" >/dev/null 2>&1 && echo true || echo false)}"
  exec 3<>"/dev/tcp/$host/$port"
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$id" "${#answer}" "$answer" >&3
  cat <&3 >/dev/null
done
"""


def package(text=BOOTSTRAP):
    """A zip with a `bootstrap` that may be run."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap", (2026, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, text)
    return packed.getvalue()


def trusting(*services):
    statement = {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allowing(*actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}]})


# They are off by default.
ON = {"SHUKUBA_FUNCTIONS_ENABLED": "true"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    yield from serving_functions(tmp_path_factory.mktemp("server"))


@pytest.fixture
def own_server(tmp_path):
    """A server that the test may kill."""
    yield from serving_functions(tmp_path)


def serving_functions(directory):
    running = Server(directory, surroundings=ON)
    yield running
    running.stop()


def make_role(server, name, *actions, resource="*"):
    """The ARN of a role that functions may have, allowed `actions`."""
    iam = server.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting("lambda.amazonaws.com"))["Role"]["Arn"]
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=allowing(*actions, resource=resource))
    return arn


class Function:
    """A function that writes each event that it is given into a file."""

    def __init__(self, server, directory, name, role, **more):
        self.name = name
        self.marks = pathlib.Path(directory) / f"{name}.marks"
        self.client = server.client("lambda")
        settings = {"Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 20, "Environment": {"Variables": {"MARKS": str(self.marks)}}, **more}
        self.arn = self.client.create_function(FunctionName=name, Role=role, Code={"ZipFile": package()}, **settings)["FunctionArn"]

    def seen(self):
        return [json.loads(line) for line in self.marks.read_text().splitlines()] if self.marks.exists() else []

    def invoke(self, event, **more):
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), **more)
        body = answer["Payload"].read()
        return answer, json.loads(body) if body else None
