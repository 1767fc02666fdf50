"""Connections that say what they want in time, or are closed."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# From the first byte of a call, or from when a connection was made, to the end of its headers.
HEAD_S = 10.0
_MAX_HEAD_BYTES = 65_536


class Hurried(AutoHTTPProtocol):
    """A connection as uvicorn serves it, closed where the head of a call takes too long.

    Uvicorn itself waits for ever, both for the first byte and for each further one, and one of its
    parsers takes headers of any size. A connection between two calls is its own matter
    (`timeout_keep_alive`), and the body of a call is `guard`'s.
    """

    # Of uvicorn's parsers, whichever of them is installed.
    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    _timer: asyncio.TimerHandle | None = None
    _n_read = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore
        """Begin to wait for a call."""
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        """Read on; once the headers are whole there is no hurry any more."""
        super().data_received(data)
        if self._is_answering():
            self._calm()
            return
        if not self._is_read_in_vain():
            self._n_read += len(data)
        if self._n_read > _MAX_HEAD_BYTES:
            self._close("431 Request Header Fields Too Large")
        elif self._timer is None:
            self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._calm()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_read_in_vain(self) -> bool:
        """Return True where this is the rest of a body, whose call was answered without it."""
        return self.cycle is not None and self.cycle.more_body

    def _hurry(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._close, "408 Request Timeout")

    def _calm(self) -> None:
        self._n_read = 0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _close(self, status: str) -> None:
        if not self._is_answering() and not self.transport.is_closing():
            if not self._is_read_in_vain():
                said = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                self.transport.write(said.encode())
            self.transport.close()
