"""Speak to a server of models: where it is, with which key, and never more than is asked for."""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from functools import cache
from typing import NamedTuple

import httpx
from pydantic import SecretStr

from footnote.rag.core.errors import GenerationError
from footnote.rag.core.hosts import leads_here


class Server(NamedTuple):
    """Where to ask, and with which key."""

    url: str
    key: SecretStr | None


def open_client(server: Server) -> httpx.AsyncClient:
    """Make what speaks to a server; nothing is sent yet, and whoever listens sets the time.

    Raises:
        GenerationError: The environment names a proxy that is none.
    """
    try:
        return httpx.AsyncClient(
            base_url=server.url,
            auth=_Key(server.key) if server.key else None,
            timeout=None,  # noqa: S113  # whoever listens stops it at the deadline
            trust_env=not leads_here(server.url),  # no proxy leads to this machine itself
            follow_redirects=False,  # one would carry the key to wherever it points
            # A compressed answer may be a thousand times its size.
            headers={"Accept-Encoding": "identity"},
            verify=_trusted(),
        )
    except (ImportError, ValueError):
        raise GenerationError(
            "could not be reached: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names no proxy that "
            "can be used"
        ) from None


async def bounded(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield an answer piece by piece as it comes.

    Raises:
        DecodingError: It is compressed, or longer than `max_bytes`.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx.DecodingError("compressed, which was not asked for")
    n_bytes = 0
    async for piece in response.aiter_raw():
        yield piece
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise httpx.DecodingError("too long for an answer")


@cache
def _trusted() -> ssl.SSLContext:
    """Return what certificates are checked by; made once, since it takes longest of all."""
    return httpx.create_ssl_context()


class _Key(httpx.Auth):
    """Puts the key into a request at the last moment, so that nothing else holds it."""

    def __init__(self, key: SecretStr):
        self._key = key

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request
