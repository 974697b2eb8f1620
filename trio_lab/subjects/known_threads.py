"""A threaded server of Python's library with four places: ``python -m trio_lab.subjects.known_threads``.

It shares no code with the lab's servers. Each connection has a thread, and a request waits for one of four places, which it
holds for 30 ms: 4 ÷ 0.03 = 133 requests a second. ``GET /told`` answers with how many were served, and for how many seconds a
place was held altogether. It prints ``{"url": …}``, and ends when its standard input does.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .telling import end_with_input, say

_PLACES, _SECONDS = threading.Semaphore(4), 0.03
_LOCK = threading.Lock()
_served = {"count": 0.0, "seconds": 0.0}


def _serve() -> None:
    with _PLACES:
        begun = time.perf_counter()
        time.sleep(_SECONDS)
        with _LOCK:
            _served["seconds"] += time.perf_counter() - begun
            _served["count"] += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"ok"
        if self.path == "/told":
            body = json.dumps(_served).encode()
        elif self.path == "/":
            _serve()
        # In one piece: a body of its own would wait for the acknowledgement of the head.
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


class _Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


if __name__ == "__main__":
    server = _Server(("127.0.0.1", 0), _Handler)
    end_with_input()
    say(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()
