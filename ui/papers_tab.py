"""The Papers tab: the catalogue as a table, a paper's own page, adding and removing."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from pydantic import ValidationError

from footnote.rag.core.errors import FootnoteError, SourceError
from footnote.rag.index.browse import Sheet
from footnote.ui.papers_render import (
    frame_html,
    growth_html,
    job_html,
    options_html,
    sheet_html,
    shown_html,
)
from footnote.ui.shelf import Shelf

_HERE = Path(__file__).parent
# Not with the page's own: gradio rewrites the selectors of those.
_STYLE = f"<style>{(_HERE / 'tabs.css').read_text(encoding='utf-8')}</style>"
# A question to a service is a line.
_MAX_QUERY, _MAX_FILES = 2_000, 100

Reply = dict[str, Any]


def papers_tab(shelf: Shelf) -> None:
    """Put the tab's content into the block that is open, such as a `gr.Tab`."""
    gr.HTML(
        _STYLE + frame_html(writable=shelf.is_writable, upload_mb=shelf.config.web.upload_mb),
        elem_id="papers",
        apply_default_css=False,
        js_on_load=(_HERE / "papers.js").read_text(encoding="utf-8"),
        server_functions=_calls(shelf),
    )


def _calls(shelf: Shelf) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""

    @_told
    def sheet(asked: Mapping[str, Any]) -> Reply:
        wanted = Sheet.model_validate(asked)
        page = shelf.page(wanted)
        return {"html": sheet_html(page, wanted), "total": page.total}

    @_told
    def overview(_: object) -> Reply:
        organisations, sources = shelf.tally("organisation"), shelf.tally("source")
        return {
            "growth": growth_html(shelf.tally("year"), organisations, sources),
            "organisation": options_html(organisations, "All"),
            "source": options_html(sources, "All"),
        }

    @_told
    def paper(paper_id: str) -> Reply:
        shown = shelf.shown(str(paper_id))
        if not shown:
            return {"error": "That paper is not in the index any more."}
        return {
            "html": shown_html(shown, writable=shelf.is_writable),
            "paper_id": shown.paper.paper_id,
        }

    @_told
    def add(asked: Mapping[str, Any]) -> Reply:
        files = [_uploaded(path) for path in list(asked.get("files") or [])[:_MAX_FILES]]
        return {"job": shelf.add(files, str(asked.get("query") or "")[:_MAX_QUERY])}

    @_told
    def change(asked: Mapping[str, Any]) -> Reply:
        does = {"remove": shelf.remove, "split": shelf.split}[asked["do"]]
        return {"job": does(str(asked["paper_id"]))}

    @_told
    def job(_: object) -> Reply:
        latest = shelf.jobs.latest()
        if not latest:
            return {}
        return {"id": latest.job_id, "over": latest.is_over, "html": job_html(latest)}

    @_told
    def cancel(job_id: str) -> Reply:
        return {"cancelled": shelf.jobs.cancel(str(job_id))}

    return [sheet, overview, paper, add, change, job, cancel]


def _told(call: Callable[[Any], Reply]) -> Callable[[Any], Reply]:
    """Give the script what went wrong as text for a person."""

    @wraps(call)
    def told(asked: Any) -> Reply:  # noqa: ANN401 - whatever was sent
        try:
            return call(asked)
        except FootnoteError as error:
            return {"error": str(error)}
        except (ValidationError, KeyError, TypeError, AttributeError):
            return {"error": "That cannot be asked; reload the page and try again."}

    return told


def _uploaded(path: object) -> Path:
    """Return the file of an upload; a caller may name no other file of this machine.

    Raises:
        SourceError: It is no upload, or gone.
    """
    folder = Path(get_upload_folder()).resolve()
    file = Path(str(path)).resolve()
    # Each upload has a folder of its own, which is deleted with it.
    if file.parent.parent != folder or not file.is_file():
        raise SourceError("that file was not uploaded here, or was read already; choose it again")
    return file
