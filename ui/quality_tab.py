"""The Quality tab: evaluation reports, what readers said, what was refused lately."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from footnote.ui.feedback import Feedback, Refusals
from footnote.ui.quality_render import (
    frame_html,
    judged_html,
    readers_html,
    report_html,
    reports_html,
)
from footnote.ui.reports import Reports
from footnote.ui.shelf import Shelf
from footnote.ui.tabs import STYLE, Reply, script, told


def quality_tab(shelf: Shelf) -> None:
    """Put the tab's content into the block that is open, such as a `gr.Tab`."""
    gr.HTML(
        STYLE + frame_html(),
        elem_id="quality",
        apply_default_css=False,
        js_on_load=script("quality.js"),
        server_functions=_calls(shelf),
    )


def _calls(shelf: Shelf) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""
    web = shelf.config.web
    reports = Reports(web.reports)
    feedback = Feedback(shelf.config.index)
    refusals = Refusals(shelf.config.index, web.keep_refused)

    @told
    def overview(_: object) -> Reply:
        listed = reports.newest()
        return {
            "reports": reports_html(listed, _shown(web.reports)),
            "newest": listed[0].name if listed else None,
            "readers": readers_html(feedback.said(), refusals.lately(), keeps=web.keep_refused > 0),
        }

    @told
    def report(name: str) -> Reply:
        found = next((each for each in reports.newest() if each.name == name), None)
        if not found:
            return {"error": "That report is not there any more; reload the page."}
        return {"html": report_html(name, found.report, reports.questions(name))}

    @told
    def question(asked: Mapping[str, Any]) -> Reply:
        judged = reports.judged(str(asked["report"]), str(asked["id"]))
        if not judged:
            return {"error": "That question is not in the report."}
        return {"html": judged_html(judged, shelf.titles(judged.relevant))}

    return [overview, report, question]


def _shown(folder: Path) -> str:
    """Return the folder as the settings name it, without what leads to it."""
    return folder.name if folder.is_absolute() else str(folder)
