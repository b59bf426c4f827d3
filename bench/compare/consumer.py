"""The consumer that people write themselves: receive ten, send them from a pool of threads, delete what was delivered.

    consumer.py QUEUE_URL RESULTS_FILE [THREADS]

One process; run one a core. Its lines are JSON with a `url`. It is written with care: kept connections, a line for each
result that is out of the process before the message is deleted, failures left to the visibility timeout. What it has not: limits per
receiver, backoff, reasons, a count of what was accepted. Credentials and endpoint come from the environment. Ends by SIGTERM.
"""

import json
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import urllib3
from botocore.config import Config

RECEIVERS = 8  # batches of ten under way at once; chosen: more made it slower


def main():
    queue, results_path = sys.argv[1:3]
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else RECEIVERS * 10
    sqs = boto3.client("sqs", config=Config(max_pool_connections=RECEIVERS))
    http = urllib3.PoolManager(maxsize=threads, block=True, retries=False, timeout=10)
    results = os.open(results_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def send(message):
        url = json.loads(message["Body"])["url"]
        try:
            answer = http.request("GET", url, redirect=False)
            return message, answer.status
        except urllib3.exceptions.HTTPError as error:
            return message, type(error).__name__

    def receive(pool):
        while not stop.is_set():
            batch = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
            if not batch:
                continue
            done = list(pool.map(send, batch))
            now = time.time()
            lines = [json.dumps({"id": m["MessageId"], "status": status, "at": now}) + "\n" for m, status in done]
            os.write(results, "".join(lines).encode())
            delivered = [m for m, status in done if isinstance(status, int) and 200 <= status < 300]
            if delivered:
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(delivered)]
                sqs.delete_message_batch(QueueUrl=queue, Entries=entries)

    with ThreadPoolExecutor(threads) as pool:
        receivers = [threading.Thread(target=receive, args=(pool,)) for _ in range(RECEIVERS)]
        for receiver in receivers:
            receiver.start()
        for receiver in receivers:
            receiver.join()


if __name__ == "__main__":
    main()
