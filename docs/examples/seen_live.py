"""A Trio program that is seen live: while its loop is blocked, it is asked why from beside."""

import json
import threading
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import trio
from trio_lab import observe, open_live


def look_up(seconds: float) -> None:
    time.sleep(seconds)  # a call that blocks the loop


def ask(url: str) -> None:
    time.sleep(1.5)
    try:
        reply = urlopen(f"{url}/live")
    except HTTPError as error:  # 503
        reply = error
    state = json.load(reply)
    print(f"{reply.status}: {state['state']} ({state['cause']})", state["where"].rpartition("/")[2])


async def main() -> None:
    async with observe() as watch, open_live(watch, port=0) as live:  # port=9001, say
        prober = threading.Thread(target=ask, args=[live.url])
        prober.start()
        look_up(2.5)
        await trio.to_thread.run_sync(prober.join)


if __name__ == "__main__":
    trio.run(main)
