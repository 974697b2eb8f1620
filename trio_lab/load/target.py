"""Where the load goes, and whether it may go there.

Loading somebody else's server is an attack, so the check is made here, before the first socket is opened: every
address that a name resolves to must be loopback, unless the caller says that the target is theirs. Every one and not only
the first, because the order of addresses is arbitrary.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from trio_lab.errors import UsageError

SocketAddress = tuple[Any, ...]  # (host, port) or (host, port, flow info, scope id)
Address = tuple[socket.AddressFamily, SocketAddress]
_TRY = 1.0  # seconds for a connection to one of several addresses

# What may be in a request line and a Host header as it is. The caller has to percent-encode the rest: a guess would send
# something other than what was asked for.
_PRINTABLE = re.compile(r"[!-~]+")
# An empty query ("/p?") is another URL than none, which `urllib.parse` does not distinguish. Fragments are not sent.
_HTTP = re.compile(
    r"http://(?:\[(?P<address>[0-9a-f]*:[0-9a-f:.]*(?:%25[\w.~-]+)?)\]|(?P<name>[^][@:/?#%\\]+))(?::(?P<port>\d{0,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
_LONGEST_URL = 8000  # a request goes out in one send; a longer one may not fit the socket's buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One http URL, taken apart."""

    url: str
    host: str  # without the brackets of an IPv6 address, with its zone
    port: int
    path: str  # path and query, as the request line has them

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raise `UsageError` for anything but a complete plain http URL."""
        if not _PRINTABLE.fullmatch(url) or len(url) > _LONGEST_URL:
            raise UsageError(f"url must be at most {_LONGEST_URL} printable ASCII characters, got {url[:80]!r}")
        found = _HTTP.fullmatch(url)
        if found is None and url[:8].lower() == "https://":
            raise UsageError(
                f"url {url!r} is https; only plain http is measured (end TLS before the server under test)"
            )
        if found is None:
            raise UsageError(f"url {url!r} must look like http://host:port/path, without a user name")
        port = int(found["port"] or 80)
        if not 0 < port < 1 << 16:
            raise UsageError(f"url {url!r} must have a port from 1 to 65535")
        address, _, zone = (found["address"] or "").partition("%25")  # RFC 6874
        host = f"{address}%{zone}" if zone else (address or found["name"]).lower()
        return cls(url=url, host=host, port=port, path=(found["path"] or "/") + (found["query"] or ""))

    @property
    def authority(self) -> str:
        """The value of the Host header: brackets around IPv6, no zone, no port when it is 80."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"

    def request(self, method: str = "GET", body: bytes = b"", *, content_type: str = "") -> bytes:
        """The bytes of one request: no more headers than needed, since the server is to be measured and not its parser."""
        lines = [f"{method} {self.path} HTTP/1.1", f"Host: {self.authority}"]
        if body or method != "GET":
            lines += [f"Content-Length: {len(body)}"]
        if body and content_type:
            lines += [f"Content-Type: {content_type}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def resolve(target: Target, own_this: bool) -> list[Address]:
    """The addresses of the target in the order to try: IPv4 first, where ``localhost`` servers usually listen.

    Raise `UsageError` when the name is unknown, or when an address is not loopback and ``own_this`` is false.
    """
    try:
        found = await trio.socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"host {target.host!r} cannot be resolved: {error.strerror or error}") from None
    except UnicodeError:
        raise UsageError(f"host {target.host!r} is not a valid host name") from None
    addresses = [(family, tuple(address)) for family, _, _, _, address in found]
    if not own_this:
        foreign = [str(address[0]) for _, address in addresses if not _is_loopback(str(address[0]))]
        if foreign:
            where = foreign[0] if foreign[0] == target.host else f"{target.host} ({foreign[0]})"
            raise UsageError(f"{where} is not this machine's loopback: stress only what you own (--i-own-this)")
    return sorted(addresses, key=lambda pair: pair[0] != socket.AF_INET)


async def choose(addresses: Sequence[Address]) -> Address:
    """The first address that accepts a connection within a second; if none does, the first of all.

    A single address is not tried, so most servers see only the connections of the load.
    """
    for family, address in addresses if len(addresses) > 1 else ():
        with trio.move_on_after(_TRY), suppress(OSError), trio.socket.socket(family) as tried:
            await tried.connect(address)
            return family, address
    return addresses[0]


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1 is loopback in every version of Python
    return bool((mapped or address).is_loopback)
