"""Write a report for the page: what it would cost, its sections as they are finished, all of it."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from footnote.rag.core.records import Report, Sentence
from footnote.rag.report import Estimate, ReportWriter, SoFar, Step
from footnote.ui.turn import section_draft_html
from footnote.ui.wording import Wording

Drawn = dict[str, str]


def report_replies(
    writer: ReportWriter, draw: Callable[[Report], Drawn], say: Wording
) -> Generator[dict[str, Any] | Report]:
    """Yield what the page shows while a report is written, and at last the report.

    Each reply has all of what is shown: `written`, the finished sections as `draw` renders them,
    and `draft`, the one that is being written. Closed, it stops the model.
    """
    written: Drawn = {"html": "", "evidence": ""}
    said, status = list[Sentence](), ""
    with closing(writer.write()) as events:
        for event in events:
            if isinstance(event, Report):
                yield event
                return
            if isinstance(event, SoFar):
                written = draw(event.report)
                said.clear()
            elif isinstance(event, Step):
                status = _status(event, say)
            elif isinstance(event, Sentence):
                said.append(event)
            yield {"written": written, "draft": section_draft_html(said, status)}


def estimate_line(estimate: Estimate, say: Wording) -> str | None:
    """Say in a line what is still to be asked of the model; None where nothing is."""
    if not estimate.calls:
        return None
    asked = say(
        "report.asked",
        estimate.calls,
        model=estimate.model,
        tokens_in=f"{estimate.tokens_in:,}",
        tokens_out=f"{estimate.tokens_out:,}",
    )
    kept = say("report.kept", estimate.kept) if estimate.kept else ""
    cost = say("report.cost", cost=f"{estimate.cost:,.2f}") if estimate.cost else ""
    return " ".join(filter(None, (kept, asked, cost)))


def _status(step: Step, say: Wording) -> str:
    """Say how far it is; sections are counted from 1."""
    at = min(step.done + 1, step.total)
    return say(f"report.{step.phase}", at=at, total=step.total)
