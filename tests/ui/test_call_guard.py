"""What stands between the page's server and whoever calls it."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footnote.ui.call_guard import MAX_BODY_BYTES, CallGuard


def call(
    app: ASGIApp, *bodies: bytes, method: str = "POST", headers: Iterable[tuple[bytes, bytes]] = ()
) -> list[Message]:
    """Give what the server sends for a call whose body comes in these pieces."""
    waiting = [{"type": "http.request", "body": b, "more_body": True} for b in bodies]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/call", "headers": list(headers)}
    asyncio.run(CallGuard(app)(scope, receive, send))
    return sent


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while piece := (await receive()).get("body"):
        body += piece
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("nothing")


async def breaking_off(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("gone")


def said(sent: list[Message]) -> tuple[int, str]:
    start, body = sent
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(body["body"])
    return start["status"], json.loads(body["body"])["detail"]


def test_a_call_passes_unchanged():
    assert call(echo, b"one ", b"two")[1]["body"] == b"one two"


def test_a_body_that_says_it_is_too_large_is_not_read():
    length = [(b"content-length", b"%d" % (MAX_BODY_BYTES + 1))]
    status, detail = said(call(broken, headers=length))
    assert status == 413
    assert "larger than 10,000,000 bytes" in detail


def test_an_upload_may_be_larger_than_other_calls():
    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": []}
    length = (b"content-length", b"%d" % (MAX_BODY_BYTES + 2))

    async def status(path: str, upload_bytes: int) -> int:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        guard = CallGuard(echo, upload_bytes)
        await guard({**scope, "path": path, "headers": [length]}, receive, send)
        return sent[0]["status"]

    assert asyncio.run(status("/gradio_api/upload", 10)) == 200
    assert asyncio.run(status("/gradio_api/upload", 1)) == 413
    assert asyncio.run(status("/gradio_api/queue/join", 10)) == 413


@pytest.mark.parametrize(("site", "status"), [(b"cross-site", 403), (b"same-origin", 200)])
def test_a_page_of_another_site_cannot_call(site: bytes, status: int):
    sent = call(echo, b"x", headers=[(b"sec-fetch-site", site)])
    assert sent[0]["status"] == status


def test_a_body_that_grows_too_large_is_read_no_further():
    status, detail = said(call(echo, *[b"x" * (MAX_BODY_BYTES // 2)] * 3))
    assert status == 400
    assert "larger than 10,000,000 bytes" in detail
    assert len(call(echo, b"x" * MAX_BODY_BYTES)[1]["body"]) == MAX_BODY_BYTES


@pytest.mark.parametrize(("method", "status"), [("POST", 400), ("GET", 500)])
def test_a_call_at_which_the_server_stumbles_is_answered(method: str, status: int):
    got, detail = said(call(broken, method=method))
    assert got == status
    assert detail.startswith("call of /call refused: KeyError: 'nothing'")


def test_an_answer_that_broke_off_is_not_begun_again():
    assert [message["type"] for message in call(breaking_off)] == ["http.response.start"]


def test_what_is_no_call_is_passed_on():
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    asyncio.run(CallGuard(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
