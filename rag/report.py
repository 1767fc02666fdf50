"""Write a report on a topic: plan it, read for each section, write each, join them.

What a model gave is kept as soon as it is there (`rag.answering.report_steps`), so a report that
was interrupted asks for nothing twice.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from footnote.rag.answering.citations import reason_for_refusal, refuse
from footnote.rag.answering.generative import NOTHING_FOUND, Event, Writer
from footnote.rag.answering.report_parts import (
    Joining,
    named,
    quotes_by_role,
    quotes_on,
    table_of,
)
from footnote.rag.answering.report_plan import (
    MOST_SECTIONS,
    PLAN_TOKENS,
    RANK_TOKENS,
    Plan,
    PlannedSection,
    merged,
    plan_choice,
    plan_with,
    rank_choice,
    rank_with,
    shared_out,
)
from footnote.rag.answering.report_steps import Order, Steps
from footnote.rag.answering.topic import on_topic
from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Answer, Hit, Paper, Report, fingerprint
from footnote.rag.core.request import Filters, Kind, Request
from footnote.rag.llm.listing import Choice
from footnote.rag.llm.port import Message
from footnote.rag.llm.prompts import estimate_tokens
from footnote.rag.llm.report_prompts import section_task

MOST_PAPERS = 60
# Found for each question of the plan, and ordered by the model for each section.
_CANDIDATES = 40
_PLAN, _ORDER, _SECTION = "plan", "order", "section"
_MILLION = 1_000_000
# Tokens that say what a section is to be, at most as a rule.
_TASK = 500


class Step(NamedTuple):
    """Progress of a report."""

    phase: str
    done: int
    total: int


class SoFar(NamedTuple):
    """The sections that are finished, numbered as in the whole report."""

    report: Report


ReportEvent = Event | Step | SoFar | Report


class Estimate(Record):
    """What is still to be asked of the model, at most."""

    model: str | None
    """None where nothing is asked: none is configured, or no paper comes near the topic."""
    calls: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    """In the currency of `llm.price_in` and `llm.price_out`; None where they are not set."""
    kept: int
    """Steps that an earlier run has finished; they are not asked again."""


class ReportWriter:
    """Writes one report; written again, it goes on where it was interrupted."""

    def __init__(
        self,
        assistant: Assistant,
        topic: str,
        *,
        papers: int,
        filters: Filters | None = None,
        folder: Path,
        timeout_s: float,
        price_in: float | None = None,
        price_out: float | None = None,
    ):
        """Prepare it; nothing is asked of the model yet, and nothing is written.

        Args:
            assistant: The papers, and the model if there is one.
            topic: As a person typed it.
            papers: How many it is written from at most, up to `MOST_PAPERS`.
            filters: Which papers may be read; None for all.
            folder: Where what is finished is kept, a folder a report.
            timeout_s: For the plan, and for each order of papers.
            price_in: Of a million tokens that the model reads; None where it is not known.
            price_out: Of a million that it writes.

        Raises:
            QuestionError: The topic is empty or too long.
        """
        self._assistant = assistant
        self._topic = " ".join(topic.split())
        self._n_papers = min(papers, MOST_PAPERS)
        self._filters = filters or Filters()
        self._timeout_s = timeout_s
        self._prices = price_in, price_out
        writer = assistant.current_writer()
        self._writer, self._meter = writer.metered() if writer else (None, None)
        strong = self._writer and self._writer.is_strong
        self._most_queries = assistant.most_queries if strong else 0
        self._state = assistant.catalogue.state()
        self._near = assistant.find(topic, _CANDIDATES, self._filters)
        self._refusal = self._refused()
        self._steps = self._opened_steps(folder)

    @property
    def began_anew(self) -> bool:
        """True where steps of an earlier run count no more: papers have changed since."""
        return self._steps.began_anew

    @property
    def folder(self) -> Path:
        """Where its finished steps are."""
        return self._steps.folder

    def estimate(self) -> Estimate:
        """Return what is still to be asked of the model, at most; it is asked nothing for this."""
        if not self._writer or self._refusal:
            return Estimate(model=None, calls=0, tokens_in=0, tokens_out=0, cost=None, kept=0)
        kept = {kind: self._steps.count(kind) for kind in (_PLAN, _ORDER, _SECTION)}
        model = self._writer.model
        plan = self._kept_plan(self._writer)
        n_sections = len(plan.sections) if plan else MOST_SECTIONS
        n_orders, n_written = (max(n_sections - kept[kind], 0) for kind in (_ORDER, _SECTION))
        n_plans = 0 if plan else 1
        choosing = _tokens(self._plan_choice(self._writer).messages)
        read, written = self._writer.most_tokens([hit.paper for hit in self._near])
        tokens_in = (n_plans + n_orders) * choosing + n_written * (read + _TASK)
        tokens_out = n_plans * PLAN_TOKENS + n_orders * RANK_TOKENS + n_written * written
        return Estimate(
            model=model.name,
            calls=n_plans + n_orders + n_written,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            cost=_cost(tokens_in, tokens_out, *self._prices),
            kept=sum(kept.values()),
        )

    def written(self, on_progress: Callable[[str, int, int | None], None]) -> Report:
        """Write it as `write` does; told of progress are a phase, and how much of it is done."""
        report: Report | None = None
        for event in self.write():
            if isinstance(event, Step):
                on_progress(*event)
            elif isinstance(event, Report):
                report = event
        if report is None:
            raise RuntimeError("a topic without a report")
        return report

    def write(self) -> Generator[ReportEvent]:
        """Write it.

        Yields:
            Progress, the statements of a section as they are bound, after each section what there
            is so far, and at last the report. Close the generator to stop; what is finished is
            kept.

        Raises:
            IndexAccessError: What is finished cannot be kept.
        """
        if self._refusal:
            yield self._refusal
            return
        if not self._writer:
            yield self._by_quotes("Quotes only: no language model is configured.")
            return
        try:
            yield Step("planning", 0, 1)
            plan = self._plan(self._writer)
            yield Step("planning", 1, 1)
        except GenerationError as error:
            yield self._by_quotes(f"Quotes only: the model {self._writer.model.name} {error}.")
            return
        yield from self._written(self._writer, plan)

    def _written(self, writer: Writer, plan: Plan) -> Generator[ReportEvent]:
        """Read and write section by section, and join them."""
        n_sections = len(plan.sections)
        found: list[list[Hit]] = []
        ranked: list[list[Hit]] = []
        for at, section in enumerate(plan.sections):
            yield Step("reading", at, n_sections)
            found.append(self._found(section))
            ranked.append(self._ranked(writer, section, found[-1]))
        yield Step("reading", n_sections, n_sections)
        shares = shared_out(ranked, each=writer.papers, most=self._n_papers)
        joining = Joining(self._topic, plan.title)
        limits: list[str] = []
        for at, (section, hits) in enumerate(zip(plan.sections, shares, strict=True)):
            yield Step("writing", at, n_sections)
            answer = yield from self._section(writer, plan, section, hits)
            remark = _remark(section, answer)
            joining.add(
                section.heading,
                None if _found_nothing(answer) else answer,
                questions=(*section.questions, *section.queries),
                n_papers=len(hits),
                remarks=[remark] if remark else [],
            )
            limits += [f"“{section.heading}”: {remark}"] if remark else []
            yield SoFar(joining.report())
        yield Step("writing", n_sections, n_sections)
        read = _distinct(chain.from_iterable(shares))
        near = _distinct(chain.from_iterable(on_topic(hits) for hits in found))
        yield self._joined(joining, read, near, limits)

    def _by_quotes(self, why: str) -> Report:
        """Make the report of quotes alone, a section for each role of a sentence."""
        near = on_topic(self._assistant.find(self._topic, MOST_PAPERS, self._filters))
        read = near[: self._n_papers]
        joining = Joining(self._topic, self._topic)
        ranked = self._assistant.evidence(self._topic, read)
        for section, answer in quotes_by_role(self._topic, ranked):
            joining.add(section.heading, answer, questions=section.questions, n_papers=len(read))
        return self._joined(joining, read, near, [why])

    def _joined(
        self, joining: Joining, read: Sequence[Hit], near: Sequence[Hit], limits: Sequence[str]
    ) -> Report:
        """Add the table of papers and the limits."""
        papers = [hit.paper for hit in read]
        limits = [*limits, *self._limits(joining, papers, near)]
        if papers:
            table = table_of(self._topic, self._assistant.evidence(self._topic, read))
            joining.add("The papers", table, n_papers=len(papers))
        joining.add("Limits", remarks=limits)
        report = joining.report()
        if not self._meter or not report.answer.writing:
            return report
        writing = self._meter.noted(report.answer.writing)
        answer = report.answer.model_copy(update={"writing": writing})
        return report.model_copy(update={"answer": answer})

    def _limits(
        self, joining: Joining, papers: Sequence[Paper], near: Sequence[Hit]
    ) -> Iterator[str]:
        """Say what the report does not rest on, a line each."""
        n_here = len(self._assistant.catalogue)
        yield f"Written from {len(papers):,} of the {n_here:,} papers here."
        if uncited := [paper for paper in papers if paper.paper_id not in joining.cited]:
            yield f"Read, but cited in no section: {len(uncited):,}: {named(uncited)}."
        read = {paper.paper_id for paper in papers}
        if n_more := sum(hit.paper.paper_id not in read for hit in near):
            yield f"Found near it, but not read: {n_more:,}."
        if n_undated := sum(paper.date is None for paper in papers):
            yield f"Without a date: {n_undated:,} of the papers read."
        if self._assistant.catalogue.state() != self._state:
            yield "The papers here changed while it was written; written again, it begins anew."
        states = joining.states()
        if states["differs"]:
            yield f"Statements that differ from their sentences, as is said: {states['differs']}."
        if states["unbound"]:
            yield f"Statements that rest on no sentence, shown as uncited: {states['unbound']}."
        if joining.n_left_out:
            yield f"Statements of the drafts that no sentence says, left out: {joining.n_left_out}."

    def _refused(self) -> Report | None:
        """Return the refusal where nothing comes near the topic."""
        request = Request(question=self._topic, kind=Kind.SURVEY, filters=self._filters)
        draft = self._assistant.draft(self._topic, request=request)
        if draft.comes_near:
            return None
        n_papers = len(self._assistant.asked(self._filters))
        reason = reason_for_refusal(draft, n_papers, filtered=bool(self._filters))
        answer = refuse(request, draft, reason)
        return Report(topic=self._topic, title=self._topic, answer=answer)

    def _plan(self, writer: Writer) -> Plan:
        if kept := self._kept_plan(writer):
            return kept
        choice = self._plan_choice(writer)
        plan = plan_with(
            writer.model,
            self._topic,
            choice,
            timeout_s=self._timeout_s,
            most_queries=self._most_queries,
        )
        self._steps.put(_PLAN, _texts(choice.messages), plan)
        return plan

    def _kept_plan(self, writer: Writer) -> Plan | None:
        return self._steps.get(_PLAN, _texts(self._plan_choice(writer).messages), Plan)

    def _plan_choice(self, writer: Writer) -> Choice:
        most = self._most_queries
        return plan_choice(writer.model, self._topic, self._near, most_queries=most)

    def _found(self, section: PlannedSection) -> list[Hit]:
        """Search each question of a section with what is beside it, and merge what is found."""
        hits = (
            self._assistant.find(question, _CANDIDATES, self._filters, section.queries)
            for question in section.questions
        )
        return merged(hits, _CANDIDATES)

    def _ranked(self, writer: Writer, section: PlannedSection, hits: Sequence[Hit]) -> list[Hit]:
        """Have the model order papers; those on topic, as they were found, where it does not."""
        if not hits:
            return []
        choice = rank_choice(writer.model, section, hits)
        texts = _texts(choice.messages)
        by_id = {hit.paper.paper_id: hit for hit in hits}
        if kept := self._steps.get(_ORDER, texts, Order):
            return [by_id[each] for each in kept.paper_ids if each in by_id]
        try:
            places = rank_with(writer.model, choice, timeout_s=self._timeout_s)
        except GenerationError:
            return on_topic(hits)
        ranked = on_topic(hits) if places is None else [hits[at] for at in places]
        order = Order(paper_ids=tuple(hit.paper.paper_id for hit in ranked))
        self._steps.put(_ORDER, texts, order)
        return ranked

    def _section(
        self, writer: Writer, plan: Plan, section: PlannedSection, hits: Sequence[Hit]
    ) -> Generator[ReportEvent, None, Answer]:
        """Write a section; quotes where the model fails, which is tried again by the next run."""
        others = [other.heading for other in plan.sections if other is not section]
        task = section_task(self._topic, section.heading, section.questions, others)
        of = [task, *(f"{hit.paper.paper_id} {hit.paper.version}" for hit in hits)]
        if kept := self._steps.get(_SECTION, of, Answer):
            return kept
        answer = quotes_on(task, self._assistant.evidence(" ".join(section.questions), hits))
        if not hits:
            return answer
        # The words it checks by are of the index as it is now.
        if now := self._assistant.current_writer():
            writer, _ = now.metered(self._meter)
        with closing(writer.write(answer, [hit.paper for hit in hits])) as events:
            for event in events:
                if isinstance(event, Answer):
                    answer = event
                else:
                    yield event
        if answer.mode == "llm" or _found_nothing(answer):
            self._steps.put(_SECTION, of, answer)
        return answer

    def _opened_steps(self, folder: Path) -> Steps:
        writer = self._writer
        of = {
            "topic": self._topic,
            "papers_at_most": str(self._n_papers),
            "filters": self._filters.model_dump_json(exclude_none=True),
            "model": f"{writer.model.name}, {writer.is_strong}" if writer else "",
        }
        papers = f"{self._state.snapshot} {self._state.epoch}"
        return Steps(folder / fingerprint(*of.values()), of, papers)


def _remark(section: PlannedSection, answer: Answer) -> str | None:
    """Say of a section that it is not written, or not whole."""
    if _found_nothing(answer):
        return "Nothing here answers this."
    if not answer.writing or not answer.writing.fault:
        return None
    said = f"the model {answer.writing.model} {answer.writing.fault}."
    if answer.mode == "llm":
        return f"It ends early: {said}"
    return f"Quotes only: {said} The same command tries it again."


def _found_nothing(answer: Answer) -> bool:
    """Return True if there was nothing to write a section from."""
    return not answer.sentences or bool(answer.writing and answer.writing.fault == NOTHING_FOUND)


def _distinct(hits: Iterator[Hit]) -> list[Hit]:
    """Return each paper once, in order."""
    return list({hit.paper.paper_id: hit for hit in hits}.values())


def _texts(messages: Sequence[Message]) -> list[str]:
    return [message.content for message in messages]


def _tokens(messages: Sequence[Message]) -> int:
    return sum(map(estimate_tokens, _texts(messages)))


def _cost(
    tokens_in: int, tokens_out: int, price_in: float | None, price_out: float | None
) -> float | None:
    if price_in is None or price_out is None:
        return None
    return (tokens_in * price_in + tokens_out * price_out) / _MILLION
