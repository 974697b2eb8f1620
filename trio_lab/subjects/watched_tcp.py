"""A plain Trio TCP server with four mistakes in it, watched: ``python -m trio_lab.subjects.watched_tcp``.

Except for the watch it shares no code with the lab. A client sends a word, the server does what it names and answers
``done``; ``stalls`` is answered with a line of JSON: what the watch has seen. It prints ``{"url": …}``, and ends when its
standard input does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
import threading
import time

import trio

from trio_lab import observe

_SECRET = b"secret"


def wait_for_the_device() -> None:
    time.sleep(0.15)  # blocks: wait


def read_settings() -> None:
    wait_for_the_device()


def greet() -> None:
    read_settings()


def count() -> None:
    end = time.perf_counter() + 0.15
    while time.perf_counter() < end:  # blocks: count
        hash("something")  # blocks: count


def order() -> None:
    sorted(range(1_500_000), key=lambda number: -number)  # blocks: order


def sign() -> None:
    hashlib.pbkdf2_hmac("sha512", _SECRET, b"salt", 150_000)  # blocks: sign


MISTAKES = {"wait": greet, "count": count, "order": order, "sign": sign}


async def main() -> None:
    async with observe(budget=0.03) as watch:

        async def answer(stream: trio.SocketStream) -> None:
            async for data in stream:
                word = data.decode().strip()
                if word in MISTAKES:
                    MISTAKES[word]()
                    await stream.send_all(b"done\n")
                else:
                    seen = json.dumps([dataclasses.asdict(stall) for stall in watch.stalls()])
                    await stream.send_all(seen.encode() + b"\n")

        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        sys.stdout.write(json.dumps({"url": f"tcp://127.0.0.1:{listener.socket.getsockname()[1]}"}) + "\n")
        sys.stdout.flush()
        await trio.serve_listeners(answer, [listener])


def end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    trio.run(main)
