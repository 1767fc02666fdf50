"""Options that several commands take, and how what they say is read and printed."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel

if TYPE_CHECKING:
    from footnote.rag.core.request import Filters

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Put it in place of what is there, which is deleted.")
]
Question = Annotated[
    list[str], typer.Argument(help="The question, with quotation marks or without.")
]

Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Papers of this day, month or year or later: 2024-05."),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Papers of this day, month or year or earlier."),
]
Organisation = Annotated[str | None, typer.Option(help="Papers of this organisation.")]
SeenIn = Annotated[
    str | None,
    typer.Option("--source", help="Papers seen in a file or feed with this in its name."),
]
Author = Annotated[str | None, typer.Option(help="Papers with an author of this name.")]
Withdrawn = Annotated[
    bool | None,
    typer.Option("--withdrawn/--not-withdrawn", help="Withdrawn papers alone, or the others."),
]
ReportsNumber = Annotated[
    bool | None,
    typer.Option(
        "--reports-number/--reports-no-number",
        help="Papers whose abstracts state a measured value alone, or the others.",
    ),
]
Obsidian = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Write notes for Obsidian into this folder."),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65_535, help="Port to listen on, 0 for a free one; else `web.port`, 7860."
    ),
]


def read_filters(
    since: str | None,
    until: str | None,
    organisation: str | None,
    source: str | None,
    author: str | None,
    withdrawn: bool | None,
    reports_number: bool | None = None,
) -> "Filters":
    """Make what the options say; it is said at once what of them is wrong."""
    from footnote.ui.filters import FilterError, Which

    which = Which.model_construct(
        since=since,
        until=until,
        organisation=organisation,
        source=source,
        author=author,
        withdrawn=withdrawn,
        reports_number=reports_number,
    )
    try:
        return which.filters()
    except FilterError as error:
        raise typer.BadParameter(error.why, param_hint=f"'--{error.field}'") from error


def read_form(form: str | None, own: type[StrEnum], *, as_json: bool) -> str | None:
    """Return the name of a form if it is one of ours or a plugin's."""
    if form is None:
        return None
    if as_json:
        raise _wrong_form("it is another form than --json")
    if form in [*own]:
        return form
    from footnote.export.forms import plugged_forms

    names = [*own, *plugged_forms()]
    if form not in names:
        raise _wrong_form(f"{form!r} is none of {', '.join(names)}")
    return form


def _wrong_form(why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint="'--format'")


def print_json(value: object) -> None:
    """Print a value as JSON, records and all."""

    def plain(item: object) -> object:
        return item.model_dump(mode="json") if isinstance(item, BaseModel) else str(item)

    sys.stdout.write(json.dumps(value, default=plain, ensure_ascii=False, indent=2) + "\n")
