"""Draft an answer from the papers found: which sentences are said, laid out by kind."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from itertools import zip_longest
from math import fsum
from statistics import fmean
from typing import NamedTuple

import numpy as np

from footnote.rag.answering.answerability import SignalReader, Signals, about_something, confidence
from footnote.rag.answering.interaction import any_answers
from footnote.rag.answering.plans import (
    Part,
    Side,
    comparison,
    prose,
    reports,
    summary,
    survey,
)
from footnote.rag.answering.roles import Role
from footnote.rag.answering.rows import leads_up
from footnote.rag.answering.sentences import Evidence, SentenceRanker, Vocabulary
from footnote.rag.answering.topic import VectorsOf, on_topic
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Act, Depth, Kind, Operation, Request
from footnote.rag.core.text import words
from footnote.rag.index.query import Query
from footnote.rag.understanding.question import names_in

Find = Callable[[str], tuple[Query, list[Hit]]]
"""Finds papers for a text, best first, under the filters of the question."""

_NEAREST = 3
# Rows at first of a survey on what no paper says.
_NEIGHBOURS = 6
# Each side is searched for, and a table has no room for more.
_MOST_SIDES = 5
# At least so likely is a paper about a side that a comparison names.
_ABOUT_A_SIDE = 0.2
# A single word that the paper says in another is as likely a name of something else.
_IN_ANOTHER_WORD = 0.5
# A paper that fits each side this much better than the next compares them itself.
_AHEAD = 0.1
_TWO = 2
# Ask for the gist of what was said.
_GIST = frozenset({Act.SIMPLER, Act.SUMMARISE})
# What a list that is not ordered by relevance begins with.
_ORDERS: Mapping[Operation | None, str] = {Operation.NEWEST: "newest", Operation.OLDEST: "oldest"}
_POSSESSIVE = re.compile(r"['’]s\b")
# Confidence is fitted as if half of all questions were answerable.
_MORE_LIKELY_THAN_NOT = 0.5
_UNSURE = "This comes nearest, and may not answer what is asked:"
# A topic of more words is one that papers say in others.
_FEW_WORDS = 3
_LONG = 5
# Around words, and no part of them.
_MARKS = ".,;:!?()[]{}“”\"'"
# Sentences that speak of more than one side are shown up to so many.
_BETWEEN = 2


class Draft(NamedTuple):
    """What the answer shall say, before it is bound to its sources."""

    request: Request
    parts: tuple[Part, ...] = ()
    confidence: float = 0.0
    """In [0, 1]: how likely it is that the papers answer (`rag.answering.answerability`)."""
    signals: Signals | None = None
    """What the confidence is computed from; None when nothing was found."""
    ranked: tuple[Evidence, ...] = ()
    """All sentences that were considered, best first."""
    n_shown: int = 0
    """Papers of a survey where all of them were shown before."""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The sentences that are said, in order."""
        return tuple(e for part in self.parts for e in part.said)

    @property
    def comes_near(self) -> bool:
        """True where some paper is about what is asked, whether or not it answers."""
        return self.signals is not None and about_something(self.signals)

    @property
    def nearest(self) -> tuple[Evidence, ...]:
        """The best sentence of each of the three papers that come nearest, best first."""
        best: dict[str, Evidence] = {}
        for evidence in self.ranked:
            best.setdefault(evidence.paper.paper_id, evidence)
        return tuple(best.values())[:_NEAREST]


def _in_one_number(terms: Iterable[str]) -> set[str]:
    """Return words as searched so that `llms` is `llm`, which a stemmer takes for two."""
    return {term.removesuffix("s") for term in terms}


class _OnAny(NamedTuple):
    """Papers on a topic, or on any of several."""

    hits: Sequence[Hit]
    missing: Sequence[str] = ()
    """Those of several that no paper is about."""
    sure: float = 0.0
    """Of several: how likely the best paper of any is about it, in [0, 1]."""


class _Unsaid(NamedTuple):
    """What of a topic the papers of a survey do not say."""

    before: str = ""
    """Said before how many there are; empty for nothing."""
    after: str = ""
    """Said after it."""
    by_all: bool = False
    """True where it is all of a topic of few words, or of each of several."""


class Drafter:
    """Drafts answers of sentences of the papers, so nothing is said that is not there."""

    def __init__(
        self,
        ranker: SentenceRanker,
        signals: SignalReader,
        vocabulary: Vocabulary,
        *,
        papers: int,
        max_sentences: int,
        survey_papers: int,
        paper_vectors: VectorsOf | None = None,
    ):
        self._ranker = ranker
        self._signals = signals
        self._vocabulary = vocabulary
        self._papers = papers
        self._max_sentences = max_sentences
        self._survey_papers = survey_papers
        self._paper_vectors = paper_vectors

    def at_depth(self, depth: Depth) -> "Drafter":
        """Return one that reads and says as much as a reader wants."""
        other = copy(self)
        other._papers = depth.of(self._papers)
        other._max_sentences = depth.of(self._max_sentences)
        other._survey_papers = depth.of(self._survey_papers)
        return other

    def draft(
        self,
        request: Request,
        query: Query,
        hits: Sequence[Hit],
        find: Find,
        *,
        alone: Query | None = None,
        said: Collection[tuple[str, int]] = (),
        skip: int = 0,
    ) -> Draft:
        """Choose what to say from the papers found.

        Args:
            request: What is asked.
            query: Its question, with its vector.
            hits: The papers, best first.
            find: Finds the papers of the sides of a comparison.
            alone: Its own words, where the question names the paper that they are about.
            said: Sentences that were said before, by their keys.
            skip: Rows of a survey that were shown before.

        Returns:
            Without parts when no paper was found.
        """
        gist = request.act in _GIST and bool(request.refers_to)
        if gist:
            hits = [hit for hit in hits if hit.paper.paper_id in request.refers_to] or hits
        ranked = self._ranker.rank(query, hits[: self._papers], request.kind, request.topic)
        if alone:
            ranked = _averaged(
                ranked, self._ranker.rank(alone, hits[:1], request.kind, request.topic)
            )
        if not ranked:
            return Draft(request)
        parts: Sequence[Part]
        compared: list[Side] = []
        is_told = False
        on_any = _OnAny(())
        if gist:
            is_simple = request.act is Act.SIMPLER
            order = [hit.paper.paper_id for hit in hits]
            told = (
                ranked if is_simple else sorted(ranked, key=lambda e: order.index(e.paper.paper_id))
            )
            parts = [summary(told, of_one=is_simple)]
        elif _is_survey(request) and len((on_any := self._on_any(request, hits, find)).hits) > 1:
            near = on_any.hits
            if skip >= len(near):
                further = self._further(query, near, request, said)
                if not further.evidence:
                    return Draft(request, ranked=tuple(ranked), n_shown=len(near))
                parts = [further]
            else:
                parts = [self._survey(query, on_any, request, skip)]
        elif request.kind is Kind.COMPARISON and (
            compared := self._sides(request, query, find, hits)
        ):
            point = (request.point or Kind.EXPLANATION) if request.topic else None
            parts = comparison(compared, self.between(ranked, compared), point)
            if n_more := len([*dict.fromkeys(request.sides)][_MOST_SIDES:]):
                parts.append(Part("prose", text=f"The other {n_more:,} are not compared here."))
        else:
            # A survey that finds one paper is answered from it, and so is what one paper compares.
            is_told, kind = True, request.kind
            if request.point:
                kind = request.point
                ranked = self._ranker.rank(query, hits[: self._papers], kind, request.topic)
            parts = [prose(ranked, kind, limit=self._max_sentences, said=said)]
        said_now = [e for part in parts for e in part.said] or ranked
        likeness = max(e.likeness for e in said_now)
        answered = any_answers([e.answers for e in ranked if e.answers is not None])
        signals = self._signals.read(query, hits, request.searched_for, likeness, answered)
        # What is said of a side is as sure as its paper is about it, whatever the others are.
        sure = max((side.confidence for side in compared), default=confidence(signals))
        sure = max(sure, on_any.sure)  # of several topics any will do
        if gist:  # it was said before
            sure = 1.0
        if is_told and not said and (warning := self._warning(request, sure, ranked)):
            parts = [part._replace(text=warning) for part in parts]
        return Draft(request, tuple(parts), sure, signals, tuple(ranked))

    def _warning(self, request: Request, sure: float, ranked: Sequence[Evidence]) -> str | None:
        """Return what is said before an answer that may be none."""
        best = ranked[0].paper
        own = [e for e in ranked if e.paper.paper_id == best.paper_id]
        if request.kind is Kind.DEFINITION and self._only_mentions(request.topic, best, own):
            return f"No paper here is about “{request.topic}”; this is said of it:"
        return _UNSURE if sure < _MORE_LIKELY_THAN_NOT else None

    def rank(self, query: Query, hits: Sequence[Hit]) -> list[Evidence]:
        """Rank all sentences of papers by how well they speak to what is asked of several."""
        return self._ranker.rank(query, hits, Kind.SURVEY)

    def _on_any(self, request: Request, hits: Sequence[Hit], find: Find) -> _OnAny:
        """Return the papers on the topic; of several, any of which will do, the best of each first.

        Each of several is searched for, since no paper is near to all of them.
        """
        sides = list(dict.fromkeys(request.sides))[:_MOST_SIDES]
        if len(sides) < _TWO:
            return _OnAny(self._on_topic(" ".join([request.topic, *request.sides]), hits))
        rows: list[list[Hit]] = []
        missing: list[str] = []
        sure = 0.0
        for side in sides:
            topic = f"{request.topic} {side}".strip()
            query, found = find(topic)
            ranked, likely = self._likely_about(topic, query, found)
            sure = max(sure, likely)
            if ranked and likely >= self._least_likely(topic, found[0].paper):
                rows.append(self._on_topic(topic, found))
            else:
                missing.append(side)
        in_turn = (hit for row in zip_longest(*rows) for hit in row if hit)
        return _OnAny(list({hit.paper.paper_id: hit for hit in in_turn}.values()), missing, sure)

    def _likely_about(
        self, topic: str, query: Query, hits: Sequence[Hit]
    ) -> tuple[Sequence[Evidence], float]:
        """Return the sentences of the best paper, and how likely it is about a topic, in [0, 1]."""
        ranked = self._ranker.rank(query, hits[:1], Kind.DEFINITION, word_by_word=False)
        if not ranked:
            return (), 0.0
        likeness = max(e.likeness for e in ranked)
        return ranked, confidence(self._signals.read(query, hits, topic, likeness))

    def _least_likely(self, topic: str, paper: Paper) -> float:
        """Return from how likely on a paper is taken to be about a topic."""
        return _IN_ANOTHER_WORD if self._is_in_another_word(topic, paper) else _ABOUT_A_SIDE

    def _is_in_another_word(self, topic: str, paper: Paper) -> bool:
        terms = self._words_of(topic)
        return len(terms) == 1 and not terms <= set(self._terms_of(paper))

    def _on_topic(self, topic: str, hits: Sequence[Hit]) -> list[Hit]:
        vocabulary = self._vocabulary
        rarity = {term: vocabulary.idf(term) for term in vocabulary.terms(topic)}
        total = fsum(rarity.values())
        said: list[float] = []
        if total:
            for hit in hits:
                own = rarity.keys() & self._terms_of(hit.paper)
                said.append(fsum(map(rarity.__getitem__, own)) / total)
        return on_topic(hits, self._paper_vectors, said)

    def _survey(self, query: Query, on_any: _OnAny, request: Request, skip: int) -> Part:
        on_topic = on_any.hits
        unsaid = _Unsaid() if skip else self._unsaid(request, on_any)
        page = request.limit or self._survey_papers
        if unsaid.by_all:  # the further ones are seldom more than neighbours
            page = min(page, _NEIGHBOURS)
        shown = _by_date(on_topic, request.operation)[skip : skip + page]
        ranked = self._ranker.rank(query, shown, request.kind)
        by_paper: dict[str, list[Evidence]] = {hit.paper.paper_id: [] for hit in shown}
        for e in ranked:
            by_paper[e.paper.paper_id].append(e)
        n_more = max(len(on_topic) - skip - len(shown), 0)
        listed = _listed(len(on_topic), skip, _ORDERS.get(request.operation, "nearest"))
        text = f"{unsaid.before}{listed}{unsaid.after}"
        return survey(filter(None, by_paper.values()), text=text, n_more=n_more)

    def _unsaid(self, request: Request, on_any: _OnAny) -> _Unsaid:
        """Return which words of a topic no paper has, or which of few words none listed says."""
        if on_any.missing:
            named = " or ".join(f"“{side}”" for side in on_any.missing)
            return _Unsaid(f"No paper here is about {named}. ")
        topics = [*filter(None, [request.topic]), *request.sides]
        typed = [word.strip(_MARKS) for word in " ".join(topics).split()]
        # Of many words one that no paper has tells little, as does `sys`, which is cut short.
        telling = [w for w in typed if len(w) >= _LONG or not w.islower()]
        n_searched = len({*self._vocabulary.terms(" ".join(topics))})
        is_short = n_searched <= _FEW_WORDS + len(request.sides)
        if is_short and (unheard := [w for w in telling if not self._vocabulary.knows(w)]):
            named = " or ".join(f"“{word}”" for word in dict.fromkeys(unheard))
            return _Unsaid(f"No paper here says {named}. ", by_all=not request.sides)
        said = [_in_one_number(self._terms_of(hit.paper)) for hit in on_any.hits]
        wanted = {topic: _in_one_number(self._vocabulary.terms(topic)) for topic in topics}
        few = {topic: terms for topic, terms in wanted.items() if 0 < len(terms) <= _FEW_WORDS}
        if request.sides and request.topic:
            few.pop(request.topic, None)  # what each side is of
        unsaid = [
            f"“{topic}”" if len(terms) == 1 else f"each word of “{topic}”"
            for topic, terms in few.items()
            if not any(terms <= own for own in said)
        ]
        after = f" None of them says {' or '.join(unsaid)}." if unsaid else ""
        # One word is as likely said in another form: `speedup` for `speed-up`.
        is_told = all(len(terms) > 1 for terms in few.values())
        return _Unsaid(after=after, by_all=bool(unsaid) and is_told and len(unsaid) == len(few))

    def _terms_of(self, paper: Paper) -> list[str]:
        return self._vocabulary.terms(f"{paper.title} {paper.abstract}")

    def _further(
        self,
        query: Query,
        on_topic: Sequence[Hit],
        request: Request,
        said: Collection[tuple[str, int]],
    ) -> Part:
        """Say of each paper that was listed the likeliest sentence that was not said yet."""
        shown = _by_date(on_topic, request.operation)[: self._survey_papers]
        ranked = self._ranker.rank(query, shown, request.kind)
        best: dict[str, Evidence] = {}
        for e in ranked:
            if e.key not in said:
                best.setdefault(e.paper.paper_id, e)
        evidence = tuple(best[h.paper.paper_id] for h in shown if h.paper.paper_id in best)
        n = len(on_topic)
        return Part("list", evidence, text=f"Those were all {n:,}. What else they say:")

    def _sides(
        self, request: Request, query: Query, find: Find, together: Sequence[Hit]
    ) -> list[Side]:
        """Find the paper of each side that a question names; none where fewer than two are named.

        None too where no paper is about any of them.

        Args:
            request: What is compared.
            query: Its question, with its vector.
            find: Finds papers for the words of one side.
            together: The papers found for the whole question, best first.
        """
        names = list(dict.fromkeys(request.sides))[:_MOST_SIDES]
        if len(names) < _TWO:
            return []
        fit = {hit.paper.paper_id: hit.score for hit in together}
        found = {name: find(name) for name in names}
        ordered = {name: _about(hits, fit) for name, (_, hits) in found.items()}
        assigned = _assigned(ordered)
        compares_itself = self._compares_itself(together, names)
        is_one = compares_itself or _is_of_one_paper(list(ordered.values()))
        if is_one and not all(self._is_titled(name, own) for name, own in assigned.items()):
            return []
        sides: list[Side] = []
        for name, hits in assigned.items():
            side = self._side(name, found[name][0], hits, names_in(request.question))
            if side.ranked:
                asked = self._ranker.rank(query, hits[:1], request.point or Kind.EXPLANATION)
                side = side._replace(asked=tuple(sorted(asked, key=_speaks, reverse=True)))
            sides.append(side)
        return sides if any(side.ranked for side in sides) else []

    def _words_of(self, side: str) -> set[str]:
        """Return the words of a side as searched: of `Mooncake's`, `mooncake`."""
        return set(self._vocabulary.terms(_POSSESSIVE.sub("", side)))

    def _is_titled(self, name: str, hits: Sequence[Hit]) -> bool:
        """Return True if the title of the first of these papers says the words of a side."""
        terms = self._words_of(name)
        return bool(hits) and terms <= set(self._vocabulary.terms(hits[0].paper.title))

    def _compares_itself(self, together: Sequence[Hit], sides: Iterable[str]) -> bool:
        """Return True if one paper is ahead of all others and says the words of each side."""
        if not together or (len(together) > 1 and together[0].score - together[1].score < _AHEAD):
            return False
        paper = together[0].paper
        said = set(self._terms_of(paper))
        return all(self._words_of(side) <= said for side in sides)

    def _side(
        self, name: str, query: Query, hits: Sequence[Hit], named: Collection[str] = ()
    ) -> Side:
        """Return a side with the sentences of the first of these papers, if it is about it.

        Args:
            name: The side.
            query: The same, with its vector.
            hits: The papers that may be about it, best first.
            named: The words of the question that are written like names.
        """
        ranked, sure = self._likely_about(name, query, hits)
        if not ranked:
            return Side(name, ())
        paper = hits[0].paper
        is_said = all(
            self._vocabulary.knows(n, frozenset({paper.paper_id})) for n in names_in(name)
        )
        is_other = self._is_in_another_word(name, paper)
        is_name = name in named or (name.isupper() and not _spells(name, paper))
        is_said = is_said and not (is_other and is_name)
        is_about = (
            sure >= self._least_likely(name, paper)
            and is_said
            and not self._only_mentions(name, paper, ranked)
        )
        return Side(name, tuple(ranked), sure) if is_about else Side(name, ())

    def _only_mentions(self, name: str, paper: Paper, ranked: Sequence[Evidence]) -> bool:
        """Return True if a paper says a word once, where it tells what it is measured against.

        Of 156 marked comparisons that takes no right paper and two wrong ones away; where any
        number of words and of sentences counts, five right ones and seven wrong ones.
        """
        terms = self._words_of(name)
        if len(terms) > 1 or terms <= set(self._vocabulary.terms(paper.title)):
            return False
        saying = [e for e in ranked if terms <= set(self._vocabulary.terms(e.quote))]
        return len(saying) == 1 and (reports(saying[0]) or leads_up(saying[0]))

    def between(self, ranked: Sequence[Evidence], sides: Sequence[Side]) -> list[Evidence]:
        """Return the sentences that speak of more than one side, best first.

        What the paper of a side reports speaks of that side, and so needs to name another only.
        """
        names = [self._words_of(side.name) for side in sides]
        owners = {side.ranked[0].paper.paper_id: at for at, side in enumerate(sides) if side.ranked}
        asked = (e for side in sides for e in side.asked)
        considered = {e.key: e for e in [*ranked, *asked]}.values()
        found: list[Evidence] = []
        for e in sorted(considered, key=lambda e: -e.score):
            said = set(self._vocabulary.terms(e.quote))
            spoken_of = {at for at, terms in enumerate(names) if terms and terms <= said}
            if e.paper.paper_id in owners and reports(e):
                spoken_of.add(owners[e.paper.paper_id])
            if len(spoken_of) >= _TWO:
                found.append(e)
        return found[:_BETWEEN]


def _spells(abbreviation: str, paper: Paper) -> bool:
    """Return True if words in a row of a paper begin with the letters of an abbreviation."""
    initials = "".join(word[0] for word in words(f"{paper.title} {paper.abstract}"))
    return abbreviation.casefold() in initials.casefold()


def _listed(n: int, skip: int, order: str) -> str:
    """Say how many papers a survey lists."""
    return f"{n:,} papers here come near{'' if skip else f', the {order} first'}."


def _by_date(hits: Sequence[Hit], operation: Operation | None) -> Sequence[Hit]:
    """Order papers by date where that is asked, those without one last; else leave them."""
    if operation not in _ORDERS:
        return hits
    dated = [(date, hit) for hit in hits if (date := hit.paper.date)]
    dated.sort(key=lambda pair: str(pair[0]), reverse=operation is Operation.NEWEST)
    return [*(hit for _, hit in dated), *(hit for hit in hits if not hit.paper.date)]


def _speaks(e: Evidence) -> float:
    """Return how much a sentence speaks to the point asked of a side, and says what is new in it.

    Of two sentences of 166 marked papers 0.34 are beside the point by their scores alone, 0.31 so.
    """
    return e.score * (1 - e.chance(Role.BACKGROUND) - e.chance(Role.PROBLEM)) ** 0.5


def _averaged(ranked: Sequence[Evidence], alone: Sequence[Evidence]) -> list[Evidence]:
    """Rank sentences by the mean of both scores, where they have both; best first.

    A title in front of a question draws it to the sentences that say what the title says: of 865
    marked questions 0.62 then begin with a sentence that answers, by the mean 0.67.
    """
    by_key = {e.key: e for e in alone}
    means = [
        e._replace(score=fmean((e.score, own.score)), belongs=fmean((e.belongs, own.belongs)))
        if (own := by_key.get(e.key))
        else e
        for e in ranked
    ]
    return sorted(means, key=lambda e: -e.score)


def _is_survey(request: Request) -> bool:
    """Return True if papers are listed: a comparison that names no sides is one of all on topic."""
    unnamed = request.kind is Kind.COMPARISON and len(request.sides) < _TWO
    return request.kind is Kind.SURVEY or unnamed


def _about(hits: Iterable[Hit], fit: Mapping[str, float]) -> list[tuple[Hit, float]]:
    """Order papers found for a side by how well they fit it and the whole question.

    A side is often said in few words (`paging`), which other papers have in their titles.
    """
    fits = ((hit, hit.score + fit.get(hit.paper.paper_id, 0.0)) for hit in hits)
    return sorted(fits, key=lambda pair: -pair[1])


def _assigned(ordered: Mapping[str, Sequence[tuple[Hit, float]]]) -> dict[str, list[Hit]]:
    """Give each side a paper of its own, so that together they fit best; it comes first.

    A side that another paper also names, as those that it is measured against, would take that.
    """
    from scipy.optimize import linear_sum_assignment  # 0.1 s, and only comparisons need it

    papers = list(dict.fromkeys(h.paper.paper_id for about in ordered.values() for h, _ in about))
    fit = np.zeros((len(ordered), max(len(papers), len(ordered))))
    for side, about in enumerate(ordered.values()):
        for hit, score in about:
            fit[side, papers.index(hit.paper.paper_id)] = score
    _, chosen = linear_sum_assignment(fit, maximize=True)
    assigned: dict[str, list[Hit]] = {}
    for (name, about), at in zip(ordered.items(), chosen.tolist(), strict=True):
        own = [hit for hit, _ in about if papers[at : at + 1] == [hit.paper.paper_id]]
        assigned[name] = [*own, *(hit for hit, _ in about if hit not in own)] if own else []
    return assigned


def _is_of_one_paper(ordered: Sequence[Sequence[tuple[Hit, float]]]) -> bool:
    """Return True if one paper is ahead of all others for each side: it compares them itself."""
    first = {about[0][0].paper.paper_id for about in ordered if about}
    ahead = all(len(about) < _TWO or about[0][1] - about[1][1] >= _AHEAD for about in ordered)
    return len(first) == 1 and ahead
