"""Lay out an answer by the kind of its question: what is said, in which order, in which form."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from footnote.rag.answering.roles import Role
from footnote.rag.answering.rows import idea_of, leads_up, likeliest_to_show, result_of
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import words

# A sentence of another paper is said when it belongs to the answer this likely.
_OF_ANOTHER = 0.65
_TWO = 2
# Share of common words above which one sentence is a near-duplicate of another.
_NEAR_DUPLICATE = 0.6
# A sentence is said for its role where it has it this likely: of 509 labelled abstracts it then has
# it in four of five with an idea, in one of two with a mechanism.
_HAS_ROLE = 0.4
# Where the idea is less likely to show what a survey asks, what is likelier is said beside it: for
# 0.74 of 247 marked papers some sentence of the row then shows it, for 0.61 by the idea alone.
_SHOWS = 0.5
_LEANING = 0.5
_COLUMN = ("What it is", "On the point asked", "How it works", "What it reports")
# Of each side so many sentences are said on the point asked: of 206 marked ones the first is right
# for 96, one of two for 139.
_ASKED = 2
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
    """Its sentences, those first that speak most to the whole question."""


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
    said = [of_role(own, Role.IDEA, least=0)[-1] for own in papers]
    if of_one:
        return Part("prose", tuple(said), text=_PLAINEST)
    if len(papers) == 1:
        return Part("prose", _gist(papers[0]))
    return Part("list", tuple(said))


def _gist(ranked: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return what a paper proposes, how that works and what it reports, in its own order."""
    roles = (Role.IDEA, Role.MECHANISM, Role.RESULT)
    said = {e.number: e for role in roles for e in of_role(ranked, role)}
    return tuple(said[number] for number in sorted(said)) or tuple(ranked[:1])


def comparison(
    sides: Sequence[Side], between: Sequence[Evidence], point: Kind | None = None
) -> list[Part]:
    """Lay out what sets them against each other, and a column a side.

    A column has what it is, the point asked about, how it works and what it reports.

    Args:
        sides: At least two, in the order of the question.
        between: Sentences that speak of more than one of them.
        point: If a number or an explanation is asked of each side; None where nothing is.
    """
    there = [side for side in sides if side.ranked]
    columns = ("", *(side.name for side in there))
    papers = [side.ranked[0].paper for side in there]
    told = [_told(side, {e.key for e in between}, point) for side in there]
    rows = (
        (Field("Paper"), *(Field(paper.title, paper=paper) for paper in papers)),
        *(
            (Field(heading), *(Field(evidence=of_side[at]) for of_side in told))
            for at, heading in enumerate(_COLUMN)
        ),
    )
    parts = [Part("prose", tuple(between), heading="Against each other")] if between else []
    parts.append(Part("table", columns=columns, rows=_filled(rows)))
    parts += [
        Part("prose", text=f"No paper here is about “{side.name}”.")
        for side in sides
        if not side.ranked
    ]
    if not between and len(there) > 1:
        named = "both" if len(there) == _TWO else "two of them"
        parts.append(Part("prose", text=f"No sentence here names {named}."))
    return parts


def _told(
    side: Side, said: Collection[tuple[str, int]], point: Kind | None
) -> tuple[tuple[Evidence, ...], ...]:
    """Return the sentences of each row of a side's column, none of them twice or said before.

    How it works is what an explanation has told already.
    """
    told: list[tuple[Evidence, ...]] = []
    keys = set(said)

    def tell(*chosen: Evidence) -> None:
        new = sorted((e for e in chosen if e.key not in keys), key=lambda e: e.number)
        keys.update(e.key for e in new)
        told.append(tuple(new))

    idea, _ = idea_of(side.ranked)
    tell(idea)
    tell(*[e for e in side.asked if e.key not in keys][: _ASKED if point else 0])
    result = _result(side.ranked)
    works = [e for e in side.ranked if e.key not in keys and e not in result]
    tell(*(() if point is Kind.EXPLANATION else of_role(works, Role.MECHANISM)))
    tell(*result)
    return tuple(told)


def _filled(rows: Iterable[tuple[Field, ...]]) -> tuple[tuple[Field, ...], ...]:
    """Return the rows that say something of some side."""
    return tuple(row for row in rows if any(f.evidence or f.paper for f in row[1:]))


def _row(own: Sequence[Evidence]) -> tuple[Field, ...]:
    paper = own[0].paper
    idea, shows = idea_of(own)
    proposes = {idea.key: idea}
    others = [e for e in own if e is not idea and not leads_up(e)]
    if others and shows < _SHOWS:
        beside = likeliest_to_show(others)
        proposes[beside.key] = beside
    return (
        Field(paper.title, paper=paper),
        Field(paper.date.isoformat() if paper.date else ""),
        Field(evidence=tuple(sorted(proposes.values(), key=lambda e: e.number))),
        Field(evidence=tuple(e for e in _result(own) if e.key not in proposes)),
    )


def reports(e: Evidence) -> bool:
    """Return True if a sentence may state a result of its paper."""
    return e.chance(Role.RESULT) >= _HAS_ROLE


def _result(own: Sequence[Evidence]) -> tuple[Evidence, ...]:
    results = [e for e in own if reports(e)]
    return (result_of(results),) if results else ()


def of_role(
    ranked: Sequence[Evidence], role: Role, *, least: float = _HAS_ROLE
) -> tuple[Evidence, ...]:
    """Return the sentence that is likeliest to have a role and to answer; or none.

    One that leans on the sentence before it comes with that, where no other has the role.

    Args:
        ranked: Sentences.
        role: What it does in its abstract.
        least: How likely it is to have it, in [0, 1].
    """
    having = [e for e in ranked if e.chance(role) >= least]
    best = max(having, key=lambda e: _worth(e, role) * e.score, default=None)
    return _with_its_subject(best, ranked) if best else ()


def _worth(e: Evidence, role: Role) -> float:
    """Return how likely a sentence has a role, and half of that where it leans on another."""
    return e.chance(role) * (_LEANING if e.leans else 1.0)


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
