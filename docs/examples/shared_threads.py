"""An asyncio program whose calls wait for the threads that all of it shares, and a watch that tells how many."""

import asyncio
import time

from trio_lab import observe


async def main() -> None:
    async with observe() as watch:
        calls = [asyncio.create_task(asyncio.to_thread(time.sleep, 0.1)) for _ in range(100)]
        await asyncio.sleep(0.05)
        for queue in watch.queues():
            print(f"{queue.name}: {queue.in_service} of {queue.capacity} taken, {queue.waiting} wait")
        await asyncio.gather(*calls)


if __name__ == "__main__":
    asyncio.run(main())
