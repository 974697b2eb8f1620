"""A client that costs next to nothing, so that a server with several processes has the cores to itself.

Each connection sends some requests for /health at once, and sends again when that many replies have come. Replies are counted
and not read.
"""

from __future__ import annotations

import select
import socket
import time

from trio_lab.load.target import Target

_AT_ONCE = 16  # requests
_REPLY = b"HTTP/1.1 200"
_RECEIVE = 1 << 18


def rate(url: str, connections: int, seconds: float) -> float:
    """Replies a second."""
    target = Target.parse(url)
    requests = b"GET /health?reset=0 HTTP/1.1\r\nHost: %b\r\n\r\n" % target.authority.encode() * _AT_ONCE
    with select.epoll() as epoll:
        clients = {}
        for _ in range(connections):
            client = socket.create_connection((target.host, target.port))
            clients[client.fileno()] = client
            epoll.register(client, select.EPOLLIN)
        due = dict.fromkeys(clients, 0)
        ends = dict.fromkeys(clients, b"")  # of what was read: a status line may come in two pieces
        for number, client in clients.items():
            client.sendall(requests)
            due[number] = _AT_ONCE
        begun, replies = time.perf_counter(), 0
        while (now := time.perf_counter()) < begun + seconds:
            for number, _ in epoll.poll(1.0):
                data = ends[number] + clients[number].recv(_RECEIVE)
                if len(data) == len(ends[number]):
                    raise ConnectionError("the server closed a connection")
                found = data.count(_REPLY)
                ends[number] = data[1 - len(_REPLY) :]
                replies += found
                due[number] -= found
                if due[number] <= 0:
                    clients[number].sendall(requests)
                    due[number] += _AT_ONCE
        for client in clients.values():
            client.close()
    return replies / (now - begun)


def processes(url: str, connections: int, rounds: int) -> list[int]:
    """How many connections each process got, of so many that are open together, in each of some rounds: by the `/health` that
    each is asked for. The processes in the order of their pids."""
    target = Target.parse(url)
    request = b"GET /health?reset=0 HTTP/1.1\r\nHost: %b\r\n\r\n" % target.authority.encode()
    found: dict[int, int] = {}
    for _ in range(rounds):
        clients = [socket.create_connection((target.host, target.port)) for _ in range(connections)]
        for client in clients:
            client.sendall(request)
        for client in clients:
            pid = _pid(client)
            found[pid] = found.get(pid, 0) + 1
            client.close()
    return [found[pid] for pid in sorted(found)]


def _pid(client: socket.socket) -> int:
    data = b""
    while b'"pid":' not in data or b"," not in data.partition(b'"pid":')[2]:
        if not (piece := client.recv(_RECEIVE)):
            raise ConnectionError("the server closed a connection before it said its pid")
        data += piece
    return int(data.partition(b'"pid":')[2].partition(b",")[0].strip(b"}"))
