"""The body of a request whose handler does not read it: dropped as it comes.

Quart keeps a body in memory until its request ends, read or not. A client could hold a megabyte for each connection, for
as long as the longest job takes. So the routes that read a body are declared in `LabApp.body_routes`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


class UnreadBody:
    """Has the methods by which Quart fills a body: `append` of 0.22, `put` and `disconnect` of 0.23."""

    def __init__(self, *_: object) -> None:
        pass

    def append(self, data: bytes) -> None:
        pass

    async def put(self, data: bytes) -> None:
        pass

    def set_complete(self) -> None:
        pass

    def disconnect(self) -> None:
        pass

    def __await__(self) -> Generator[Any, None, Any]:
        raise RuntimeError("a route whose handler reads the body must be in app.body_routes")

    def __aiter__(self) -> Any:
        return self.__await__()
