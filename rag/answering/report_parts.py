"""Put a report together: sections, the table of papers, the limits; sources are numbered once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from footnote.rag.answering.citations import cite, render_blocks
from footnote.rag.answering.draft import Draft
from footnote.rag.answering.joined import NumberedOnce
from footnote.rag.answering.plans import Part, of_role, survey
from footnote.rag.answering.report_plan import PlannedSection
from footnote.rag.answering.roles import Role
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import (
    Answer,
    Block,
    Paper,
    Report,
    ReportSection,
    Writing,
)
from footnote.rag.core.request import Kind, Request
from footnote.rag.core.text import identity_key

# Quotes of a section that no model has written.
_MOST_QUOTES = 12
# Titles that one line names.
_MOST_NAMED = 10
_ROLES = {
    Role.PROBLEM: "What the problem is",
    Role.IDEA: "What is proposed",
    Role.MECHANISM: "How it works",
    Role.RESULT: "What is reported",
    Role.LIMITATION: "What is left open",
}


def quotes_on(question: str, ranked: Sequence[Evidence]) -> Answer:
    """Answer by the best sentence of each of the best papers.

    Args:
        question: What is answered.
        ranked: Sentences, best first; none for an empty answer.
    """
    best: dict[str, Evidence] = {}
    for e in ranked:
        if not e.leans:
            best.setdefault(e.paper.paper_id, e)
    return _quoted(question, Part("list", tuple(best.values())[:_MOST_QUOTES]))


def quotes_by_role(
    topic: str, ranked: Sequence[Evidence]
) -> Iterator[tuple[PlannedSection, Answer]]:
    """Yield a section for what sentences do in their abstracts: the problem, the idea, the result.

    Args:
        topic: Of the report.
        ranked: Sentences, best first; each section has the best one of each paper that has one.
    """
    for role, heading in _ROLES.items():
        said = [e for own in _by_paper(ranked) for e in of_role(own, role)]
        if said:
            section = PlannedSection(heading=heading, questions=(topic,))
            yield section, _quoted(topic, Part("list", tuple(said)))


def table_of(topic: str, ranked: Sequence[Evidence]) -> Answer:
    """Lay out a row a paper: its date, what it proposes and what it reports, as quotes.

    Args:
        topic: Of the report.
        ranked: All sentences of the papers, best first; a paper's best one gives its place.
    """
    return _quoted(topic, survey(_by_paper(ranked)))


class Joining:
    """Joins answers into the one of a report: each source has one number in all of it."""

    def __init__(self, topic: str, title: str):
        self._topic = topic
        self._title = title
        self._blocks: list[Block] = []
        self._numbered = NumberedOnce()
        self._sections: list[ReportSection] = []
        self._writings: list[Writing] = []
        self._is_written = False

    @property
    def cited(self) -> frozenset[str]:
        """Ids of the papers cited so far."""
        return frozenset(c.paper_id for s in self._numbered.sentences for c in s.citations)

    def add(
        self,
        heading: str,
        answer: Answer | None = None,
        *,
        questions: tuple[str, ...] = (),
        n_papers: int = 0,
        remarks: Iterable[str] = (),
    ) -> None:
        """Add a section: its heading, remarks of ours, and an answer."""
        first = len(self._blocks)
        self._blocks.append(Block(form="prose", heading=heading))
        self._blocks += [Block(form="prose", text=remark) for remark in remarks]
        if answer:
            if answer.writing:
                self._writings.append(answer.writing)
                self._is_written |= answer.mode == "llm"
            named, *others = self._numbered.take_in(answer)
            is_said_again = identity_key(named.heading or "") == identity_key(heading)
            named = named.model_copy(update={"heading": None}) if is_said_again else named
            self._blocks += [named, *others]
        places = tuple(range(first, len(self._blocks)))
        self._sections.append(
            ReportSection(heading=heading, questions=questions, n_papers=n_papers, blocks=places)
        )

    def states(self) -> Counter[str]:
        """Count the statements so far by their verdicts."""
        return Counter(sentence.verdict for sentence in self._numbered.sentences)

    @property
    def n_left_out(self) -> int:
        """Statements of drafts that are not shown."""
        return sum(writing.left_out for writing in self._writings)

    def report(self) -> Report:
        """Return what was joined."""
        answer = Answer(
            question=self._topic,
            answer=render_blocks(self._blocks, self._numbered.sentences),
            refused=False,
            reason=None,
            sentences=tuple(self._numbered.sentences),
            sources=self._numbered.sources,
            mode="llm" if self._is_written else "quote",
            writing=self._writing() if self._is_written else None,
            blocks=tuple(self._blocks),
        )
        return Report(
            topic=self._topic, title=self._title, answer=answer, sections=tuple(self._sections)
        )

    def _writing(self) -> Writing:
        return Writing(
            model=self._writings[0].model,
            left_out=self.n_left_out,
            sources_left_out=sum(writing.sources_left_out for writing in self._writings),
            fault=None,
            first_token_s=None,
            tokens_per_s=None,
            seconds=round(sum(writing.seconds for writing in self._writings), 3),
        )


def named(papers: Sequence[Paper]) -> str:
    """Name papers in a line, the first of many."""
    titles = [f"“{paper.title}”" for paper in papers[:_MOST_NAMED]]
    return ", ".join(titles) + (", …" if len(papers) > _MOST_NAMED else "")


def _by_paper(ranked: Sequence[Evidence]) -> list[list[Evidence]]:
    by_paper: dict[str, list[Evidence]] = {}
    for e in ranked:
        by_paper.setdefault(e.paper.paper_id, []).append(e)
    return list(by_paper.values())


def _quoted(question: str, part: Part) -> Answer:
    request = Request(question=question, kind=Kind.SURVEY)
    return cite(request, Draft(request, (part,), confidence=1.0))
