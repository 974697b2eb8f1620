"""Connections over TLS: the same client, with a handshake after connecting and a record layer under its bytes.

The socket stays non-blocking. A read never leaves decrypted bytes behind that the epoll could not announce: it asks for
more than the longest record, and OpenSSL reads one record at a time from the kernel.
"""

from __future__ import annotations

import select
import socket
import ssl
from dataclasses import dataclass, field

from trio_lab.load.connection import Connection, State
from trio_lab.load.target import SocketAddress

_BLOCKED = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def client_context(*, insecure: bool) -> ssl.SSLContext:
    """What servers are trusted: those with a certificate that the system trusts, or with ``insecure`` any."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class TlsConnection(Connection):
    """A `Connection` over TLS. ``server_name`` is the name that the certificate must have."""

    context: ssl.SSLContext
    server_name: str
    _tls: ssl.SSLSocket | None = field(default=None, init=False)

    def open(self, family: socket.AddressFamily, address: SocketAddress) -> None:
        self._tls = None
        Connection.open(self, family, address)

    def connected(self) -> bool:
        """As for any connection, and the handshake is complete."""
        if self._tls is None:
            Connection.connected(self)
            self.state = State.CONNECTING
            assert self._socket is not None
            self._socket = self._tls = self.context.wrap_socket(
                self._socket, server_hostname=self.server_name, do_handshake_on_connect=False
            )
            self.recv, self.send = self._recv, self._send
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._epoll.modify(self.fd, select.EPOLLIN)
            return False
        except ssl.SSLWantWriteError:
            self._epoll.modify(self.fd, select.EPOLLOUT)
            return False
        self._epoll.modify(self.fd, select.EPOLLIN)
        self.state = State.IDLE
        return True

    def ended(self) -> bool:
        """Not when all that came is a message of the protocol itself, such as a session ticket."""
        try:
            self._recv(1)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _recv(self, size: int) -> bytes:
        assert self._tls is not None
        try:
            return self._tls.recv(size)
        except _BLOCKED:
            raise BlockingIOError from None

    def _send(self, data: bytes | memoryview) -> int:
        assert self._tls is not None
        try:
            return self._tls.send(data)
        except _BLOCKED:
            return 0
