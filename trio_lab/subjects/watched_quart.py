"""A Quart-trio app with three mistakes in it, watched: ``python -m trio_lab.subjects.watched_quart``.

A pattern that backtracks, a large document parsed at once, a file read three calls deep. ``GET /stalls`` tells what the
watch has seen. It prints ``{"url": …}``, and ends when its standard input does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import threading
import time
from functools import partial

import hypercorn.trio
import trio
from hypercorn.config import Config
from quart_trio import QuartTrio

from trio_lab import observe
from trio_lab.loop.observe import Watch
from trio_lab.subjects.telling import end_with_input, say

_WORDS = re.compile(r"(\w+\s?)+$")
_DOCUMENT = "[" + "1234567," * 2_000_000 + "0]"
_LONG = 0.1  # seconds

app = QuartTrio(__name__)


def too_many_letters() -> str:
    """As many as it takes: each doubles the time."""
    letters, took = 15, 0.0
    while took < _LONG:
        letters += 1
        began = time.perf_counter()
        _WORDS.match("a" * letters + "!")
        took = time.perf_counter() - began
    return "a" * letters + "!"


_LETTERS = too_many_letters()


@app.get("/pattern")
async def pattern() -> str:
    found = _WORDS.match(_LETTERS)  # blocks: pattern
    return str(found)


@app.get("/document")
async def document() -> str:
    found = json.loads(_DOCUMENT)  # blocks: document
    return str(len(found))


@app.get("/file")
async def file() -> str:
    return load_template()


def load_template() -> str:
    return read_all()


def read_all() -> str:
    slow, fast = os.pipe()  # a file that is slow to come
    threading.Timer(0.15, os.close, (fast,)).start()
    with open(slow) as template:
        return template.read()  # blocks: file


async def main() -> None:
    async with observe(budget=0.03) as watch:
        app.add_url_rule("/stalls", "stalls", partial(_told, watch))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = Config()
            config.bind = [f"fd://{os.dup(listener.fileno())}"]
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
            await hypercorn.trio.serve(app, config, shutdown_trigger=trio.sleep_forever)


async def _told(watch: Watch) -> str:
    return json.dumps([dataclasses.asdict(stall) for stall in watch.stalls()])


if __name__ == "__main__":
    end_with_input()
    trio.run(main)
