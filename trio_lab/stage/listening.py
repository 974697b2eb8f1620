"""Where a program listens: found by its sockets, because it may print that anywhere, or not at all."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listening TCP socket, and the processes that have it open."""

    host: str
    port: int
    pids: tuple[int, ...]

    @property
    def authority(self) -> str:
        """Host and port to connect to from this machine: any address is reached by the loopback one."""
        address = ipaddress.ip_address(self.host)
        if address.is_unspecified:
            address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
        return f"[{address}]:{self.port}" if address.version == 6 else f"{address}:{self.port}"


def listeners(pids: Iterable[int]) -> list[Listener]:
    """The sockets that these processes listen on, by port. Several on one port, as with SO_REUSEPORT, are one."""
    holders: dict[str, list[int]] = {}
    tables: dict[str, str] = {}
    for pid in pids:
        for inode in _sockets(pid):
            holders.setdefault(inode, []).append(pid)
        if not any(tables.values()):
            tables = {name: _table(pid, name) for name in ("tcp", "tcp6")}
    found: dict[int, Listener] = {}
    for table in tables.values():
        for host, port, inode in _listening(table):
            if inode in holders:
                before = found.get(port)
                also = before.pids if before else ()
                found[port] = Listener(
                    host=before.host if before else host, port=port, pids=tuple(sorted({*also, *holders[inode]}))
                )
    return [found[port] for port in sorted(found)]


def holders_of(port: int) -> list[int]:
    """The processes that listen on a port of this machine, as far as we may see them."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return next((list(one.pids) for one in listeners([os.getpid(), *pids]) if one.port == port), [])


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    found = set()
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed meanwhile
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _table(pid: int, name: str) -> str:
    """The TCP sockets in the network namespace of a process."""
    try:
        with open(f"/proc/{pid}/net/{name}") as file:
            return file.read()
    except OSError:
        return ""


def _listening(table: str) -> Iterable[tuple[str, int, str]]:
    """Address, port and inode of each listening socket in the text of /proc/net/tcp or tcp6."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            address, port = fields[1].split(":")
            yield _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """Linux prints an address as 32-bit words in the byte order of the machine (little-endian)."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
