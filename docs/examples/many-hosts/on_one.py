"""All parts of a service of many hosts on this machine, until Ctrl-C. Kill what you like: it is started again."""

import shlex
from contextlib import suppress

import trio
from trio_lab.stage.hosts import CONFIGURATION, open_hosts


async def main() -> None:
    async with open_hosts(configuration=CONFIGURATION.read_text(), lease=5.0) as hosts:
        for part in hosts.parts:
            print(f"{part.name}: {shlex.join(part.command)}")
        print(f"The proxy is at {hosts.url}/", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        trio.run(main)
