"""What a lost request costs the loop: ``python -m tests.servers.lost_requests [NAME=TREE …] [--runtime asyncio]``.

The CPU time of the server's main thread, per request that is lost, in three ways: its client leaves after 0.1 s, it is refused
after 0.1 s in the queue, or it is refused at once. The pool is held by four waits, so nothing is served and no job takes CPU.
Each tree (by default this one) is measured in turn, in an order that changes; figures of a machine that is shared are too high,
and only their ratio tells something. With ``health`` and ``served``: what a request costs that is not lost.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.running import Running, running

HOLD = b"/wait?ms=10000"
_WAIT = 0.1  # seconds
_SLOTS = 30  # clients at a time
_FLAGS = {"full": ("--max-queue", "0"), "timeout": ("--queue-timeout", str(_WAIT))}
_STAYS = ("--queue-timeout", "60", "--max-queue", "10000")


def head(target: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\nUser-Agent: lost\r\nAccept: */*\r\n\r\n" % target


def connect(server: Running, target: bytes) -> socket.socket:
    connection = socket.create_connection(server.address)
    connection.sendall(head(target))
    return connection


def leaving(server: Running, until: float) -> int:
    """Every client comes, waits, leaves, and comes again: how many have left."""
    left, begun = 0, time.monotonic()
    slots = [(begun + n * _WAIT / _SLOTS, connect(server, HOLD)) for n in range(_SLOTS)]
    while (due := slots[0][0] + _WAIT) < until:
        time.sleep(max(0.0, due - time.monotonic()))
        slots.pop(0)[1].close()
        left += 1
        slots.append((time.monotonic(), connect(server, HOLD)))
    for _, connection in slots:
        connection.close()
    return left


def answered(target: bytes, status: bytes) -> Callable[[Running, float], int]:
    """Every client asks again on the same connection when it was answered: how many replies there were."""

    def ask(server: Running, until: float) -> int:
        clients, replies = {}, 0
        with select.epoll() as epoll:
            for _ in range(_SLOTS):
                client = connect(server, target)
                clients[client.fileno()] = client
                epoll.register(client, select.EPOLLIN)
            while time.monotonic() < until:
                for descriptor, _ in epoll.poll(0.1):
                    assert clients[descriptor].recv(65_536).startswith(b"HTTP/1.1 " + status)
                    clients[descriptor].sendall(head(target))
                    replies += 1
        for client in clients.values():
            client.close()
        return replies

    return ask


WAYS: dict[str, Callable[[Running, float], int]] = {
    "leave": leaving,
    "timeout": answered(HOLD, b"503"),
    "full": answered(HOLD, b"503"),
    "served": answered(b"/wait?ms=0", b"200"),
    "health": answered(b"/health?reset=0", b"200"),
}


def loop_seconds(server: Running) -> float:
    """CPU time of the main thread, in which the loop runs."""
    pid = server.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


def cost(way: str, runtime: str, seconds: float) -> float:
    """Microseconds of the loop per request, without those that it takes while nothing is asked."""
    with running(*_FLAGS.get(way, _STAYS), runtime=runtime, expect=0) as server:
        holders = [] if way in ("served", "health") else [connect(server, HOLD) for _ in range(4)]
        time.sleep(0.3)
        before = loop_seconds(server)
        time.sleep(0.5)
        idle = (loop_seconds(server) - before) / 0.5
        before = loop_seconds(server)
        count = WAYS[way](server, time.monotonic() + seconds)
        spent = loop_seconds(server) - before - idle * seconds
        for holder in holders:
            holder.close()
        server.process.terminate()
        server.process.terminate()
    return spent / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("trees", nargs="*", default=["this=."], help="NAME=TREE")
    parser.add_argument("--ways", nargs="+", default=["leave", "timeout", "full"], choices=list(WAYS))
    parser.add_argument("--runtime", default="trio", choices=["trio", "asyncio"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    trees = dict(tree.split("=", 1) for tree in given.trees)
    for way in given.ways:
        costs: dict[str, list[float]] = {name: [] for name in trees}
        for turn in range(given.rounds):
            for name in list(trees)[:: -1 if turn % 2 else 1]:
                os.environ["PYTHONPATH"] = str(Path(trees[name]).resolve())
                os.chdir(trees[name])
                costs[name].append(cost(way, given.runtime, given.seconds))
        for name, found in costs.items():
            print(
                f"{way:8} {name:10} {statistics.median(found):6.0f} µs of {[round(one) for one in found]}", flush=True
            )


if __name__ == "__main__":
    main()
