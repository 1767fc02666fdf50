"""Ask the standing questions of what is new among the papers: the same answers, of fewer papers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from footnote.rag.assistant import Assistant
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.quantity import Agreement, Quantity, agreement, quantities
from footnote.rag.core.records import Citation, Claim, fingerprint
from footnote.rag.core.request import Filters, Kind, Operation, Request
from footnote.rag.verification.checker import SHARES
from footnote.rag.watches import Look, News, NewsKind, Told, Watch, Watches, hash_of, now

# An answer names the best papers; the others are asked in its place, until nothing answers any more
# or so many answers were given.
_ANSWERS = 20
# Of a claim: new papers that are compared with it, the nearest first.
_NEAR = 10
# They count papers or list them by other fields: no sentence answers them.
_WITHOUT_QUOTES = frozenset(
    {
        Operation.ABOUT,
        Operation.AUTHORS,
        Operation.BY_YEAR,
        Operation.BY_ORGANISATION,
        Operation.BY_SOURCE,
        Operation.RECORD,
        Operation.FIGURES,
        Operation.TOPICS,
        Operation.UNRECORDED,
    }
)
_UNDECIDED = "quotes alone cannot tell if it speaks for the claim or against it"


class Added(NamedTuple):
    """A question that is watched from now on."""

    watch: Watch
    n_known: int
    """Sentences that answer it already; they are not news."""


class _Found(NamedTuple):
    """A sentence that answers, or speaks to a claim."""

    citation: Citation
    kind: NewsKind
    reason: str | None = None


def add_watch(
    assistant: Assistant,
    watches: Watches,
    question: str,
    filters: Filters | None = None,
    *,
    is_claim: bool | None = None,
) -> Added:
    """Watch a question from now on; what the papers here say is not news.

    Args:
        assistant: The papers.
        watches: Keeps it.
        question: As a person typed it, or a claim.
        filters: Which papers may answer, in place of what the question itself says.
        is_claim: True to watch evidence for and against it; None where its words tell.

    Raises:
        QuestionError: It is empty, too long, or no sentence of a paper could answer it.
        IndexAccessError: It cannot be kept.
    """
    request = assistant.read(question)
    if is_claim is None:
        is_claim = request.kind is Kind.CLAIM
    if not is_claim and (request.kind is Kind.CHAT or request.operation in _WITHOUT_QUOTES):
        raise QuestionError(
            f"no sentence of a paper answers {question[:100]!r}", "ask what the papers say"
        )
    watch = Watch.of(question, filters or Filters(), is_claim=is_claim)
    look = watches.look(assistant.catalogue)
    own = _filters(watch, request)
    known = list(_found(assistant, watch, request, own, assistant.asked(own)))
    kept = watches.add(watch, look, ((each.citation.quote, each.kind) for each in known))
    return Added(kept, len(known))


def look(assistant: Assistant, watches: Watches) -> list[News]:
    """Ask each standing question of the sentences that came since, and keep what is new.

    A question whose news are kept was asked; one that was not, because the process ended, is asked
    at the next look.

    Returns:
        The news, question by question, best first.

    Raises:
        IndexAccessError: The news cannot be kept.
    """
    if not watches.all():
        return []
    now_here = watches.look(assistant.catalogue)
    found: list[News] = []
    for watch, after in watches.behind(now_here):
        fresh, told = watches.fresh(after), watches.told(watch.watch_id)
        news = list(_news(assistant, watch, fresh, told, now_here)) if fresh else []
        found += watches.note(watch, after, now_here, news)
    return found


def _news(
    assistant: Assistant, watch: Watch, fresh: Mapping[str, frozenset[bytes]], told: Told, at: Look
) -> Iterator[News]:
    request = assistant.read(watch.question)
    own = _filters(watch, request)
    among = assistant.asked(own) & fresh.keys()
    quotes, contradicted = list(told.quotes), told.has_contradiction
    for citation, kind, reason in _found(assistant, watch, request, own, among):
        is_new = hash_of(citation.quote) in fresh.get(citation.paper_id, ())
        paper = assistant.paper(citation.paper_id)
        if not is_new or citation.quote in quotes or not paper:
            continue
        figures = _new_figures(citation.quote, quotes)
        asks_figure = Kind.NUMBER in (request.kind, request.point)
        yield News(
            news_id=fingerprint(watch.watch_id, citation.paper_id, citation.quote),
            watch_id=watch.watch_id,
            question=watch.question,
            kind="number" if kind == "support" and asks_figure and figures else kind,
            citation=citation.model_copy(update={"marker": 1}),
            figures=figures,
            reason=reason,
            is_first=kind == "against" and not contradicted,
            date=paper.date,
            url=paper.url,
            found=now(),
            corpus=at.corpus,
        )
        quotes.append(citation.quote)
        contradicted = contradicted or kind == "against"


def _filters(watch: Watch, request: Request) -> Filters:
    """Return which papers may answer: what the watch says, or else what its question says."""
    return watch.filters or (Filters() if watch.is_claim else request.filters)


def _found(
    assistant: Assistant, watch: Watch, request: Request, own: Filters, among: Iterable[str]
) -> Iterator[_Found]:
    """Yield each sentence of these papers that answers, or speaks to the claim, once."""
    if watch.is_claim:
        yield from _evidence(assistant, watch.question, own, among)
        return
    left, n_left = set(among), len(set(among))
    for _ in range(_ANSWERS):
        if not left or n_left <= 0:
            return
        # Of those left alone: what is told does not depend on which papers came together.
        within = {"filters": _among(own, left)}
        answer = assistant.by_quotes(request.model_copy(update=within))
        cited = {(c.paper_id, c.start): c for s in answer.sentences for c in s.citations}
        if answer.refused or not cited:
            return
        yield from (_Found(citation, "support") for citation in cited.values())
        papers = {paper_id for paper_id, _ in cited}
        if listed := sum(len(b.rows) + b.n_more for b in answer.blocks if b.rows):
            # A list says how many papers come near, the others do not, however few are left.
            n_left = min(n_left, listed)
        n_left -= len(papers)
        left -= papers


def _evidence(
    assistant: Assistant, claim: str, own: Filters, among: Iterable[str]
) -> Iterator[_Found]:
    """Compare a claim with the nearest of these papers, one by one."""
    near = assistant.find(claim, _NEAR, _among(own, among)) if among else []
    for hit in near:
        for compared in assistant.check(claim, _among(own, [hit.paper.paper_id])):
            best = max(compared.citations, key=lambda c: c.score, default=None)
            if best and best.score >= SHARES and (found := _judged(compared, best)):
                yield found


def _judged(claim: Claim, best: Citation) -> _Found | None:
    """Say what a paper's sentence is for a claim; None for one that speaks of something else."""
    if claim.contradicted:
        return _Found(best, "against", claim.reason)
    if claim.verdict == "checked":
        return _Found(best, "support")
    return _Found(best, "open", _UNDECIDED) if claim.verdict == "quoted" else None


def _among(own: Filters, paper_ids: Iterable[str]) -> Filters:
    return own.model_copy(update={"papers": tuple(sorted(paper_ids))})


def _new_figures(quote: str, told: Sequence[str]) -> tuple[str, ...]:
    """Return the figures of a sentence, as it writes them, that no sentence told before has."""
    known = [q for text in told for q in quantities(text)]
    new = [
        q
        for q in quantities(quote)
        if not q.in_words and not q.turn and not any(_is_same(q, other) for other in known)
    ]
    # Those with a unit, where there are any: a bare number is as often a count or part of a name.
    shown = [q for q in new if q.measures] or new
    return tuple(dict.fromkeys(quote[q.start : q.end].strip() for q in shown))


def _is_same(one: Quantity, other: Quantity) -> bool:
    return agreement(one, other) is Agreement.SAME
