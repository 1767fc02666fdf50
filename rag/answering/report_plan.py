"""Have a model plan a report, and order the papers of each section; without a plan, take the usual.

A model is read leniently: what is too long or too much of a plan is cut, and of an order only the
numbers count.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from footnote.rag.answering.generative import spoken
from footnote.rag.answering.model_reader import further_queries, texts_of
from footnote.rag.answering.roles import gist
from footnote.rag.core.base import Record
from footnote.rag.core.records import Hit
from footnote.rag.llm.listing import Choice, Shown
from footnote.rag.llm.port import Model
from footnote.rag.llm.report_prompts import NONE, ask_to_plan, ask_to_rank
from footnote.rag.llm.talk import Reply

MOST_SECTIONS = 7
PLAN_TOKENS, RANK_TOKENS = 2_000, 400
_MOST_QUESTIONS = 2
_MOST_CHARS = 300
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_NUMBER = re.compile(r"\b\d{1,3}\b")


class PlannedSection(Record):
    """A section before it is written."""

    heading: str
    questions: tuple[str, ...]
    """What is searched for it; at least one."""
    queries: tuple[str, ...] = ()
    """What is searched for beside each of them."""


class Plan(Record):
    """What a report is to say, in which order."""

    title: str
    sections: tuple[PlannedSection, ...]


class _WrittenSection(BaseModel):
    heading: str
    questions: list[str] = Field(min_length=1)
    queries: Any = None
    """Read as far as it is a list of texts: no plan is the worse for these."""


class _WrittenPlan(BaseModel):
    """What a model writes; what else it writes is not read."""

    title: str
    sections: list[Any]
    """Read one by one: no other is the worse for one that is none."""


def plan_choice(model: Model, topic: str, hits: Sequence[Hit], *, most_queries: int = 0) -> Choice:
    """Build what asks a model for a plan, and for further searches for each section."""
    room = model.context_window - PLAN_TOKENS
    return ask_to_plan(topic, _shown(hits), room=room, most_queries=most_queries)


def rank_choice(model: Model, section: PlannedSection, hits: Sequence[Hit]) -> Choice:
    """Build what asks a model which papers speak to a section."""
    room = model.context_window - RANK_TOKENS
    return ask_to_rank(section.heading, section.questions, _shown(hits), room=room)


def plan_with(
    model: Model, topic: str, choice: Choice, *, timeout_s: float, most_queries: int = 0
) -> Plan:
    """Have a model plan a report; the usual plan where it writes none.

    Raises:
        GenerationError: It does not answer.
    """
    text = _answer(model, choice, timeout_s=timeout_s, max_tokens=PLAN_TOKENS)
    return read_plan(text, most_queries=most_queries) or usual_plan(topic)


def read_plan(text: str, *, most_queries: int = 0) -> Plan | None:
    """Read the plan that a model wrote; None where there is none."""
    try:
        found = _OBJECT.search(text)
        written = _WrittenPlan.model_validate(json.loads(found[0])) if found else None
    except (ValidationError, json.JSONDecodeError, RecursionError):
        return None
    told = filter(None, map(_section, written.sections if written else ()))
    sections = [_planned(section, most_queries) for section in told]
    kept = [s for s in sections if _says_something(s.heading) and s.questions]
    title = _line(written.title) if written else ""
    return Plan(title=title, sections=tuple(kept[:MOST_SECTIONS])) if title and kept else None


def _section(written: object) -> _WrittenSection | None:
    try:
        return _WrittenSection.model_validate(written)
    except ValidationError:
        return None


def usual_plan(topic: str) -> Plan:
    """Return the plan for a topic of which no model has made one."""
    asked = {
        "What is proposed": f"What do papers on {topic} propose?",
        "How it works": f"How does {topic} work?",
        "What is reported": f"What do papers on {topic} report, in figures?",
        "What is left open": f"What are the limits of {topic}, and what is left open?",
    }
    sections = [PlannedSection(heading=name, questions=(q,)) for name, q in asked.items()]
    return Plan(title=topic, sections=tuple(sections))


def rank_with(model: Model, choice: Choice, *, timeout_s: float) -> list[int] | None:
    """Have a model choose papers.

    Returns:
        Their places, from 0, best first; none where it says that none fits, None where it names no
        paper at all.

    Raises:
        GenerationError: It does not answer.
    """
    text = _answer(model, choice, timeout_s=timeout_s, max_tokens=RANK_TOKENS)
    numbers = dict.fromkeys(map(int, _NUMBER.findall(text)))
    places = [n - 1 for n in numbers if 1 <= n <= choice.n_shown]
    return places if places or NONE in text.upper() else None


def merged(found: Iterable[Sequence[Hit]], most: int) -> list[Hit]:
    """Merge what was found for several questions, each paper by the question that it fits best."""
    best: dict[str, Hit] = {}
    for hits in found:
        for hit in hits:
            known = best.get(hit.paper.paper_id)
            if known is None or hit.score > known.score:
                best[hit.paper.paper_id] = hit
    return sorted(best.values(), key=lambda hit: (-hit.score, hit.paper.paper_id))[:most]


def shared_out(ranked: Sequence[Sequence[Hit]], *, each: int, most: int) -> list[list[Hit]]:
    """Give each section its best papers, in turn, until all have so many different ones.

    Args:
        ranked: Of each section its papers, best first.
        each: Papers of a section at most.
        most: Different papers of all at most; what one section has costs the next nothing.
    """
    chosen: set[str] = set()
    shares: list[list[Hit]] = [[] for _ in ranked]
    for rank in range(min(each, max(map(len, ranked), default=0))):
        for share, hits in zip(shares, ranked, strict=True):
            if rank < len(hits) and (hits[rank].paper.paper_id in chosen or len(chosen) < most):
                chosen.add(hits[rank].paper.paper_id)
                share.append(hits[rank])
    return shares


def _answer(model: Model, choice: Choice, *, timeout_s: float, max_tokens: int) -> str:
    reply = Reply(model, choice.messages, timeout_s=timeout_s, max_tokens=max_tokens)
    return "".join(spoken(reply))


def _shown(hits: Sequence[Hit]) -> list[Shown]:
    return [Shown(hit.paper.title, gist(hit)) for hit in hits]


def _planned(written: _WrittenSection, most_queries: int) -> PlannedSection:
    questions = tuple(q for q in map(_line, written.questions) if _says_something(q))
    questions = questions[:_MOST_QUESTIONS]
    queries = further_queries(texts_of(written.queries), questions, most=most_queries)
    return PlannedSection(heading=_line(written.heading), questions=questions, queries=queries)


def _line(text: str) -> str:
    return " ".join(text.split())[:_MOST_CHARS].strip()


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))
