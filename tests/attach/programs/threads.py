"""Trio in a thread beside other threads, and an HTTP server in front that hands its requests over."""

import hashlib
import http.server
import queue
import signal
import sys
import threading

import trio

jobs = queue.SimpleQueue()


def chew():
    while True:
        data, done = jobs.get()
        hashlib.pbkdf2_hmac("sha256", data, b"salt", 2_000)
        done.set()


async def checksum(path):
    total = 0
    for number in range(300_000 if path == "/sum" else 10):
        total += number * number  # planted
    return total


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        done = threading.Event()
        jobs.put((self.path.encode(), done))
        done.wait()
        body = str(trio.from_thread.run(checksum, self.path, trio_token=token)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


async def loop():
    global token
    token = trio.lowlevel.current_trio_token()
    started.set()
    await trio.sleep_forever()


started = threading.Event()
threading.Thread(target=trio.run, args=(loop,), daemon=True).start()
for _ in range(3):
    threading.Thread(target=chew, daemon=True).start()
started.wait()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
print("threads:", threading.active_count() > 4)
sys.exit(5)
