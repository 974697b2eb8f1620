"""A pool of database connections in a Trio program of your own."""

import trio
from trio_lab import ConnectionPool, Overloaded, Sqlite, SqliteConnection, open_connection_pool


async def insert(pool: ConnectionPool[SqliteConnection], number: int) -> None:
    try:
        async with pool.connection(kind="insert") as connection:
            await connection.execute("INSERT INTO item VALUES (?)", (number,))
    except Overloaded as refusal:
        print(f"item {number} was refused: {refusal}")


async def main() -> None:
    async with open_connection_pool(Sqlite("own-data.sqlite"), size=2, max_queue=5, queue_timeout=1.0) as pool:
        async with pool.connection() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS item (number INTEGER)")
            await connection.execute("DELETE FROM item")
        async with trio.open_nursery() as nursery:
            for number in range(7):
                nursery.start_soon(insert, pool, number)
        async with pool.connection() as connection:
            ((count,),) = await connection.execute("SELECT count(*) FROM item")
        print(f"{count} items, {pool.opened} connections")


if __name__ == "__main__":
    trio.run(main)
