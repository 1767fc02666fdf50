"""Answer what gradio stumbles over with a short reply and one line of log.

Without it gradio answers most of that with status 500 and writes a traceback of dozens of lines.
"""

import json
import logging

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A long conversation with all its answers, which the browser sends with each question, is below
# a tenth of this.
MAX_BODY_BYTES = 10_000_000
_UPLOAD = "/gradio_api/upload"
_log = logging.getLogger(__name__)


class CallGuard:
    """ASGI middleware: refuses a body that is too large, and a call that gradio stumbles over."""

    def __init__(self, app: ASGIApp, upload_bytes: float = 0):
        """Guard `app`; files that are uploaded may have so many bytes each."""
        self._app = app
        # Beside a file there is what says where it begins and ends.
        self._upload_bytes = MAX_BODY_BYTES + upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, and answer it where that fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # Another site's page, open in the same browser, must not remove papers here.
        if scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            said = write_down(f"call of {scope['path']} refused: it is from another site")
            await _answer(send, 403, said)
            return
        most = self._upload_bytes if scope["path"].endswith(_UPLOAD) else MAX_BODY_BYTES
        too_large = f"it is larger than {most:,.0f} bytes"
        # What is no number is refused before it comes here.
        if int(headers.get("content-length", "0")) > most:
            await _answer(send, 413, write_down(f"call of {scope['path']} refused: {too_large}"))
            return
        n_read, has_begun = 0, False

        async def read() -> Message:
            nonlocal n_read
            message = await receive()
            n_read += len(message.get("body", b""))
            if n_read > most:  # it did not say how large it is
                raise ValueError(too_large)
            return message

        async def write(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, read, write)
        except Exception as error:  # the outer edge of the server
            # Why it broke off, not that it did.
            cause = error.__cause__ if has_begun else error
            said = write_down(
                f"call of {scope['path']} refused: {reason_of(cause or error)}; "
                "/gradio_api/info lists what can be called",
                error,
            )
            if not has_begun:
                await _answer(send, 400 if scope["method"] == "POST" else 500, said)


def reason_of(error: BaseException) -> str:
    """Say why something failed; what gradio raises for people has a text of its own."""
    said: object = getattr(error, "message", None)
    return said if isinstance(said, str) else f"{type(error).__name__}: {error}"


def write_down(said: str, error: Exception | None = None) -> str:
    """Write a line to the log, and return it; a call may hold any character, and many of them."""
    said = " ".join("".join(c if c.isprintable() else " " for c in said[:300]).split())
    _log.error("footnote: %s", said)
    if error:  # the command line shows warnings with --debug alone
        _log.warning("%s", type(error).__name__, exc_info=error)
    return said


async def _answer(send: Send, status: int, said: str) -> None:
    body = json.dumps({"detail": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
