"""A web server that says who it is and whom it sees: `NAME sees ADDRESS`."""

import http.server
import sys

ADDRESS, PORT, NAME = sys.argv[1:4]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        text = f"{NAME} sees {self.client_address[0]}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server((ADDRESS, int(PORT)), Handler).serve_forever()
