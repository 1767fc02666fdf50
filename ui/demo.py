"""Answer from papers while they are still being taken in."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from typing import Any

from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config
from footnote.rag.core.errors import FootnoteError, IndexMissingError
from footnote.rag.index.readonly import is_writable
from footnote.rag.index.writer import IndexWriter

TakeIn = Callable[[Config, Sequence[str]], None]
# What is taken in goes on where it was when the same is asked again.
_END_S = 10
_NICE = 5
# So few papers are embedded in seconds, and not worth a process of their own.
_FEW = 64


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


def open_meanwhile(config: Config) -> Assistant:
    """Open the assistant, whether or not there is a paper yet; the process beside finishes them.

    Raises:
        IndexMismatchError: There are papers, and the index was built with other settings.
    """
    with suppress(IndexMissingError):
        open_index(config).check_settings()
    return open_assistant(config, waits=True)


def is_unfinished(config: Config) -> bool:
    """Return True if an interrupted command left papers to be embedded, and others answer.

    So many that who asks should not wait. What else is wrong with an index is said or mended when
    it is opened.
    """
    try:
        index = open_index(config)
        index.check_card()
        return (
            index.catalogue.count_pending() > _FEW
            and index.catalogue.count_served() > 0
            and is_writable(index.folder)
            and not index.snapshot().faults()
        )
    except FootnoteError:
        return False


def finish(config: Config, _: Sequence[str]) -> None:
    """Do what an interrupted command left to be done; see `IndexWriter.recover`."""
    IndexWriter(open_index(config)).recover()


def is_in_vain(assistant: Assistant, process: BaseProcess) -> bool:
    """Return True if the process ended, and there is nothing to ask."""
    return not process.is_alive() and assistant.awaits_papers


def check_taken_in(config: Config, assistant: Assistant, process: BaseProcess) -> None:
    """Make sure that there was something to ask in the end.

    Raises:
        IndexMissingError: There was not.
        SystemExit: The process failed.
    """
    if is_in_vain(assistant, process):
        if process.exitcode:
            sys.exit(1)  # it has said why
        open_index(config).check_served()


def _run(take_in: TakeIn, settings: dict[str, Any], what: Sequence[str]) -> None:
    # The page is made first, and questions are answered first.
    if sys.platform != "win32":
        os.nice(_NICE)
    try:
        take_in(Config(**settings), what)
    except FootnoteError as error:
        sys.stderr.write(f"footnote: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)  # the process beside it says so
