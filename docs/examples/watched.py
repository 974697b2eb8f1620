"""A Trio service that blocks its loop, and a watch that reports the line."""

import hashlib

import trio
import trio.testing
from trio_lab import observe


def sign(text: bytes | bytearray) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", text, b"salt", 1_000_000)


async def serve(stream: trio.SocketStream) -> None:
    async for line in stream:
        await stream.send_all(sign(line)[:4].hex().encode() + b"\n")


async def main() -> None:
    async with observe(budget=0.02) as watch, trio.open_nursery() as nursery:  # this, and nothing else, is added
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        client = await trio.testing.open_stream_to_socket_listener(listener)
        for _ in range(3):
            await client.send_all(b"please\n")
            print("signed:", (await client.receive_some()).decode().strip())
        nursery.cancel_scope.cancel()
    for row in watch.table():
        print(f"{row.count} × {row.function}, line {row.lineno}, {row.cause}: {row.total * 1e3:.0f} ms in all")


if __name__ == "__main__":
    trio.run(main)
