"""Receivers that answer as their makers document it: for the presets, and for rules of one's own.

Each takes a request apart and says what its maker would: see the sources in `shukuba preset show NAME`. What no page says (the
status for a body that is too large, say) is a plain 4xx. A fault is asked for by the event's name: `busy-…` is answered 5xx at
the first attempt, `lost-…` is recorded and the connection closed without an answer, `slow-down-…` is 429 at the first.
"""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse

SECRETS = {
    "ADJUST_S2S_TOKEN": "v8s5-adjust-token",
    "AIRBRIDGE_API_TOKEN": "airbridge-token",
    "APPMETRICA_POST_API_KEY": "appmetrica-post-key",
    "APPSFLYER_DEV_KEY": "appsflyer-dev-key",
    "SECOND_APP": "appmetrica-second-key",
    "SINGULAR_SDK_KEY": "example_org_sh868sdjv",
    "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"w" * 32).decode(),
}

RECORDED, REFUSED, LOST, LIMITED = "recorded", "refused", "answered-and-not-recorded", "limited"


class Request:
    def __init__(self, handler):
        self.method = handler.command
        self.path, _, query = handler.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("content-length") or 0))

    def json(self):
        try:
            return json.loads(self.body) if self.headers["content-type"] == "application/json" else None
        except ValueError:
            return None

    def lacks(self, names, given=None):
        given = self.query if given is None else given
        return [name for name in names if given.get(name) in (None, "")]


class Receiver:
    """A receiver of one maker; `limit` requests in any `window` seconds."""

    def __init__(self, limit=None, window=60):
        self.limit, self.window = limit, window
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.recorded = collections.Counter()
        self.times = collections.deque()
        self.busiest = 0
        self.attempts = collections.Counter()
        self.wrong = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def answer(self):
                answer = receiver.take(Request(self))
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, body = answer
                self.send_response(status)
                for name, value in {**headers, "content-length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, request):
        with self.lock:
            verdict, answer = self.judge(request)
            self.counts[verdict] += 1
            return answer

    def judge(self, request):
        if self.is_over():
            return LIMITED, (429, {}, b"")
        event = self.event_of(request) or ""
        self.attempts[event] += 1
        is_first = self.attempts[event] == 1
        if event.startswith("busy-") and is_first:
            return REFUSED, (503, {}, b"")
        if event.startswith("slow-down-") and is_first:
            return REFUSED, (429, {"retry-after": "1"}, b"")
        verdict, answer = self.of_maker(request, event)
        if verdict == RECORDED:
            self.recorded[event] += 1
        elif verdict == REFUSED and not event.startswith("bad"):
            self.wrong.append((request.path, request.query, dict(request.headers), request.body, answer))
        if event.startswith("lost-") and is_first:
            return verdict, None
        return verdict, answer

    def is_over(self):
        """Counts the request; whether it is one too many in the window that ends now."""
        now = time.monotonic()
        self.times.append(now)
        while self.times[0] <= now - self.window:
            self.times.popleft()
        self.busiest = max(self.busiest, len(self.times))
        return self.limit is not None and len(self.times) > self.limit

    def event_of(self, request):
        raise NotImplementedError

    def of_maker(self, request, event):
        raise NotImplementedError


class Adjust(Receiver):
    def event_of(self, request):
        return request.query.get("event_token")

    def of_maker(self, request, event):
        def error(status, words):
            return REFUSED, (status, {"content-type": "application/json"}, json.dumps({"error": f"Event request failed ({words})"}).encode())

        if request.headers["authorization"] != "Bearer " + SECRETS["ADJUST_S2S_TOKEN"]:
            return error(401, "Failed to authorize request")
        if request.path != "/event" or request.query.get("s2s") != "1" or request.lacks(["app_token"]):
            return error(404, "App token not found")
        if len(request.body) > 1_000_000:
            return error(413, "Request size too large")
        if not request.query.keys() & {"gps_adid", "idfa"} or event.startswith("bad"):
            return error(400, "Invalid event token")
        if self.recorded[event] and event.startswith("lost-"):
            return "again", error(400, "Ignoring event, earlier unique event tracked")[1]
        return RECORDED, (200, {}, b"OK")


class Airbridge(Receiver):
    def event_of(self, request):
        return ((request.json() or {}).get("eventData") or {}).get("goal", {}).get("category")

    def of_maker(self, request, event):
        if request.headers["authorization"] != "Bearer " + SECRETS["AIRBRIDGE_API_TOKEN"]:
            return REFUSED, (401, {}, b"{}")
        is_path = request.path == "/events/v1/apps/exampleapp/mobile-app/9360"
        body = request.json() or {}
        if request.method != "POST" or not is_path or not request.headers["x-forwarded-for"]:
            return REFUSED, (400, {}, b"{}")
        if request.lacks(["eventTimestamp", "user", "eventUUID"], body) or event.startswith("bad"):
            return REFUSED, (400, {}, b"{}")
        return RECORDED, (200, {}, b"{}")


class AppMetrica(Receiver):
    def event_of(self, request):
        return request.query.get("event_name")

    def of_maker(self, request, event):
        keys = {"1111": SECRETS["APPMETRICA_POST_API_KEY"], "2": SECRETS["SECOND_APP"]}
        if request.query.get("post_api_key") != keys.get(request.query.get("application_id")):
            return REFUSED, (403, {}, b"")
        needed = ["application_id", "event_name", "event_timestamp"]
        is_one = ("profile_id" in request.query) != ("appmetrica_device_id" in request.query)
        is_path = request.path == "/logs/v1/import/events"
        if request.method != "POST" or not is_path or request.body or request.lacks(needed) or not is_one or event.startswith("bad"):
            return REFUSED, (400, {}, b"")
        return RECORDED, (200, {}, b"")


class AppsFlyer(Receiver):
    def event_of(self, request):
        return (request.json() or {}).get("eventName")

    def of_maker(self, request, event):
        folder, _, app = request.path.rpartition("/")
        if request.headers["authentication"] != SECRETS["APPSFLYER_DEV_KEY"]:
            return REFUSED, (401, {}, b"")
        body = request.json() or {}
        is_whole = not request.lacks(["appsflyer_id", "eventName"], body) and isinstance(body.get("eventValue"), str)
        if request.method != "POST" or folder != "/inappevent" or not is_whole or event.startswith("bad"):
            return REFUSED, (400, {}, b"")
        if len(request.body) > 1024:
            return REFUSED, (400, {}, b"")
        if app.isdigit():
            return LOST, (200, {}, b"ok")
        return RECORDED, (200, {}, b"ok")


class Singular(Receiver):
    def event_of(self, request):
        return request.query.get("n")

    def of_maker(self, request, event):
        def said(**members):
            return 200, {"content-type": "application/json"}, json.dumps(members).encode()

        for name in request.lacks(["a", "p", "i", "n"]):
            return REFUSED, said(status="error", reason=f"missing argument: {name}")
        is_ours = request.method == "GET" and request.path == "/api/v1/evt" and request.query["a"] == SECRETS["SINGULAR_SDK_KEY"]
        if not is_ours or event.startswith("bad"):
            return REFUSED, said(status="error", reason="no device ID supplied")
        return RECORDED, said(status="ok")


class Webhooks(Receiver):
    def event_of(self, request):
        return (request.json() or {}).get("type")

    def of_maker(self, request, event):
        identity, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        key = base64.b64decode(SECRETS["WEBHOOK_SECRET"].removeprefix("whsec_"))
        signed = f"{identity}.{stamp}.".encode() + request.body
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if wanted not in (request.headers["webhook-signature"] or "").split(" "):
            return REFUSED, (401, {}, b"")
        if request.method != "POST" or abs(time.time() - int(stamp)) > 300:
            return REFUSED, (400, {}, b"")
        if event.startswith("bad"):
            return REFUSED, (410, {}, b"")
        return RECORDED, (204, {}, b"")
