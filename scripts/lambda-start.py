#!/usr/bin/env python3
"""How long a package takes from the start of its process until it asks for its first invocation: the part of a cold start that is ours.

    scripts/lambda-start.py PACKAGE.zip [TIMES]

A runtime API and a bucket of this process answer it; nothing leaves the machine. What Lambda does before (fetching the package, starting
the sandbox) is not in it, nor its share of a processor: at 128 MB a function has a fourteenth of one.
"""

import http.server
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

SETTINGS = """
[routes.s2s]
queue = "http://127.0.0.1:9/123456789012/s2s"
"""
WAIT_SECS_MAX = 60


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.endswith("/runtime/invocation/next"):
            self.server.asked.set()
            # As when nobody calls: until the process is killed.
            time.sleep(WAIT_SECS_MAX)
            return
        body = b"s" * 32 if self.path.endswith("/salt") else SETTINGS.encode()
        self.send_response(200)
        for name, value in (("content-length", len(body)), ("etag", '"e"'), ("last-modified", "Sun, 29 Nov 2026 00:00:00 GMT")):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.said = self.rfile.read(int(self.headers["content-length"])).decode()
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()
        self.server.asked.set()

    def log_message(self, *_):
        pass


def start(folder, handler):
    """Milliseconds until it asks."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.asked, server.said = True, threading.Event(), None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    authority = f"127.0.0.1:{server.server_address[1]}"
    environment = {
        "PATH": "/usr/bin:/bin", "LAMBDA_TASK_ROOT": str(folder), "_HANDLER": handler, "AWS_LAMBDA_RUNTIME_API": authority,
        "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": f"http://{authority}",
        "SHUKUBA_CONFIG": "s3://bucket/settings.toml", "SHUKUBA_RESULTS": "s3://bucket/results", "SHUKUBA_NOTIFIER": "notifier",
        "SHUKUBA_MEMORY": "s3://bucket/scaler",
    }
    began = time.monotonic()
    process = subprocess.Popen([folder / "bootstrap"], cwd=folder, env=environment, stderr=subprocess.PIPE)
    try:
        if not server.asked.wait(WAIT_SECS_MAX):
            raise SystemExit(f"the {handler} asks for nothing")
        took = (time.monotonic() - began) * 1000
    finally:
        process.kill()
        errors = process.communicate()[1]
        server.shutdown()
        server.server_close()
    if server.said:
        raise SystemExit(f"the {handler} cannot begin: {server.said}\n{errors.decode()}")
    return took


def main():
    package, times = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with zipfile.ZipFile(package) as zipped:
            zipped.extract("bootstrap", folder)
            os.chmod(folder / "bootstrap", zipped.getinfo("bootstrap").external_attr >> 16 & 0o777)
        for handler in ("scaler", "notifier"):
            took = sorted(start(folder, handler) for _ in range(times))
            print(f"{handler}: asks for its first invocation after {statistics.median(took):.0f} ms (median of {times}, {took[0]:.0f} to {took[-1]:.0f})")


main()
