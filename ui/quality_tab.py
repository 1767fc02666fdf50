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
from footnote.ui.wording import Wording


def quality_tab(shelf: Shelf) -> None:
    """Put the tab's content into the block that is open, such as a `gr.Tab`."""
    gr.HTML(
        STYLE + frame_html(),
        elem_id="quality",
        apply_default_css=False,
        js_on_load=script("remember", "words", "quality"),
        server_functions=_calls(shelf),
    )


def _calls(shelf: Shelf) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""
    web = shelf.config.web
    reports = Reports(web.reports)
    feedback = Feedback(shelf.config.index)
    refusals = Refusals(shelf.config.index, web.keep_refused)

    @told
    def overview(_: Mapping[str, Any], say: Wording) -> Reply:
        listed = reports.newest()
        return {
            "reports": reports_html(listed, _shown(web.reports), say),
            "newest": listed[0].name if listed else None,
            "readers": readers_html(
                feedback.said(), refusals.lately(), say, keeps=web.keep_refused > 0
            ),
        }

    @told
    def report(sent: Mapping[str, Any], say: Wording) -> Reply:
        name = str(sent["name"])
        found = next((each for each in reports.newest() if each.name == name), None)
        if not found:
            return {"error": say("report_gone")}
        return {"html": report_html(name, found.report, reports.questions(name), say)}

    @told
    def question(sent: Mapping[str, Any], say: Wording) -> Reply:
        judged = reports.judged(str(sent["report"]), str(sent["id"]))
        if not judged:
            return {"error": say("question_gone")}
        return {"html": judged_html(judged, shelf.titles(judged.relevant), say)}

    return [overview, report, question]


def _shown(folder: Path) -> str:
    """Return the folder as the settings name it, without what leads to it."""
    return folder.name if folder.is_absolute() else str(folder)
