"""What commands share: their settings, the terminal, how far they are, how they fail."""

import inspect
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from footnote.rag.core.config import load_config
from footnote.ui.commands.options import print_json

if TYPE_CHECKING:
    from footnote.export.obsidian import NoteFile
    from footnote.rag.index.writer import Progress as OnProgress

# Quotes are shown as they are: no emoji for `:fire:`.
OUT = Console(highlight=False, emoji=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def shared_options(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="Settings file; else $FOOTNOTE_CONFIG, else ./config.yaml.")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Folder of the index; else $FOOTNOTE_INDEX, else ./.footnote/index."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Keep what stands before the command's name; `with_settings` adds the same after it."""
    del debug  # `main` reads it: it has to know before any option is parsed
    context.obj = (config, index)


def counted(number: int, thing: str) -> str:
    """Write how many there are: `1 paper`, `1,024 papers`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the settings first.

    Each takes `--config`, `--index` and `--debug` in addition to options of its own; they count
    more than those before its name.
    """
    own = list(inspect.signature(function).parameters.values())[1:]

    @wraps(function)
    def run(
        *,
        context: typer.Context,
        config: Path | None,
        index: Path | None,
        debug: bool,
        **options: object,
    ) -> None:
        del debug
        earlier_config, earlier_index = context.obj
        context.obj = config, index = config or earlier_config, index or earlier_index
        if not context.invoked_subcommand:  # that runs next, with these
            function(load_config(config, index=index), **options)

    shared = inspect.signature(shared_options).parameters.values()
    options = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *shared]]
    run.__signature__ = inspect.Signature(options)  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {p.name: p.annotation for p in options}
    return run


class _RateColumn(ProgressColumn):
    """Shows how many a second, or a minute where they are slow."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if not rate:
            return Text("")
        return Text(f"{rate:,.0f}/s" if rate >= 1 else f"{rate * 60:,.0f}/min")


@contextmanager
def progress(as_json: bool) -> "Generator[OnProgress]":
    """Show a bar on stderr, only where a person watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn())
    bar = Progress(
        *columns, TimeRemainingColumn(), console=ERR, disable=as_json or not ERR.is_terminal
    )
    tasks: dict[str, Any] = {}

    def on_progress(phase: str, done: int, total: int | None) -> None:
        if phase not in tasks:
            tasks[phase] = bar.add_task(phase.capitalize(), total=None)
        bar.update(tasks[phase], completed=done, total=total)

    with bar:
        yield on_progress


def say_restored(paper_ids: Sequence[str]) -> None:
    """Say which damaged papers were made anew."""
    for paper_id in paper_ids:
        ERR.print(escape(f"paper {paper_id} was not as written, and is restored"))


def save_notes(notes: "Iterable[NoteFile]", folder: Path, as_json: bool) -> None:
    """Write notes for Obsidian, and say how many, and which were left as they are."""
    from footnote.export.obsidian import write_notes

    done = write_notes(notes, folder)
    if as_json:
        print_json(done._asdict())
        return
    for name in done.kept:
        ERR.print(escape(f"left as it is: {folder / name}"))
    OUT.print(escape(f"{done.written:,} notes written to {folder}"))


def write_text(file: Path, text: str) -> None:
    """Write a file that a person named.

    Raises:
        FootnoteError: It cannot be written.
    """
    from footnote.rag.core.errors import FootnoteError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"{file} cannot be written: {error.strerror or error}"
        raise FootnoteError(what, "name another file") from error


def fail(message: str, *, code: int) -> NoReturn:
    """Say in one line what is wrong, and end with this exit code."""
    sys.stderr.write(f"footnote: {' '.join(message.split())}\n")
    sys.exit(code)
