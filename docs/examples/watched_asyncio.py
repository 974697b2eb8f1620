"""An asyncio service that blocks its loop, and a watch that reports the line."""

import asyncio
import hashlib

from trio_lab import observe


def sign(text: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", text, b"salt", 1_000_000)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(sign(line)[:4].hex().encode() + b"\n")
    writer.close()


async def main() -> None:
    async with observe(budget=0.02) as watch, await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for _ in range(3):
            writer.write(b"please\n")
            print("signed:", (await reader.readline()).decode().strip())
        writer.write_eof()
        await reader.read()  # until the server closes
        writer.close()
    for row in watch.table():
        print(f"{row.count} × {row.function}, line {row.lineno}, {row.cause}: {row.total * 1e3:.0f} ms in all")


if __name__ == "__main__":
    asyncio.run(main())
