"""How many calls of one client are looked at side by side."""

import asyncio
import time
from typing import Any

from footnote.ui.guard import Caller, Guard, Scope

HELD_S = 0.1


class Known:
    """Says that the name in the query calls."""

    async def caller(self, request: Any) -> Caller:
        return Caller(str(request.url.query), Scope.ASK)


def statuses(*calls: tuple[str, str]) -> list[int]:
    """Call these paths as these clients, all at once; what is passed on waits for all to come."""
    held, passed_on = asyncio.Event(), 0

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        nonlocal passed_on
        passed_on += 1
        await held.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(app, Known(), held_s=HELD_S)  # pyright: ignore[reportArgumentType]

    async def status(path: str, client: str) -> int:
        got: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                got.append(message["status"])

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": client.encode(),
            "headers": [(b"host", b"localhost")], "root_path": "",
        }  # fmt: skip
        await guard(scope, receive, send)
        return got[0]

    async def all_of_them() -> list[int]:
        begun = time.monotonic()
        asked = [asyncio.create_task(status(*call)) for call in calls]
        refused: set[asyncio.Task[int]] = set()
        # Those that are refused do not wait for the others, which are still held here.
        while len(refused) + passed_on < len(calls):
            assert time.monotonic() - begun < 60
            await asyncio.sleep(0.01)
            refused = {task for task in asked if task.done()}
        assert all(task.result() == 429 for task in refused)
        assert not refused or time.monotonic() - begun >= HELD_S
        held.set()
        return [await task for task in asked]

    return asyncio.run(all_of_them())


def test_a_client_that_calls_too_often_at_once_is_held_and_refused_and_others_are_not():
    found = statuses(*[("/v1/ask", "one")] * 34, ("/v1/ask", "other"))
    assert found == [200] * 32 + [429] * 2 + [200]


def test_what_the_page_calls_is_not_counted():
    assert statuses(*[("/gradio_api/queue/join", "one")] * 40) == [200] * 40
