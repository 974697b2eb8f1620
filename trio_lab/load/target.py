"""Where the load goes, and whether it may go there.

Loading somebody else's server is an attack, so the check is made here, before the first socket is opened: every
address that a name resolves to must be loopback, unless the caller says that the target is theirs. Every one and not only
the first, because the order of addresses is arbitrary.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import trio

from trio_lab.errors import UsageError

SocketAddress = tuple[Any, ...]  # (host, port) or (host, port, flow info, scope id)

# What may be in a request line and a Host header as it is. The caller has to percent-encode the rest: a guess would send
# something other than what was asked for.
_PRINTABLE = re.compile(r"[!-~]+")
_LONGEST_URL = 8000  # a request goes out in one send; a longer one may not fit the socket's buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One http URL, taken apart."""

    url: str
    host: str  # without the brackets of an IPv6 address
    port: int
    path: str  # path and query, as the request line has them

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raise `UsageError` for anything but a complete plain http URL."""
        if not _PRINTABLE.fullmatch(url) or len(url) > _LONGEST_URL:
            raise UsageError(f"url must be at most {_LONGEST_URL} printable ASCII characters, got {url[:80]!r}")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"url {url!r} is not valid: {error}") from None
        if parts.scheme == "https":
            raise UsageError(
                f"url {url!r} is https; only plain http is measured (end TLS before the server under test)"
            )
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(f"url {url!r} must look like http://host:port/path")
        if parts.username is not None or port == 0:
            raise UsageError(f"url {url!r} must have neither a user name nor port 0")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(url=url, host=parts.hostname, port=80 if port is None else port, path=path)

    @property
    def authority(self) -> str:
        """The value of the Host header: brackets around IPv6, no port when it is 80."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"

    def request(self, method: str = "GET", body: bytes = b"", *, content_type: str = "") -> bytes:
        """The bytes of one request: no more headers than needed, since the server is to be measured and not its parser."""
        lines = [f"{method} {self.path} HTTP/1.1", f"Host: {self.authority}"]
        if body or method != "GET":
            lines += [f"Content-Length: {len(body)}"]
        if body and content_type:
            lines += [f"Content-Type: {content_type}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def resolve(target: Target, own_this: bool) -> tuple[socket.AddressFamily, SocketAddress]:
    """The family and address to connect to; IPv4 first, because that is where ``localhost`` servers usually listen.

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
    return min(addresses, key=lambda pair: pair[0] != socket.AF_INET)


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1 is loopback in every version of Python
    return bool((mapped or address).is_loopback)
