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
from trio_lab.load.plan import LoadPlan

SocketAddress = tuple[Any, ...] | str  # (host, port), (host, port, flow info, scope id), or the path of a Unix socket
Address = tuple[socket.AddressFamily, SocketAddress]
_TRY = 1.0  # seconds for a connection to one of several addresses

# What may be in a request line and a Host header as it is. The caller has to percent-encode the rest: a guess would send
# something other than what was asked for.
_PRINTABLE = re.compile(r"[!-~]+")
# An empty query ("/p?") is another URL than none, which `urllib.parse` does not distinguish. Fragments are not sent.
_HTTP = re.compile(
    r"http(?P<secure>s?)://(?:\[(?P<address>[0-9a-f]*:[0-9a-f:.]*(?:%25[\w.~-]+)?)\]|(?P<name>[^][@:/?#%\\]+))(?::(?P<port>\d{0,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE,
)
_PORTS = {False: 80, True: 443}  # by whether the URL is https
_BODILESS = ("GET", "HEAD", "OPTIONS")  # requests that say nothing of a body when they have none
_LONGEST_URL = 8000  # a request goes out in one send; a longer one may not fit the socket's buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One http or https URL, taken apart."""

    url: str
    secure: bool  # https
    host: str  # without the brackets of an IPv6 address, with its zone
    port: int
    path: str  # path and query, as the request line has them

    @classmethod
    def parse(cls, url: str) -> Target:
        """Raise `UsageError` for anything but a complete http or https URL."""
        if not _PRINTABLE.fullmatch(url) or len(url) > _LONGEST_URL:
            raise UsageError(f"url must be at most {_LONGEST_URL} printable ASCII characters, got {url[:80]!r}")
        found = _HTTP.fullmatch(url)
        if found is None:
            raise UsageError(f"url {url!r} must look like http://host:port/path (or https), without a user name")
        secure = bool(found["secure"])
        port = int(found["port"] or _PORTS[secure])
        if not 0 < port < 1 << 16:
            raise UsageError(f"url {url!r} must have a port from 1 to 65535")
        address, _, zone = (found["address"] or "").partition("%25")  # RFC 6874
        host = f"{address}%{zone}" if zone else (address or found["name"]).lower()
        path = (found["path"] or "/") + (found["query"] or "")
        return cls(url=url, secure=secure, host=host, port=port, path=path)

    @property
    def name(self) -> str:
        """The host as certificates name it: without a zone."""
        return self.host.partition("%")[0]

    @property
    def authority(self) -> str:
        """The value of the Host header: brackets around IPv6, no zone, no port when it is that of the scheme."""
        host = f"[{self.name}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.secure] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What two URLs of one server have in common."""
        return self.secure, self.host, self.port

    def request(self, plan: LoadPlan) -> bytes:
        """The bytes of one request: no more headers than needed, since the server is to be measured and not its parser.

        A header of the plan replaces the one of the same name that would be sent. Bytes of a command line that are no UTF-8
        are sent as they were given.
        """
        headers = {"Host": self.authority}
        if plan.body or plan.verb not in _BODILESS:
            headers["Content-Length"] = str(len(plan.body))
        if plan.body:
            headers["Content-Type"] = plan.content_type
        given = {name.lower() for name, _ in plan.headers}
        lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in given]
        lines += [f"{name}: {value}" for name, value in plan.headers]
        return (
            "\r\n".join([f"{plan.verb} {self.path} HTTP/1.1", *lines, "", ""]).encode(errors="surrogateescape")
            + plan.body
        )


def targets_of(plan: LoadPlan) -> list[Target]:
    """The targets of a plan, all of one server.

    Raise `UsageError` for a bad URL, for URLs of several servers, and for ``insecure`` where there is no TLS.
    """
    targets = [Target.parse(url) for url, _ in plan.mix]
    if len({target.origin for target in targets}) > 1:
        raise UsageError("all URLs must be of one server: the same scheme, host and port")
    if plan.insecure and not targets[0].secure:
        raise UsageError("insecure is for https")
    return targets


async def resolve_plan(plan: LoadPlan, target: Target) -> list[Address]:
    """The addresses that the plan's target may have, as `resolve` finds them; those of a Unix socket are one."""
    if plan.unix_socket:
        return [(socket.AF_UNIX, plan.unix_socket)]
    return await resolve(target, plan.own_this)


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
