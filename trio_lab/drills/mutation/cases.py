"""Requests that were good and are changed. Pure: `case` makes the same one from the same seed and number, in any process.

A case begins with one or more good requests. A few mutations change the parts that a request has: method, target, version,
header lines, body, framing. The result may be changed once more as bytes, is cut into several writes, and may end early; the
client then listens, half-closes, closes or resets. The mutations are inputs on which servers and proxies are known to differ
or to fail. Nothing here says what a server should reply to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from . import bodies, heads
from .drafts import GOOD, Mutation

End = Literal["listen", "half-close", "close", "reset"]
_ENDS: tuple[End, ...] = ("listen", "half-close", "close", "reset")
_MOST_WRITES = 6

MUTATIONS: dict[str, Mutation] = heads.MUTATIONS | bodies.MUTATIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is sent, in so many writes, and how the client ends. ``mutations`` says how it was made."""

    number: int
    writes: tuple[bytes, ...]
    end: End
    mutations: tuple[str, ...]

    def __str__(self) -> str:
        sent = b"|".join(self.writes)
        shown = repr(sent[:600])[2:-1] + f"… ({len(sent)} bytes)" * (len(sent) > 600)
        return f"{self.number} ({', '.join(self.mutations)}; {self.end}): {shown}"


def case(seed: int, number: int) -> Case:
    random = Random(f"{seed}:{number}")
    used: list[str] = []
    requests = []
    for _ in range(random.choices((1, 2, 3), (8, 2, 1))[0]):
        draft = random.choice(GOOD)()
        for name in random.choices(tuple(MUTATIONS), k=random.choice((0, 1, 1, 1, 2, 3))):
            MUTATIONS[name](random, draft)
            used.append(name)
        requests.append(draft.wire())
    sent = b"".join(requests)
    if random.random() < 0.15:
        used.append("noise")
        sent = _noise(random, sent)
    end: End = random.choices(_ENDS, (12, 2, 1, 1))[0]
    if random.random() < 0.15:
        used.append("cut off")
        sent = sent[: random.randrange(len(sent) + 1)]
    return Case(number=number, writes=_split(random, sent), end=end, mutations=tuple(used))


def _split(random: Random, sent: bytes) -> tuple[bytes, ...]:
    if random.random() < 0.6:
        return (sent,)
    places = sorted(random.randrange(len(sent) + 1) for _ in range(random.randint(1, _MOST_WRITES - 1)))
    return tuple(sent[a:b] for a, b in zip([0, *places], [*places, len(sent)], strict=True))


def _noise(random: Random, sent: bytes) -> bytes:
    """A few bytes changed, inserted, doubled or left out."""
    noisy = bytearray(sent)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(noisy) + 1)
        match random.randrange(4):
            case 0:
                noisy[at : at + 1] = random.randbytes(1)
            case 1:
                noisy[at:at] = random.choice(
                    (b"\0", b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\xff", b"%", random.randbytes(9))
                )
            case 2:
                del noisy[at : at + random.randint(1, 9)]
            case 3:
                noisy[at:at] = noisy[at : at + random.randint(1, 40)]
    return bytes(noisy)
