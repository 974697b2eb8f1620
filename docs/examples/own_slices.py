"""A long list in a Trio program of your own, beside a task that wants to run every 10 ms."""

from time import perf_counter

import trio
from trio_lab import chunked, time_sliced

ITEMS = range(300_000)


def work(number: int) -> int:
    return sum(map(int, str(number)))


async def in_one_go() -> None:
    for number in ITEMS:
        work(number)


async def in_chunks() -> None:
    async for number in chunked(ITEMS, every=500):
        work(number)


async def in_slices() -> None:
    async for number in time_sliced(ITEMS, seconds=0.005):
        work(number)


async def tick(late: list[float]) -> None:
    while True:
        due = perf_counter() + 0.01
        await trio.sleep(0.01)
        late.append(perf_counter() - due)


async def main() -> None:
    for way in (in_one_go, in_chunks, in_slices):
        late: list[float] = []
        begun = perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick, late)
            await trio.sleep(0.02)
            await way()
            await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        took = perf_counter() - begun - 0.04
        print(f"{way.__name__}: {took * 1e3:.0f} ms, the latest tick was {max(late) * 1e3:.1f} ms late")


if __name__ == "__main__":
    trio.run(main)
