"""Another service, which this one calls: ``python -m trio_lab.subjects.patients.neighbour SOCKET PLACES MS``."""

from __future__ import annotations

import sys

import trio


async def main(path: str, places: int, seconds: float) -> None:
    limiter = trio.CapacityLimiter(places)

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(1)
            async with limiter:
                await trio.sleep(seconds)
            await stream.send_all(b"!")

    with trio.socket.socket(trio.socket.AF_UNIX) as listener:
        await listener.bind(path)
        listener.listen(1024)
        sys.stdout.write("!")
        sys.stdout.flush()
        await trio.serve_listeners(serve, [trio.SocketListener(listener)])


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1e3)
