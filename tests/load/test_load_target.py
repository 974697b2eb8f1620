from __future__ import annotations

import socket

import pytest
import trio

from trio_lab.errors import UsageError
from trio_lab.load.patience import Patience
from trio_lab.load.plan import LoadPlan
from trio_lab.load.target import Target, resolve


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("http://127.0.0.1:3000/health", "127.0.0.1", 3000, "/health", "127.0.0.1:3000"),
        ("http://localhost", "localhost", 80, "/", "localhost"),
        ("http://localhost?a=1", "localhost", 80, "/?a=1", "localhost"),
        ("http://localhost:80/a?b=c&d=%20", "localhost", 80, "/a?b=c&d=%20", "localhost"),
        ("http://[::1]:8080/x", "::1", 8080, "/x", "[::1]:8080"),
        ("HTTP://LocalHost:1/A#part", "localhost", 1, "/A", "localhost:1"),
        ("http://localhost/p?", "localhost", 80, "/p?", "localhost"),
        ("http://localhost?#part", "localhost", 80, "/?", "localhost"),
        ("http://localhost#part?", "localhost", 80, "/", "localhost"),
        ("http://localhost:/a%2Fb//c?%?", "localhost", 80, "/a%2Fb//c?%?", "localhost"),
        ("http://[fe80::1%25eth0]:81/", "fe80::1%eth0", 81, "/", "[fe80::1]:81"),
    ],
)
def test_url_is_taken_apart(url: str, host: str, port: int, path: str, authority: str) -> None:
    target = Target.parse(url)
    assert (target.host, target.port, target.path, target.authority) == (host, port, path, authority)
    assert target.request(LoadPlan(url=url)) == f"GET {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode()


def test_bytes_of_a_header_that_are_no_text_are_sent_as_they_were_given() -> None:
    plan = LoadPlan(url="http://localhost/", headers=[("X", b"\xff".decode(errors="surrogateescape"))])
    assert Target.parse(plan.url).request(plan).endswith(b"\r\nX: \xff\r\n\r\n")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:3000",
        "localhost:3000/health",
        "ftp://localhost/",
        "http://",
        "http:///path",
        "http://localhost:port/",
        "http://localhost:70000/",
        "http://localhost:0/",
        "http://user:word@localhost/",
        "http://@localhost/",
        "http://[::1/",
        "http://[::1]other/",
        "http://[localhost]/",
        "http://local%68ost/",
        "http://localhost\\@elsewhere/",
        "http://localhost:8 0/",
        "http://localhost:-1/",
        "http://localhost/a b",
        "http://localhost/\r\nX: y",
        "http://localhost/ä",
        "http://localhost/" + "a" * 9000,
    ],
)
def test_bad_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Target.parse(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
async def test_loopback_may_be_loaded(host: str) -> None:
    addresses = await resolve(Target.parse(f"http://{host}:1234/"), own_this=False)
    assert {address[1] for _, address in addresses} == {1234}


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "[2001:db8::1]", "[::ffff:192.0.2.1]"])
async def test_other_hosts_only_with_consent(host: str) -> None:
    target = Target.parse(f"http://{host}/")
    with pytest.raises(UsageError, match="--i-own-this"):
        await resolve(target, own_this=False)
    await resolve(target, own_this=True)


class Names(trio.abc.HostnameResolver):
    """A name service in which every name has the given addresses, or none."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # type: ignore[no-untyped-def]
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]

    async def getnameinfo(self, sockaddr, flags):  # type: ignore[no-untyped-def]
        raise NotImplementedError


async def test_unknown_host_is_a_usage_error() -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    with pytest.raises(UsageError, match="cannot be resolved: Name or service"):
        await resolve(Target.parse("http://nowhere.example/"), own_this=False)


async def test_overlong_host_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"cannot be resolved|not a valid"):
        await resolve(Target.parse(f"http://{'a' * 70}/"), own_this=False)


async def test_a_refusal_says_an_address_once() -> None:
    with pytest.raises(UsageError, match=r"^192\.0\.2\.1 is not this machine's loopback"):
        await resolve(Target.parse("http://192.0.2.1/"), own_this=False)


async def test_every_address_of_a_name_must_be_loopback() -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1", "192.0.2.7"))
    with pytest.raises(UsageError, match=r"192\.0\.2\.7"):
        await resolve(Target.parse("http://two.example/"), own_this=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connections", 0),
        ("connections", 10_001),
        ("connections", 1.5),
        ("duration", 0),
        ("duration", 3601),
        ("duration", float("nan")),
        ("rate", 0.0),
        ("rate", -1.0),
        ("rate", float("inf")),
        ("timeout", 0.0),
        ("timeout", float("inf")),
        ("leave_after", 0.0),
        ("interval", -1.0),
        ("interval", 0.009),
        ("interval", True),
    ],
)
def test_plan_names_the_field_that_is_wrong(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^{field} must be"):
        LoadPlan(url="http://localhost/", **{field: value})  # type: ignore[arg-type]


def test_the_shorter_patience_rules() -> None:
    assert LoadPlan(url="x").patience == 10.0
    assert LoadPlan(url="x", leave_after=1.0).patience == 1.0
    assert LoadPlan(url="x", leave_after=20.0).patience == 10.0
    assert LoadPlan(url="x", leave_after=Patience(seconds=(0.3, 3.0))).patience == 3.0
    assert LoadPlan(url="x", leave_after=Patience(seconds=(0.3,), exponential=True)).patience == 10.0
