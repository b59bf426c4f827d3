"""Clients as people have them: aws-cli, and Celery as a consumer that knows nothing of us."""

import json
import os
import subprocess
import sys
import textwrap
import urllib.parse
import uuid


def aws(server, *arguments):
    """aws-cli 1 does not read AWS_ENDPOINT_URL (version 2 does); the flag is understood by both."""
    program = os.path.join(os.path.dirname(sys.executable), "aws")
    command = [program, "--endpoint-url", server.endpoint, "sqs", *arguments, "--output", "json"]
    answer = subprocess.run(command, env=server.shell_environment(), capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout) if answer.stdout.strip() else {}


def test_aws_cli_drives_a_queue_from_birth_to_death(server):
    name = "cli-" + uuid.uuid4().hex[:8]
    url = aws(server, "create-queue", "--queue-name", name)["QueueUrl"]
    sent = aws(server, "send-message", "--queue-url", url, "--message-body", "from the shell")
    batch = json.dumps([{"Id": str(n), "MessageBody": f"b{n}"} for n in range(3)])
    assert len(aws(server, "send-message-batch", "--queue-url", url, "--entries", batch)["Successful"]) == 3
    got = aws(server, "receive-message", "--queue-url", url, "--max-number-of-messages", "10", "--attribute-names", "All")
    assert sent["MessageId"] in [message["MessageId"] for message in got["Messages"]]
    for message in got["Messages"]:
        aws(server, "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    attributes = aws(server, "get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert attributes["QueueArn"].endswith(":" + name)
    aws(server, "delete-queue", "--queue-url", url)


CELERY_APP = """
    import os
    from celery import Celery
    app = Celery("probe", broker=os.environ["PROBE_BROKER"])
    app.conf.update(
        broker_transport_options={
            "region": os.environ["AWS_DEFAULT_REGION"], "is_secure": False, "wait_time_seconds": 1,
            "polling_interval": 0.1, "queue_name_prefix": os.environ["PROBE_PREFIX"],
        },
        worker_enable_remote_control=False, worker_send_task_events=False, broker_connection_retry_on_startup=False,
    )

    @app.task(acks_late=True)
    def note(value):
        with open(os.environ["PROBE_FILE"], "a") as file:
            file.write(f"{value}\\n")
            file.flush()
"""


def test_celery_consumes_unchanged(server, tmp_path):
    (tmp_path / "probe.py").write_text(textwrap.dedent(CELERY_APP))
    key = urllib.parse.quote(server.environment["AWS_ACCESS_KEY_ID"], safe="")
    secret = urllib.parse.quote(server.environment["AWS_SECRET_ACCESS_KEY"], safe="")
    host = urllib.parse.urlsplit(server.endpoint).netloc
    seen = tmp_path / "seen"
    environment = {
        **server.shell_environment(),
        "PROBE_BROKER": f"sqs://{key}:{secret}@{host}",
        "PROBE_FILE": str(seen),
        "PROBE_PREFIX": "celery-" + uuid.uuid4().hex[:8] + "-",
        "PYTHONPATH": str(tmp_path),
    }
    sender = "import probe\nfor n in range(10): probe.note.delay(n)"
    subprocess.run([sys.executable, "-c", sender], env=environment, check=True, timeout=60, cwd=tmp_path)
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "probe", "worker", "--pool", "solo", "--loglevel", "WARNING"],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        await_lines(seen, 10, worker)
    finally:
        worker.terminate()
        worker.wait(30)
    assert sorted(map(int, seen.read_text().split())) == list(range(10))


def await_lines(path, count, worker):
    import time

    for _ in range(300):
        if path.exists() and len(path.read_text().split()) >= count:
            return
        if worker.poll() is not None:
            raise AssertionError(worker.stdout.read().decode())
        time.sleep(0.1)
    raise AssertionError("the worker did not take its tasks")
