"""Replies to requests whose bodies nobody reads.

hypercorn keeps a few messages for an app, and while it has no room for another one it cannot end the exchange: the last `send`
of the reply would never return, and the request would stay for ever though its client has left. So what still comes of the body
is received and dropped while the reply is sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from ..preconditions import running_loop
from .inbox import Receive
from .policy import Scope

Reply = Callable[[], Awaitable[None]]


async def reply_unread(scope: Scope, receive: Receive, reply: Reply) -> None:
    """Send a reply with ``reply``. Raises what that raises."""
    if not _may_have_body(scope):
        await reply()
    elif running_loop() == "Trio":
        await _on_trio(receive, reply)
    else:
        await _on_asyncio(receive, reply)


def _may_have_body(scope: Scope) -> bool:
    """In HTTP/1 a body is announced."""
    return scope.get("http_version", "1.1") not in ("1.0", "1.1") or any(
        name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"]
    )


async def _on_trio(receive: Receive, reply: Reply) -> None:
    import trio  # a program on asyncio starts without it

    failed: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drop, receive)
        try:
            await reply()
        except Exception as error:  # raised below, where no nursery puts it into a group
            failed = error
        nursery.cancel_scope.cancel()
    if failed is not None:
        raise failed


async def _on_asyncio(receive: Receive, reply: Reply) -> None:
    import asyncio

    dropping = asyncio.ensure_future(_drop(receive))
    try:
        await reply()
    finally:
        dropping.cancel()
        await asyncio.wait((dropping,))


async def _drop(receive: Receive) -> None:
    with suppress(Exception):  # the reply counts, whatever becomes of the rest of the request
        while (await receive()).get("more_body"):
            pass
