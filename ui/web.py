"""Make the chat page: questions on the left, the paper behind a citation on the right."""

from collections.abc import Iterator
from contextlib import closing, suppress
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from footnote.rag.answering.citations import short_name
from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Config
from footnote.rag.core.errors import FootnoteError, IndexAccessError
from footnote.rag.core.records import Answer, Sentence
from footnote.ui.calls import Page
from footnote.ui.feedback import Refusals
from footnote.ui.jobs import Jobs
from footnote.ui.papers_tab import papers_tab
from footnote.ui.quality_tab import quality_tab
from footnote.ui.render import answer_html, draft_html, paper_html, parse_fragment
from footnote.ui.shelf import Shelf

_HERE = Path(__file__).parent


def build_page(assistant: Assistant, config: Config) -> gr.Blocks:
    """Make the page, not yet served. The assistant is shared by all its visitors."""
    shelf = Shelf(config, Jobs())
    refusals = Refusals(config.index, config.web.keep_refused)

    def answer(question: str, history: list[dict[str, Any]]) -> Iterator[str]:
        said: list[Sentence] = []
        status = ""
        before = earlier_questions(history)
        try:
            # Closed by the stop button, which closes this generator.
            with closing(assistant.ask_stream(question, before)) as events:
                for event in events:
                    if isinstance(event, Answer):
                        with suppress(IndexAccessError):
                            refusals.add(event)
                        yield answer_html(event)
                        return
                    if isinstance(event, Sentence):
                        said.append(event)
                    else:
                        status = event.text
                    yield draft_html(said, status)
        except FootnoteError as error:
            yield escape(str(error))

    def open_citation(event: gr.EventData) -> str:
        cited = parse_fragment(str(event.fragment))
        try:
            paper = assistant.paper(cited[0]) if cited else None
        except FootnoteError as error:
            return _empty_panel(f"{error}. ")
        if not cited or not paper:
            return _empty_panel("That paper is not in the index. ")
        return paper_html(paper, cited[1])

    n_papers = len(assistant.catalogue)
    with Page(title="Footnote", fill_height=True, analytics_enabled=False) as page:
        gr.HTML(
            f'<header class="footnote-header"><h1>Footnote</h1><p>Ask {n_papers:,} papers. Each '
            "sentence of the answer rests on a quote: click its marker to see it in its abstract."
            "</p></header>"
        )
        with gr.Tabs():
            with gr.Tab("Ask"), gr.Row(equal_height=False):
                with gr.Column(scale=3):
                    gr.ChatInterface(
                        answer,
                        chatbot=gr.Chatbot(
                            show_label=False,
                            height="68vh",
                            buttons=["copy"],
                            latex_delimiters=[],  # a price in dollars is not a formula
                            placeholder="Ask about any of the papers, or start with one of these.",
                        ),
                        textbox=gr.Textbox(
                            placeholder="Ask a question",
                            show_label=False,
                            container=False,
                            elem_id="question",
                            submit_btn=True,
                            stop_btn=True,
                        ),
                        examples=example_questions(assistant),
                        cache_examples=False,
                        api_name="ask",
                    )
                with gr.Column(scale=2):
                    panel = gr.HTML(
                        _empty_panel(),
                        elem_id="paper",
                        js_on_load=(_HERE / "citations.js").read_text(encoding="utf-8"),
                    )
                    panel.select(
                        open_citation,
                        outputs=panel,
                        show_progress="hidden",
                        api_visibility="private",
                    )
            with gr.Tab("Papers"):
                papers_tab(shelf)
            with gr.Tab("Quality"):
                quality_tab(shelf)
    return page


def _empty_panel(said: str = "") -> str:
    return (
        f'<article class="footnote-paper empty"><p>{escape(said)}Click a marker such as '
        '<span class="marker">[1]</span> to read the quoted sentence in its abstract.</p></article>'
    )


def earlier_questions(history: list[dict[str, Any]]) -> list[str]:
    """List what the visitor asked before, oldest first, from gradio's list of messages."""
    contents = [turn["content"] for turn in history if turn.get("role") == "user"]
    texts = ([c] if isinstance(c, str) else [part.get("text", "") for part in c] for c in contents)
    return [text for parts in texts if (text := " ".join(parts).strip())]


def example_questions(assistant: Assistant) -> list[str]:
    """Suggest up to four questions about the papers here; none for an empty catalogue."""
    papers = sorted(
        assistant.catalogue.papers(), key=lambda p: (-(p.upvotes or 0), -len(p.sightings), p.title)
    )
    names = ((short_name(p.title), p.abstract) for p in papers)
    named = [name for name, abstract in names if name and name in abstract]
    forms = ("What is {}?", "What does {} achieve?", "How does {} work?")
    questions = [form.format(name) for form, name in zip(forms, named, strict=False)]
    if len(named) > len(forms) + 1:
        questions.append(f"Compare {named[3]} and {named[4]}")
    return questions or [f"What is “{paper.title}” about?" for paper in papers[:3]]
