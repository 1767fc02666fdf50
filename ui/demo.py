"""Answer from papers while they are still being taken in."""

import multiprocessing
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config
from footnote.rag.core.errors import FootnoteError, IndexBusyError, IndexMissingError

TakeIn = Callable[[Config, Sequence[str]], None]
_LOOK_S = 0.1
# What is taken in goes on where it was when the same is asked again.
_END_S = 10


@contextmanager
def taken_in_beside(take_in: TakeIn, config: Config, what: Sequence[str]) -> Generator[BaseProcess]:
    """Take in papers in a process of their own, which ends with this one.

    Args:
        take_in: Takes them in and says how far it is; a function of a module.
        config: The settings.
        what: Files, folders, or what to fetch.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(take_in, config.model_dump(), what), daemon=True
    )
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(_END_S)


def open_when_there(config: Config, process: BaseProcess) -> Assistant:
    """Open the assistant as soon as the first papers can be asked.

    Raises:
        IndexMissingError: The process ended, and there is nothing to ask.
        SystemExit: It failed.
    """
    while True:
        is_over = not process.is_alive()
        try:
            return open_assistant(config)
        except (IndexMissingError, IndexBusyError):
            if is_over and process.exitcode:
                sys.exit(1)  # it has said why
            if is_over:
                raise
            time.sleep(_LOOK_S)


def _run(take_in: TakeIn, settings: dict[str, Any], what: Sequence[str]) -> None:
    try:
        take_in(Config(**settings), what)
    except FootnoteError as error:
        sys.stderr.write(f"footnote: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)  # the process beside it says so
