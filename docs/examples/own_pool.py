"""A bulkhead, threads and worker processes in a Trio program of your own."""

import math
import time

import trio
from trio_lab import Bulkhead, Overloaded, open_native_pool, open_worker_pool


def digits(n: int) -> int:
    return len(str(math.factorial(n)))


async def query(database: Bulkhead, number: int) -> None:
    try:
        async with database.place():
            await trio.sleep(0.05)
        print(f"query {number} was served")
    except Overloaded as refusal:
        print(f"query {number} was refused: {refusal}")


async def main() -> None:
    database = Bulkhead("database", capacity=2, max_waiting=1, queue_timeout=0.5)
    async with (
        open_native_pool(size=4, queue_timeout=1.0) as threads,
        open_worker_pool(size=1, queue_timeout=1.0, run_timeout=5.0) as processes,
    ):
        await threads.run(time.sleep, 0.01)
        await processes.wait_ready()  # or the first job's queue timeout has to allow for the start of a process
        print("1000! has", await processes.run(digits, 1000), "digits")
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(query, database, number)
        for owner in (database, threads, processes):
            print(owner)
    wait = database.statistics().wait
    assert wait is not None
    print(f"{wait.count} had a place, the slowest after {wait.max * 1e3:.0f} ms")


if __name__ == "__main__":
    trio.run(main)
