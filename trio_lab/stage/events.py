"""Server-sent events, as a dashboard reads them: one connection, and the data of one event after the other."""

from __future__ import annotations

import h11
import trio

from ..load.target import Target

_RECEIVE = 1 << 16


class Events:
    """The events at a URL. Open it with `open_events`, and close it with `aclose`."""

    def __init__(self, stream: trio.SocketStream, http: h11.Connection) -> None:
        self._stream, self._http = stream, http
        self._rest = b""

    async def next(self) -> bytes:
        """The data of the next event.

        Raises:
            ConnectionError: the server has ended, or sends no events.
        """
        while True:
            event, end, rest = self._rest.partition(b"\n\n")
            if not end:
                self._rest += await self._more()
                continue
            self._rest = rest
            data = [line.removeprefix(b"data:").strip() for line in event.split(b"\n") if line.startswith(b"data:")]
            if data:  # a comment keeps the connection alive
                return b"\n".join(data)

    async def _more(self) -> bytes:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA or isinstance(event, h11.Response):
                if isinstance(event, h11.Response):
                    _require_events(event)
                else:
                    self._http.receive_data(bytes(await self._stream.receive_some(_RECEIVE)))
        except (h11.RemoteProtocolError, trio.BrokenResourceError) as error:
            raise ConnectionError("the connection broke") from error
        if not isinstance(event, h11.Data):
            raise ConnectionError("the server has ended")
        return bytes(event.data).replace(b"\r", b"")

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)


def _require_events(response: h11.Response) -> None:
    kinds = [value for name, value in response.headers if name == b"content-type"]
    if response.status_code != 200 or not kinds or not kinds[0].startswith(b"text/event-stream"):
        raise ConnectionError(f"there are no events (status {response.status_code})")


async def open_events(url: str) -> Events:
    """Raises `OSError` when nothing answers."""
    target = Target.parse(url)
    http = h11.Connection(h11.CLIENT)
    stream = await trio.open_tcp_stream(target.host, target.port)
    headers = [("Host", target.authority), ("Accept", "text/event-stream")]
    request = http.send(h11.Request(method="GET", target=target.path, headers=headers)) or b""
    http.send(h11.EndOfMessage())
    await stream.send_all(request)
    return Events(stream, http)
