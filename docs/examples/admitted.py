"""An ASGI app that can do two things at once, asked for ten. Run it with a server, or by itself: then it asks itself."""

import asyncio
from collections import Counter
from typing import Any

from trio_lab.asgi import Admission, AdmissionPolicy


async def work(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done\n"})


app = Admission(work, AdmissionPolicy(limit=2, max_waiting=3, background=["/reports/*"]))


async def ask(path: str) -> int:
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    async def receive() -> Any:
        await asyncio.Event().wait()  # nothing more comes

    await app({"type": "http", "path": path, "headers": []}, receive, send)
    return statuses[0]


async def main() -> None:
    statuses = await asyncio.gather(*(ask(path) for path in ["/"] * 7 + ["/reports/1"] * 2 + ["/health"]))
    print(Counter(statuses))
    queue = app.queues[0].statistics()
    print(f"{queue.completions} served, {queue.rejected} refused, {queue.peak_waiting} waited at most")


if __name__ == "__main__":
    asyncio.run(main())
