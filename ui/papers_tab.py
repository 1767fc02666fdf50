"""The Papers tab: the catalogue as a table, a paper's own page, adding and removing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from footnote.rag.core.errors import SourceError
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
from footnote.ui.tabs import STYLE, Reply, script, told
from footnote.ui.wording import Wording

# A question to a service is a line.
_MAX_QUERY, _MAX_FILES = 2_000, 100


def papers_tab(shelf: Shelf) -> None:
    """Put the tab's content into the block that is open, such as a `gr.Tab`."""
    gr.HTML(
        STYLE + frame_html(writable=shelf.is_writable, upload_mb=shelf.config.web.upload_mb),
        elem_id="papers",
        apply_default_css=False,
        js_on_load=script("remember", "words", "papers"),
        server_functions=_calls(shelf),
    )


def _calls(shelf: Shelf) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""

    @told
    def sheet(sent: Mapping[str, Any], say: Wording) -> Reply:
        wanted = Sheet.model_validate(sent["sheet"])
        page = shelf.page(wanted)
        return {"html": sheet_html(page, wanted, say), "total": page.total}

    @told
    def overview(_: Mapping[str, Any], say: Wording) -> Reply:
        organisations, sources = shelf.tally("organisation"), shelf.tally("source")
        return {
            "growth": growth_html(shelf.tally("year"), organisations, sources, say),
            "organisation": options_html(organisations, say("all")),
            "source": options_html(sources, say("all")),
        }

    @told
    def paper(sent: Mapping[str, Any], say: Wording) -> Reply:
        shown = shelf.shown(str(sent["paper_id"]))
        if not shown:
            return {"error": say("paper_gone")}
        return {
            "html": shown_html(shown, say, writable=shelf.is_writable),
            "paper_id": shown.paper.paper_id,
        }

    @told
    def add(sent: Mapping[str, Any], _: Wording) -> Reply:
        files = [_uploaded(path) for path in list(sent.get("files") or [])[:_MAX_FILES]]
        return {"job": shelf.add(files, str(sent.get("query") or "")[:_MAX_QUERY])}

    @told
    def change(sent: Mapping[str, Any], _: Wording) -> Reply:
        does = {"remove": shelf.remove, "split": shelf.split}[sent["do"]]
        return {"job": does(str(sent["paper_id"]))}

    @told
    def job(_: Mapping[str, Any], say: Wording) -> Reply:
        latest = shelf.jobs.latest()
        if not latest:
            return {}
        return {"id": latest.job_id, "over": latest.is_over, "html": job_html(latest, say)}

    @told
    def cancel(sent: Mapping[str, Any], _: Wording) -> Reply:
        return {"cancelled": shelf.jobs.cancel(str(sent["job_id"]))}

    return [sheet, overview, paper, add, change, job, cancel]


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
