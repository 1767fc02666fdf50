"""Make the page, a tab for each thing that people do here."""

from contextlib import suppress

import gradio as gr

from footnote.export.forms import export
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_report
from footnote.rag.core.config import Config
from footnote.rag.core.errors import FootnoteError, IndexAccessError
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Filters
from footnote.rag.report import ReportWriter
from footnote.rag.watches import Watches
from footnote.ui.ask_tab import Helpers, ask_tab, top
from footnote.ui.calls import Page
from footnote.ui.feedback import Feedback, Refusals
from footnote.ui.papers_tab import papers_tab
from footnote.ui.quality_tab import quality_tab
from footnote.ui.shelf import Shelf

# How often uploads that were never taken in are looked for, and how old these are, in seconds.
_UPLOADS_S = (3600, 24 * 3600)


def build_page(assistant: Assistant, config: Config, shelf: Shelf) -> gr.Blocks:
    """Make the page, not yet served. The assistant and the shelf are shared by all its visitors."""
    with Page(
        title="Footnote", fill_width=True, analytics_enabled=False, delete_cache=_UPLOADS_S
    ) as page:
        top()
        with gr.Tabs(elem_id="fn-tabs"):
            with gr.Tab("Ask"):
                ask_tab(assistant, _helpers(config))
            with gr.Tab("Papers"):
                papers_tab(shelf)
            with gr.Tab("Quality"):
                quality_tab(shelf)
        _for_programs(assistant)
    return page


def _helpers(config: Config) -> Helpers:
    refusals = Refusals(config.index, config.web.keep_refused)

    def note(answer: Answer) -> None:
        with suppress(IndexAccessError):  # a folder that is only read keeps no notes
            refusals.add(answer)

    def report(assistant: Assistant, topic: str, n_papers: int, filters: Filters) -> ReportWriter:
        return open_report(config, assistant, topic, papers=n_papers, filters=filters)

    return Helpers(
        export=export,
        judge=Feedback(config.index).add,
        note=note,
        report=report,
        watches=Watches(config.index),
    )


def _for_programs(assistant: Assistant) -> None:
    """Let a program ask with gradio's client, as before there was this page."""

    def ask(question: str) -> str:
        try:
            return assistant.ask(question).answer
        except FootnoteError as error:
            return str(error)

    question, said = gr.Textbox(visible=False), gr.Textbox(visible=False)
    question.submit(ask, question, said, api_name="ask")
