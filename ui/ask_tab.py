"""The Ask tab: its HTML and script, and what the script calls."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple, Protocol

import gradio as gr

from footnote.rag.assistant import Assistant
from footnote.rag.core.errors import FootnoteError, QuestionError
from footnote.rag.core.records import Answer, Paper, Report, Sentence
from footnote.rag.core.request import Filters
from footnote.rag.replay import replayed
from footnote.rag.report import ReportWriter
from footnote.rag.watches import Watches
from footnote.ui.asked import MOST_DRAWN, Asked, read_turn
from footnote.ui.choices import choices_html
from footnote.ui.difference import difference_html
from footnote.ui.evidence import evidence_html
from footnote.ui.examples import example_questions
from footnote.ui.labels import quotes_of
from footnote.ui.news_turn import watch_calls
from footnote.ui.report_turn import estimate_line, report_replies
from footnote.ui.tabs import Reply, script, told
from footnote.ui.turn import draft_html, report_html, sections_html, turn_html
from footnote.ui.wording import ASSETS, Wording, wording

_SCRIPTS = (
    "remember", "words", "dom", "store", "wire", "thread", "report", "news", "evidence", "filters",
    "pins", "conversations", "links", "box", "dialogs", "settings", "actions", "keys", "start",
)  # fmt: skip
_STYLES = ("frame", "thread", "evidence", "narrow", "print")
_FOUND, _SIMILAR = 6, 5
_MAX_TYPED = 200
# Papers that a report is written from, as much as is usually read.
_REPORT_PAPERS = 30
# Tells the script that gradio's queue did not answer.
_FAILED = "() => { document.dispatchEvent(new Event('footnote-failed')); }"


class File(Protocol):
    """A file for the reader to keep."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def media_type(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class Helpers(NamedTuple):
    """What others do for the page; a button whose helper is missing is not shown."""

    export: Callable[[Answer, Callable[[str], Paper | None], Any], File] | None = None
    """Writes an answer, whose papers it is given by id, in a form such as `bibtex`."""
    judge: Callable[[Answer, Any, str], None] | None = None
    """Notes what a reader says of an answer: `right` or `wrong`, and why."""
    note: Callable[[Answer], None] | None = None
    """Notes an answer that was given."""
    report: Callable[[Assistant, str, int, Filters], ReportWriter] | None = None
    """Prepares a report on a topic, from so many papers at most."""
    watches: Watches | None = None
    """Keeps standing questions."""


def ask_tab(assistant: Assistant, helpers: Helpers) -> None:
    """Put the tab's content into the block that is open, such as a `gr.Tab`."""
    gr.HTML(
        _asset("shell.html"),
        elem_id="fn-shell",
        apply_default_css=False,
        js_on_load=None,
    )
    wire = gr.HTML(
        None,
        html_template="",
        elem_id="fn-wire",
        apply_default_css=False,
        js_on_load=script(*_SCRIPTS),
        server_functions=_calls(assistant, helpers),
    )

    def answer(event: gr.EventData) -> Iterator[Reply]:
        asked = Asked.read(event.asked)
        try:
            replies = _report if asked.is_report else _answer
            for reply in replies(assistant, helpers, asked):
                yield {"id": asked.id} | reply
        except FootnoteError as error:
            yield {"id": asked.id, "error": str(error)}
        except Exception:  # else the page would not know which answer failed
            yield {"id": asked.id, "error": wording(asked.language)("broke")}
            raise

    asking = wire.submit(
        answer,
        outputs=wire,
        show_progress="hidden",
        trigger_mode="multiple",
        api_visibility="private",
    )
    asking.failure(None, js=_FAILED)
    wire.stop(None, cancels=[asking], queue=False)


def top() -> None:
    """Put the bar above all tabs into the block that is open, with what all tabs look like."""
    style = "".join(_asset(f"{name}.css") for name in _STYLES)
    gr.HTML(
        f"<style>{style}</style>{_asset('top.html')}",
        elem_id="fn-header",
        apply_default_css=False,
        js_on_load=None,
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _answer(assistant: Assistant, helpers: Helpers, asked: Asked) -> Iterator[dict[str, Any]]:
    say, said, status = wording(asked.language), list[Sentence](), ""
    # Closed by the stop button, which closes this generator.
    with closing(_events(assistant, asked)) as events:
        for each in events:
            if isinstance(each, Answer):
                if helpers.note:
                    helpers.note(each)
                drawn = _drawn(assistant, each, say) | _compared(assistant, asked, each, say)
                yield {"answer": each.model_dump(mode="json")} | drawn
                return
            if isinstance(each, Sentence):
                said.append(each)
            else:
                status = each.text
            yield {"draft": draft_html(said, status, say)}


def _report(assistant: Assistant, helpers: Helpers, asked: Asked) -> Iterator[dict[str, Any]]:
    say = wording(asked.language)

    def so_far(report: Report) -> dict[str, str]:
        papers = _papers(assistant, report.answer)
        html = sections_html(report, papers, say)
        return {"html": html, "evidence": evidence_html(report.answer, papers, say)}

    writer = _prepared(assistant, helpers, asked)
    with closing(report_replies(writer, so_far, say)) as replies:
        for each in replies:
            if isinstance(each, Report):
                kept = {"report": each.model_dump(mode="json", exclude={"answer"})}
                answer = each.answer.model_dump(mode="json")
                yield {"answer": answer} | kept | _drawn(assistant, each, say)
            else:
                yield each


def _prepared(assistant: Assistant, helpers: Helpers, asked: Asked) -> ReportWriter:
    if not helpers.report:
        raise QuestionError("no reports are written here")
    n_papers = round(_REPORT_PAPERS * asked.manner.depth.factor)
    return helpers.report(
        assistant.in_manner(asked.manner), asked.question, n_papers, asked.filters
    )


def _events(assistant: Assistant, asked: Asked) -> Any:  # noqa: ANN401
    assistant = assistant.in_manner(asked.manner)
    if asked.before and asked.before.request:  # as it was understood then
        return assistant.ask_stream(asked.question, asked.history, request=asked.before.request)
    return assistant.ask_stream(
        asked.question, asked.history, request=asked.request, within=asked.filters
    )


def _compared(assistant: Assistant, asked: Asked, answer: Answer, say: Wording) -> dict[str, str]:
    if not asked.before:
        return {}
    difference = replayed(asked.before, answer, assistant.paper)
    return {"difference": difference_html(difference, say)}


def _drawn(assistant: Assistant, turn: Answer | Report, say: Wording) -> dict[str, str]:
    """Render an answer or a report and its evidence from the papers as they are now."""
    answer = turn if isinstance(turn, Answer) else turn.answer
    papers = _papers(assistant, answer)
    if isinstance(turn, Report):
        shown = report_html(turn, papers, say)
    else:
        shown = turn_html(turn, papers, say)
    return {"html": shown, "evidence": evidence_html(answer, papers, say)}


def _papers(assistant: Assistant, answer: Answer) -> dict[str, Paper]:
    """Return the papers of an answer that are still here, by id."""
    ids = {s.paper_id for s in answer.sources} | {c.paper_id for c in quotes_of(answer)}
    return {each: paper for each in ids if (paper := assistant.paper(each))}


def _calls(assistant: Assistant, helpers: Helpers) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""

    @told
    def begin(_: Mapping[str, Any], say: Wording) -> Reply:
        return {
            **_progress(assistant),
            "model": assistant.model_name,
            "examples": [each._asdict() for each in example_questions(assistant)],
            "filters": choices_html(assistant.catalogue, say),
            "can": {
                "export": bool(helpers.export),
                "feedback": bool(helpers.judge),
                "report": bool(helpers.report),
                "watch": bool(helpers.watches),
            },
        }

    @told
    def progress(_sent: Mapping[str, Any], _say: Wording) -> Reply:
        return _progress(assistant)

    @told
    def draw(sent: Mapping[str, Any], say: Wording) -> Reply:
        turns = map(read_turn, list(sent.get("turns") or [])[:MOST_DRAWN])
        return [turn and _drawn(assistant, turn, say) for turn in turns]

    @told
    def find(sent: Mapping[str, Any], _: Wording) -> Reply:
        papers = assistant.glance(str(sent.get("text"))[:_MAX_TYPED], _FOUND)
        return [{"paper_id": paper.paper_id, "title": paper.title} for paper in papers]

    @told
    def similar(sent: Mapping[str, Any], _: Wording) -> Reply:
        paper = assistant.paper(str(sent.get("paper_id")))
        hits = assistant.search(paper.title, _SIMILAR + 1) if paper else []
        others = [hit.paper for hit in hits if paper and hit.paper.paper_id != paper.paper_id]
        return [{"paper_id": each.paper_id, "title": each.title} for each in others[:_SIMILAR]]

    @told
    def export(sent: Mapping[str, Any], _: Wording) -> Reply:
        turn = read_turn(sent)
        if not helpers.export or not turn:
            return {}
        answer = turn if isinstance(turn, Answer) else _titled(turn)
        if sent.get("only"):
            answer = _of_papers(answer, frozenset(map(str, sent["only"])))
        file = helpers.export(answer, assistant.paper, str(sent.get("form")))
        return {"name": file.name, "media_type": file.media_type, "text": file.text}

    @told
    def judge(sent: Mapping[str, Any], _: Wording) -> Reply:
        answer = read_turn({"answer": sent.get("answer")})
        if helpers.judge and isinstance(answer, Answer):
            helpers.judge(answer, str(sent.get("verdict")), str(sent.get("note")))
        return {}

    @told
    def estimate(sent: Mapping[str, Any], say: Wording) -> Reply:
        asked = Asked.read(sent)
        writer = _prepared(assistant, helpers, asked)
        return {"line": estimate_line(writer.estimate(), say)}

    watching = watch_calls(assistant, helpers.watches) if helpers.watches else []
    return [begin, progress, draw, find, similar, export, judge, estimate, *watching]


def _progress(assistant: Assistant) -> dict[str, Any]:
    """Say how many papers answer, some by their words alone, and how many are still coming."""
    catalogue = assistant.catalogue
    return {
        "n_papers": catalogue.count_served(),
        "n_coming": catalogue.count_coming(),
        "n_by_words": catalogue.count_by_words(),
        "awaited": assistant.awaits_papers,
    }


def _of_papers(answer: Answer, paper_ids: frozenset[str]) -> Answer:
    """Return what an answer quotes of these papers alone, one sentence after the other."""
    about = (
        (sentence, tuple(c for c in sentence.citations if c.paper_id in paper_ids))
        for sentence in answer.sentences
    )
    return answer.model_copy(
        update={
            "sentences": tuple(
                sentence.model_copy(update={"citations": own}) for sentence, own in about if own
            ),
            "sources": tuple(s for s in answer.sources if s.paper_id in paper_ids),
            "blocks": (),
        }
    )


def _titled(report: Report) -> Answer:
    """Return a report as an answer whose page has its title."""
    return report.answer.model_copy(update={"question": report.title})
