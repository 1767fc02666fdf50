"""Work in a thread that can be stopped at any moment, even while it waits for a connection."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_background(
    work: Coroutine[Any, Any, Result], put: Callable[[Result | Exception], None]
) -> Callable[[], None]:
    """Begin to work.

    Args:
        work: What is done, in an event loop of its own.
        put: Is given what came of it, or the error that ended it.

    Returns:
        What stops it; it may be called from any thread, at any time, and again.
    """
    loop = asyncio.new_event_loop()

    async def told() -> None:
        try:
            put(await work)
        except Exception as error:  # whatever it is, someone waits for it
            put(error)

    task = loop.create_task(told())

    def run() -> None:
        try:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def stop() -> None:
        with suppress(RuntimeError):  # it has ended
            loop.call_soon_threadsafe(task.cancel)

    Thread(target=run, name="model", daemon=True).start()
    return stop
