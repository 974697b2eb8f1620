"""Query values that are not a number, or not one that a parameter may have. Pure: the same seed gives the same values.

Some are named, because each has been a fault in some server: text that `int` accepts though no client should send it,
characters that are digits to some functions and not to others, digits whose conversion takes a time that grows with the
square of their number. The others are generated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import parse_qsl, quote

from ..http.contract import Number, Numbers

# A query by what is wrong with it; {} stands for the name of the parameter.
NAMED = {
    "-1": "{}=-1",
    "0": "{}=0",
    "1e999": "{}=1e999",
    "NaN": "{}=NaN",
    "inf": "{}=inf",
    "1_000": "{}=1_000",
    "a space before": "{}=%205",
    "full-width digits": "{}=%EF%BC%95",
    "0x10": "{}=0x10",
    "4 301 digits": "{}=" + "7" * 4_301,
    "repeated": "{0}=1&{0}=1",
    "empty": "{}=",
    "without =": "{}",
    "%00": "{}=%00",
    "8 KB": "{}=" + "1" * 8_000,
    "30 KB": "{}=" + "1" * 30_000,
    "60 KB": "{}=" + "1" * 60_000,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request target with a bad number. ``right``: the parameter allows it after all, as some allow 0."""

    target: str
    right: bool


def bad_numbers(numbers: Numbers, *, made: int, seed: int) -> Iterator[Asked]:
    """The named values for every parameter, then ``made`` generated ones, for each parameter in turn."""
    parameters = [(route, name, number) for route, named in numbers.items() for name, number in named.items()]
    for route, name, number in parameters:
        for query in NAMED.values():
            yield _asked(route, query.format(name), name, number)
    random = Random(seed)
    for n in range(made):
        route, name, number = parameters[n % len(parameters)]
        while (asked := _asked(route, _made(random, name, number), name, number)).right:
            pass
        yield asked


def _asked(route: str, query: str, name: str, number: Number) -> Asked:
    return Asked(f"{route}?{query}", _is_right(query, name, number))


def _is_right(query: str, name: str, number: Number) -> bool:
    """Whether a server may accept the value: digits alone, given once, within bounds. (It may refuse leading zeros.)"""
    values = [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]
    text = values[0] if len(values) == 1 else ""
    return text.isascii() and text.isdigit() and len(text) < 20 and number.low <= int(text) <= number.high


def _made(random: Random, name: str, number: Number) -> str:
    return random.choice(_KINDS)(random, name, number)


def _beyond(random: Random, name: str, number: Number) -> str:
    """A whole number out of bounds, at their edge or at one of the widths of machines."""
    edge = random.choice((number.high, 2**31, 2**32, 2**53, 2**63, 2**64, 10**100))
    return f"{name}={random.choice((edge + random.randint(1, 3), -edge, number.low - random.randint(1, 3)))}"


def _digits(random: Random, name: str, _: Number) -> str:
    return f"{name}={''.join(random.choices('0123456789', k=random.randint(8, 8_100)))}"


def _written_otherwise(random: Random, name: str, number: Number) -> str:
    """A number within bounds, in a notation that is not plain decimal."""
    value = random.randint(number.low, number.high)
    text = random.choice(
        (
            f"+{value}",
            f"-{value}",
            f"{value}.0",
            f"{value},5",
            f"{value:,}.",
            f"{value:e}",
            hex(value),
            oct(value),
            bin(value),
            f"{value}_",
            f"_{value}",
            f"{value}L",
            f"{value}%",
            f"({value})",
            f"[{value}]",
            f'"{value}"',
            f"{value};{value}",
            f"{value}\u00a0",
            f"\ufeff{value}",
            f"\t{value}\n",
            f"{value}\r\nX: y",
            f"{value} {value}",
            f"{value}\x00",
        )
    )
    return f"{name}={quote(text)}"


_FOREIGN_ZEROS = (0x0660, 0x06F0, 0x0966, 0x0E50, 0xFF10, 0x1D7CE, 0x2080, 0x2460, 0x1F100)


def _foreign(random: Random, name: str, number: Number) -> str:
    """The digits of a number within bounds, in another script."""
    zero, value = random.choice(_FOREIGN_ZEROS), random.randint(number.low, number.high)
    return f"{name}={quote(''.join(chr(zero + int(digit)) for digit in str(value)))}"


def _characters(random: Random, name: str, _: Number) -> str:
    text = "".join(
        chr(random.choice((random.randrange(0x80), random.randrange(0xD800)))) for _ in range(random.randint(1, 9))
    )
    return f"{name}={quote(text, safe='')}"


def _bytes(random: Random, name: str, _: Number) -> str:
    """Bytes that are seldom UTF-8."""
    return f"{name}={quote(random.randbytes(random.randint(1, 40)), safe='')}"


def _broken_escape(random: Random, name: str, number: Number) -> str:
    escape = random.choice(("%", "%2", "%zz", "%%31", "%u0031", "%-1", "%C0%B1", "%ED%A0%80", "%F8%88%80%80%B1"))
    return f"{name}={random.choice((escape, f'{number.low}{escape}', f'{escape}{number.low}'))}"


def _repeated(random: Random, name: str, number: Number) -> str:
    values = [random.choice(("", f"={number.low}", f"={number.high}", "=", "=x")) for _ in range(random.randint(2, 60))]
    return "&".join(name + value for value in values)


def _words(random: Random, name: str, _: Number) -> str:
    words = (
        "null",
        "true",
        "None",
        "nan",
        "-inf",
        "Infinity",
        "1e5",
        "1E400",
        "1j",
        "[]",
        "{}",
        "undefined",
        "½",
        "Ⅷ",
        "一",
    )
    return f"{name}={quote(random.choice(words))}"


def _long(random: Random, name: str, _: Number) -> str:
    """Longer than a target may be, or just not."""
    return f"{name}={random.choice('19 x-+.e_').replace(' ', '%20') * random.choice((2_000, 8_100, 8_300, 20_000, 60_000))}"


_KINDS: tuple[Callable[[Random, str, Number], str], ...] = (
    _beyond,
    _digits,
    _written_otherwise,
    _foreign,
    _characters,
    _bytes,
    _broken_escape,
    _repeated,
    _words,
    _long,
)
