"""Lay out an answer by the kind of its question: what is said, in which order, in which form."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from footnote.rag.answering.sentences import Evidence, Role
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import words

# A sentence of another paper is said when it belongs to the answer this likely.
_OF_ANOTHER = 0.65
_TWO = 2
# Share of common words above which one sentence is a near-duplicate of another.
_NEAR_DUPLICATE = 0.6
_PLAINEST = "The idea in the paper's own words; only a language model could say it more simply."


class _Prose(NamedTuple):
    """How running text is made for a kind of question."""

    belongs: float
    """A sentence of the best one's paper is said when it belongs to the answer this likely."""
    limit: int
    """How many sentences at most."""
    before: float
    """One before the best stands before it, as in the abstract, when it is this share as likely to
    answer."""


# Chosen on the marked questions, writers held out: see `docs/experiments.md`.
_PROSE = {
    Kind.NUMBER: _Prose(0.5, 3, before=0.9),
    Kind.FACT: _Prose(0.35, 3, before=0.9),
    Kind.CLAIM: _Prose(0.4, 3, before=0.9),
    Kind.DEFINITION: _Prose(0.3, 4, before=0.7),
}
_OTHER = _Prose(0.3, 4, before=0.5)


class Field(NamedTuple):
    """A field of a table before it is bound to its sources."""

    text: str = ""
    evidence: tuple[Evidence, ...] = ()
    paper: Paper | None = None
    """What the row or the column is about, where it begins with it."""


class Part(NamedTuple):
    """A part of an answer before it is bound to its sources; see `rag.core.records.Block`."""

    form: Literal["prose", "list", "table", "count"]
    evidence: tuple[Evidence, ...] = ()
    heading: str | None = None
    text: str | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Field, ...], ...] = ()
    n_more: int = 0

    @property
    def said(self) -> tuple[Evidence, ...]:
        """All sentences of it, in the order in which they are read."""
        fields = (field for row in self.rows for field in row)
        return (*self.evidence, *(e for field in fields for e in field.evidence))


class Side(NamedTuple):
    """One of the things that are compared."""

    name: str
    """As the question says it."""
    ranked: tuple[Evidence, ...]
    """The sentences of its paper, best first; none where no paper is about it."""
    confidence: float = 0.0
    """In [0, 1]: how likely that paper is about it."""
    asked: tuple[Evidence, ...] = ()
    """Its sentences that speak most to the point asked, in order; none where none is asked."""


def prose(
    ranked: Sequence[Evidence], kind: Kind, *, limit: int, said: Collection[tuple[str, int]] = ()
) -> Part:
    """Say the likeliest sentence and what belongs to it, in the abstract's own order.

    Of the sentences before the likeliest one, those that are nearly as likely come first.

    Args:
        ranked: Sentences, best first; at least one.
        kind: A fact and a number end where they are stated.
        limit: How many sentences at most.
        said: Sentences said before, by their keys, which are not said again.
    """
    made = _PROSE.get(kind, _OTHER)
    limit = min(limit, made.limit)
    best, *others = [e for e in ranked if e.key not in said] or ranked[:1]
    chosen = [best]
    for e in sorted(others, key=lambda e: -e.belongs):
        if len(chosen) == limit:
            break
        is_own = e.paper.paper_id == best.paper.paper_id
        if is_own and e.number < best.number and e.score < made.before * best.score:
            continue
        least = made.belongs if is_own else _OF_ANOTHER
        if e.belongs >= least and not _is_near_duplicate(e, chosen):
            chosen.append(e)
    return Part("prose", tuple(_in_order(chosen, ranked, limit)))


def survey(
    papers: Iterable[Sequence[Evidence]], *, text: str | None = None, n_more: int = 0
) -> Part:
    """Lay out a row a paper: what it proposes, and what it reports.

    Args:
        papers: Of each paper its sentences, best first; in the order of the rows.
        text: Says how many there are.
        n_more: How many papers on topic are left.
    """
    columns = ("Paper", "Date", "What it proposes", "What it reports")
    return Part("table", text=text, columns=columns, rows=tuple(map(_row, papers)), n_more=n_more)


def summary(ranked: Sequence[Evidence], *, of_one: bool) -> Part:
    """Say the idea of each paper in one sentence, or of the best one alone; the gist of one.

    Args:
        ranked: Sentences, best first of each paper; at least one.
        of_one: True where it is to be simple.
    """
    by_paper: dict[str, list[Evidence]] = {}
    for e in ranked:
        by_paper.setdefault(e.paper.paper_id, []).append(e)
    papers = list(by_paper.values())[: 1 if of_one else None]
    said = [(of_role(own, {Role.IDEA}) or (own[0],))[-1] for own in papers]
    if of_one:
        return Part("prose", tuple(said), text=_PLAINEST)
    if len(papers) == 1:
        return Part("prose", _gist(papers[0]))
    return Part("list", tuple(said))


def _gist(ranked: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return what a paper proposes, how that works and what it reports, in its own order."""
    roles = (Role.IDEA, Role.MECHANISM, Role.RESULT)
    said = {e.number: e for role in roles for e in of_role(ranked, {role})}
    return tuple(said[number] for number in sorted(said)) or tuple(ranked[:1])


def comparison(sides: Sequence[Side], between: Sequence[Evidence]) -> list[Part]:
    """Lay out a column a side: the point asked about, what it is, how it works, what it reports.

    Args:
        sides: At least two, in the order of the question.
        between: Sentences that speak of more than one of them.
    """
    there = [side for side in sides if side.ranked]
    columns = ("", *(side.name for side in there))
    papers = [side.ranked[0].paper for side in there]
    rows = (
        (Field("Paper"), *(Field(paper.title, paper=paper) for paper in papers)),
        (Field("On the point asked"), *(Field(evidence=s.asked) for s in there)),
        *(
            (Field(heading), *(Field(evidence=_not_asked(side, role)) for side in there))
            for heading, role in (
                ("What it is", Role.IDEA),
                ("How it works", Role.MECHANISM),
                ("What it reports", Role.RESULT),
            )
        ),
    )
    parts = [Part("table", columns=columns, rows=_filled(rows))]
    parts += [
        Part("prose", text=f"No paper here is about “{side.name}”.")
        for side in sides
        if not side.ranked
    ]
    if between:
        parts.append(Part("prose", tuple(between), heading="Against each other"))
    elif len(there) > 1:
        named = "both" if len(there) == _TWO else "two of them"
        parts.append(Part("prose", text=f"No sentence here names {named}."))
    return parts


def _not_asked(side: Side, role: Role) -> tuple[Evidence, ...]:
    said = {e.key for e in side.asked}
    return tuple(e for e in of_role(side.ranked, {role}) if e.key not in said)


def _filled(rows: Iterable[tuple[Field, ...]]) -> tuple[tuple[Field, ...], ...]:
    """Return the rows that say something of some side."""
    return tuple(row for row in rows if any(f.evidence or f.paper for f in row[1:]))


def _row(ranked: Sequence[Evidence]) -> tuple[Field, ...]:
    paper = ranked[0].paper
    # Of 295 papers of marked surveys the idea shows for 167 what is asked, with mechanisms beside
    # it for 121, the likeliest sentence for 83.
    proposes = of_role(ranked, {Role.IDEA}) or of_role(ranked, {Role.MECHANISM}) or (ranked[0],)
    reports = tuple(e for e in of_role(ranked, {Role.RESULT}) if e not in proposes)
    return (
        Field(paper.title, paper=paper),
        Field(paper.date.isoformat() if paper.date else ""),
        Field(evidence=proposes),
        Field(evidence=reports),
    )


def of_role(ranked: Sequence[Evidence], roles: Collection[Role]) -> tuple[Evidence, ...]:
    """Return the best sentence that has one of these roles; or none.

    One that leans on the sentence before it comes with that, where no other has the role.
    """
    best = max(ranked, key=lambda e: (e.role in roles, not e.leans, e.score), default=None)
    return _with_its_subject(best, ranked) if best and best.role in roles else ()


def _with_its_subject(e: Evidence, ranked: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return a sentence with the one right before it that it leans on, in order.

    What that one leans on is left out: a chain of them would be half the abstract.
    """
    if not e.leans:
        return (e,)
    before = (o for o in ranked if o.paper.paper_id == e.paper.paper_id)
    return (*(o for o in before if o.number == e.number - 1), e)


def _in_order(chosen: Sequence[Evidence], ranked: Sequence[Evidence], limit: int) -> list[Evidence]:
    """Order sentences paper by paper as their abstracts have them, with what they lean on.

    The best one is the first of them; it and what it leans on are kept whatever the limit is.
    """
    best = chosen[0]
    ordered: dict[tuple[str, int], Evidence] = {}
    for paper_id in dict.fromkeys(e.paper.paper_id for e in chosen):
        own = sorted((e for e in chosen if e.paper.paper_id == paper_id), key=lambda e: e.number)
        for e in own:
            context = [c for c in _with_its_subject(e, ranked) if c.key not in ordered]
            if len(ordered) + len(context) <= limit or e is best:
                ordered |= {c.key: c for c in context}
    return list(ordered.values())


def _is_near_duplicate(evidence: Evidence, others: Iterable[Evidence]) -> bool:
    said = set(words(evidence.quote))
    return any(
        len(said & those) > _NEAR_DUPLICATE * min(len(said), len(those))
        for those in (set(words(other.quote)) for other in others)
    )
