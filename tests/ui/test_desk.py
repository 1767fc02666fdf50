"""Whose turn it is to be answered."""

import asyncio
from typing import Any

from footnote.ui.desk import Desk


def in_order(*clients: str) -> list[str]:
    """Ask for these clients, who all come before the first is served; one is served at a time."""
    served: list[str] = []
    desk = Desk(None, at_once=1, waiting=20, a_client=20)  # pyright: ignore[reportArgumentType]

    async def all_of_them() -> None:
        asked = [desk.run(client, lambda _, name=client: served.append(name)) for client in clients]
        await asyncio.gather(*asked)

    asyncio.run(all_of_them())
    return served


def test_who_asks_little_is_not_behind_who_asks_much():
    assert in_order("one", "one", "one", "one", "other") == ["one", "other", "one", "one", "one"]


def test_who_was_served_longest_ago_is_next():
    assert in_order("a", "b", "c", "b", "a") == ["a", "b", "c", "a", "b"]


def test_a_job_that_fails_or_is_given_up_gives_its_turn_back():
    desk = Desk(None, at_once=1, waiting=20, a_client=20)  # pyright: ignore[reportArgumentType]

    def fails(_: Any) -> None:
        raise ValueError("it failed")

    async def asked() -> str:
        first = asyncio.create_task(desk.run("one", fails))
        given_up = asyncio.create_task(desk.run("one", lambda _: "given up"))
        await asyncio.sleep(0)
        given_up.cancel()
        ended = await asyncio.gather(first, given_up, return_exceptions=True)
        assert [type(each) for each in ended] == [ValueError, asyncio.CancelledError]
        assert desk.n_there == 0
        return await desk.run("one", lambda _: "answered")

    assert asyncio.run(asked()) == "answered"
