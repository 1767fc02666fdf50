"""Choose the sentences of the found papers that answer the question."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import fmean
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
from llama_index.core.schema import QueryBundle

from footnote.rag.answering.answerability import SAID, Signals, confidence
from footnote.rag.answering.weights import load_weights
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import Span, words
from footnote.rag.understanding.expected_answer import expected_answers, states
from footnote.rag.understanding.question import (
    asks_twice,
    is_english,
    kind_of,
    names_in,
    sub_questions,
    unusual_words,
    words_in,
)

# A further sentence may score this much less than the first; a plain number needs few.
_NEARLY_AS_GOOD, _NEARLY_AS_GOOD_A_NUMBER = 0.16, 0.1
# Of each side of a comparison at least these many sentences are said.
_SIDES, _A_SIDE = 2, 2
# Two papers are compared when the second stands out from those behind it this share as far as the
# first does.
_STANDS_OUT_TOO = 0.3
# A survey lists the papers this share of the way up from those that are beside the point.
_ON_TOPIC = 0.2
# The last of so many papers behind those that may be listed is taken to be beside the point; where
# there are no such papers, one that scores this share of the best is.
BESIDE_THE_POINT = 4
_BESIDE = 0.7
# How much each signal counts in a sentence's score.
_FITTED = load_weights("sentences")
# The expected answer is looked for in so many papers, or those of them that are named.
_LOOKED_IN = 3
# A word that late interaction matches as well as this is not missed.
_MATCHED = 0.6
# A word that may be misspelt counts so much of another that no paper has.
_MISSPELT = 0.1
# An unusual word is heard of when a token of the best paper matches it this well.
_HEARD_OF = 0.65
# One that is this far ahead of those behind it is the one that is asked about.
_STANDS_ALONE = 0.06
# The margin is that of the best paper to the mean of so many behind it.
_BEHIND_IT = 5
# Share of common words above which one sentence is a near-duplicate of another.
_NEAR_DUPLICATE = 0.6
# A number that is not part of a name: `1.91×`, `59%`, `8 GPUs`, not `LLaMA-2-70B`.
_QUANTITY = re.compile(r"(?<![\w.-])\d[\d,.]*(?:\s?[×%]|[xX]\b|[-–~]\d|(?![\w-]*[A-Za-z]))")


class Vocabulary(Protocol):
    """The words of the corpus: how rare each is, and which it lacks."""

    def terms(self, text: str) -> list[str]:
        """Return the stemmed words of a text without stop words, in order."""
        ...

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency: above 0; larger for a rarer term."""
        ...

    def knows(self, name: str) -> bool:
        """Return True if the corpus mentions a name, or one spelled nearly so."""
        ...

    def is_misspelt(self, word: str) -> bool:
        """Return True if no paper has a word, but one has a word that is spelled nearly so."""
        ...


class SentenceSignal(Protocol):
    """How well each sentence of a paper speaks to a question, by one way of looking at it."""

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Return scores in [-1, 1] by paper id, float, (n_sentences,), without unknown papers."""
        ...


class LateInteractionSignal(Protocol):
    """A signal that compares token by token, and so can look at parts and at single words."""

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper], part: Span | None = None
    ) -> Mapping[str, np.ndarray]:
        """Score as a `SentenceSignal` does, for the whole question or for a part of it."""
        ...

    def word_scores(
        self, query: QueryBundle, asked: Sequence[str], papers: Sequence[Paper]
    ) -> Mapping[str, float]:
        """Return how well papers match words of the question, in [-1, 1], without unknown words."""
        ...


class Evidence(NamedTuple):
    """A sentence that speaks to the question, and how well."""

    paper: Paper
    span: Span
    score: float
    """In [0, 1]: what it was chosen by."""
    likeness: float
    """In [0, 1]: cosine of its vector to the question's."""
    features: Mapping[str, float] = MappingProxyType({})
    """What its score is made of, by the names of the fitted weights."""

    @property
    def quote(self) -> str:
        """The sentence itself."""
        return self.paper.quote(self.span)


class Draft(NamedTuple):
    """What the answer shall say, in order, before it is bound to its sources."""

    kind: Kind
    evidence: tuple[Evidence, ...]
    confidence: float
    """In [0, 1]: how likely it is that the papers answer (`rag.answering.answerability`)."""
    lacking: str | None = None
    """The expected answer that the papers do not seem to state; None when they do."""
    unknown_names: tuple[str, ...] = ()
    """Names that the question has and no paper mentions."""
    unheard_of: tuple[str, ...] = ()
    """Unusual words of the question that no paper has."""
    signals: Signals | None = None
    """What the confidence is computed from; None when nothing was found."""
    ranked: tuple[Evidence, ...] = ()
    """All sentences that were considered, best first."""


_Candidate = tuple[Hit, int, Span]


class _SubQuestion(NamedTuple):
    """What sentences are ranked for: a part of a question, or all of it."""

    text: str
    kind: Kind
    part: Span | None = None
    """Where it is in the question as rewritten; None for all of it."""


class QuoteAnswerer:
    """Answers with sentences of the papers themselves, so nothing can be said that is not there."""

    def __init__(
        self,
        vectors: SentenceSignal,
        late: LateInteractionSignal,
        vocabulary: Vocabulary,
        *,
        papers: int,
        max_sentences: int,
        survey_papers: int,
    ):
        self._vectors = vectors
        self._late = late
        self._vocabulary = vocabulary
        self._papers = papers
        self._max_sentences = max_sentences
        self._survey_papers = survey_papers

    def draft(self, query: QueryBundle, hits: Sequence[Hit], asked: str) -> Draft:
        """Choose what to say from the papers found.

        Args:
            query: The question as rewritten, with its embedding.
            hits: The papers, best first.
            asked: The question as it was typed, which may be shorter.

        Returns:
            The sentences, most relevant first; none when no paper was found.
        """
        kind, sides = _plan(asked, hits)
        considered = self._considered(hits, kind, sides)
        parts = _parts(query.query_str, asked, kind)
        # No more of them can be answered than sentences are said.
        each = [_SubQuestion(asked, kind), *parts[: self._max_sentences]]
        ranked, *by_part = self._rank(query, considered, asked, each)
        if not ranked:
            return Draft(kind, (), 0.0)
        if kind is Kind.SURVEY:
            chosen = self._one_a_paper(ranked, hits)
        elif kind is Kind.COMPARISON:
            chosen = self._two_sided(ranked, sides)
        elif by_part:
            chosen = _in_turns(ranked[0], by_part, self._max_sentences)
        else:
            is_number = kind is Kind.NUMBER and not asks_twice(asked)
            chosen = _nearly_as_good(ranked, self._max_sentences, is_number=is_number)
        if not chosen:
            return Draft(kind, (), 0.0)
        likeness = max(e.likeness for e in chosen)
        compared = [hit.paper for hit in considered if hit.paper.paper_id in sides]
        signals = self._signals(query, hits, asked, likeness, compared)
        return Draft(
            kind,
            tuple(chosen),
            confidence(signals),
            signals.unstated,
            signals.unknown_names,
            signals.unheard_of,
            signals,
            tuple(ranked),
        )

    def _considered(self, hits: Sequence[Hit], kind: Kind, sides: Collection[str]) -> Sequence[Hit]:
        n_considered = self._survey_papers if kind is Kind.SURVEY else self._papers
        # The second of two that are compared may be far behind the first.
        further = (hit for hit in hits[n_considered:] if hit.paper.paper_id in sides)
        return [*hits[:n_considered], *further]

    def _signals(
        self,
        query: QueryBundle,
        hits: Sequence[Hit],
        asked: str,
        likeness: float,
        compared: Sequence[Paper],
    ) -> Signals:
        """Collect what tells if these papers answer; at least one was found.

        Args:
            query: The question as rewritten.
            hits: The papers, best first.
            asked: The question as it was typed.
            likeness: Of the chosen sentence that is most like it.
            compared: The two that it names to compare them, if it does: neither need name the
                other.
        """
        top_score, *behind = (hit.score for hit in hits[: 1 + _BEHIND_IT])
        margin = top_score - fmean(behind) if behind else 0.0
        best = [hit.paper for hit in hits[:_LOOKED_IN]]
        names = names_in(asked)
        named = [paper for paper in best if any(_mentions(paper, name) for name in names)]
        absent = self._lacks_a_name(best, names)
        unmatched, missed = self._unmatched(query, compared or best[:1])
        if best[0] in named and not is_english(asked):
            # In another language the name has to tell, the words cannot.
            likeness, unmatched, missed = 1.0, 0.0, 0.0
        # Where one paper stands out, or is named, the others would not be asked about.
        meant = named or (best[:1] if margin > _STANDS_ALONE else best)
        return Signals(
            top_score=top_score,
            margin=margin,
            likeness=likeness,
            unmatched=unmatched,
            missed=missed if names and not absent else 0.0,
            unknown_names=self._unknown_names(query.query_str),
            absent_name=absent,
            unheard_of=self._unheard_of(query, best[0]),
            unstated=None if asks_twice(asked) else self._unstated(query, asked, meant),
        )

    def _unmatched(self, query: QueryBundle, papers: Sequence[Paper]) -> tuple[float, float]:
        """Return how badly papers match the question's words, by rarity, and how badly the worst.

        Returns:
            In [0, 1.5] and in [0, 1.6].
        """
        rarity = {
            word: max(map(self._vocabulary.idf, self._vocabulary.terms(word)), default=0.0)
            * (_MISSPELT if self._vocabulary.is_misspelt(word) else 1.0)
            for word in words_in(query.query_str)
        }
        if not any(rarity.values()):
            return SAID, 0.0  # `what can you do?` says nothing of what it is about
        matched = self._late.word_scores(query, list(rarity), papers)
        total = sum(rarity[word] for word in matched)
        missed = sum(rarity[word] * max(0.0, SAID - score) for word, score in matched.items())
        worst = max(0.0, _MATCHED - min(matched.values(), default=1.0))
        return (missed / total if total else 0.0), worst

    def _lacks_a_name(self, papers: Sequence[Paper], names: Sequence[str]) -> bool:
        """Return True if no paper has all words of some name, in whatever form and place."""
        terms = self._vocabulary.terms
        said = [set(terms(f"{paper.title} {paper.abstract}")) for paper in papers]
        absent = (name for name in names if not any(own.issuperset(terms(name)) for own in said))
        return any(not self._vocabulary.is_misspelt(name) for name in absent)

    def _unknown_names(self, question: str) -> tuple[str, ...]:
        return tuple(name for name in names_in(question) if not self._vocabulary.knows(name))

    def _unheard_of(self, query: QueryBundle, paper: Paper) -> tuple[str, ...]:
        """Return the unusual words that no paper has, nor the best one anything like them."""
        question = query.query_str
        if not is_english(question):
            return ()
        # `Sub-models` are `submodels`.
        joined = set(self._vocabulary.terms(f"{paper.title} {paper.abstract}".replace("-", "")))
        names = set(names_in(question))
        unknown = [
            word
            for word in unusual_words(question)
            if word not in names
            and not self._vocabulary.knows(word)
            and not joined >= set(self._vocabulary.terms(word))
        ]
        matched = self._late.word_scores(query, unknown, [paper])
        return tuple(word for word in unknown if matched.get(word, 1.0) < _HEARD_OF)

    def _unstated(self, query: QueryBundle, asked: str, papers: Sequence[Paper]) -> str | None:
        """Return the expected answer that none of the papers states; None when they state each."""
        texts = [text for p in papers for text in (p.title, *map(p.quote, p.sentences))]
        terms = self._vocabulary.terms
        for expected in expected_answers(asked):
            if states(texts, expected, terms):
                continue
            if expected.counted and not any(
                set(terms(expected.counted)) & set(terms(t)) for t in texts
            ):
                # It may be counted by another word: `cards` for `GPUs`.
                matched = self._late.word_scores(query, [expected.counted], papers)
                if matched.get(expected.counted, 1.0) >= SAID:
                    continue
            return expected.words
        return None

    def _rank(
        self, query: QueryBundle, hits: Sequence[Hit], asked: str, each: Sequence[_SubQuestion]
    ) -> list[list[Evidence]]:
        """Rank every sentence of the papers that states something, for each sub-question."""
        sentences = [
            (hit, number, span)
            for hit in hits
            for number, span in enumerate(hit.paper.sentences)
            if not hit.paper.quote(span).endswith("?")
        ]
        if not sentences:
            return [[] for _ in each]
        papers = [hit.paper for hit in hits]
        by_vectors = self._vectors.sentence_scores(query, papers)
        common = {
            "likeness": _laid_out(by_vectors, sentences),
            **self._features(asked, sentences, top_score=hits[0].score),
        }
        rankings: list[list[Evidence]] = []
        for one in each:
            # An embedder that gives no token embeddings has its vectors stand in for them.
            by_tokens = self._late.sentence_scores(query, papers, one.part)
            features = common | {
                "late": _laid_out({**by_vectors, **by_tokens}, sentences),
                "quantity_wanted": common["quantity"] * (one.kind is Kind.NUMBER),
            }
            rankings.append(_best_first(sentences, features))
        return rankings

    def _features(
        self, asked: str, sentences: Sequence[_Candidate], *, top_score: float
    ) -> dict[str, np.ndarray]:
        """Return what no sub-question changes, by the names of the fitted weights; each (n,)."""
        quotes = [hit.paper.quote(span) for hit, _, span in sentences]
        return {
            "coverage": self._coverage(asked, sentences),
            "behind": np.array([top_score - hit.score for hit, _, _ in sentences]),
            # Abstracts begin with what is known and end with what was found.
            "position": np.array([n / len(hit.paper.sentences) for hit, n, _ in sentences]),
            "quantity": np.array([bool(_QUANTITY.search(quote)) for quote in quotes], float),
        }

    def _coverage(self, question: str, sentences: Sequence[_Candidate]) -> np.ndarray:
        """Return the share of the question's words, by rarity, in each; shape (n,), in [0, 1]."""
        weights = {t: self._vocabulary.idf(t) for t in set(self._vocabulary.terms(question))}
        total = sum(weights.values()) or 1.0
        said = (set(self._vocabulary.terms(hit.paper.quote(span))) for hit, _, span in sentences)
        return np.array([sum(weights[t] for t in weights.keys() & terms) / total for terms in said])

    def _one_a_paper(self, ranked: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
        """Choose the best sentence of each paper on topic, in the order of the hits."""
        best: dict[str, Evidence] = {}
        for evidence in ranked:
            best.setdefault(evidence.paper.paper_id, evidence)
        listed, others = hits[: self._survey_papers], hits[self._survey_papers :]
        top = hits[0].score
        beside = others[-1].score if others else _BESIDE * top
        floor = beside + _ON_TOPIC * (top - beside)
        on_topic = (hit.paper.paper_id for hit in listed if hit.score >= floor)
        return [best[paper_id] for paper_id in on_topic if paper_id in best]

    def _two_sided(self, ranked: Sequence[Evidence], sides: Sequence[str]) -> list[Evidence]:
        """Choose the best sentences of two papers, side by side: those named, or the two best."""
        best_first = list(dict.fromkeys(e.paper.paper_id for e in ranked))
        sides = [side for side in best_first if side in sides]
        if len(sides) < _SIDES:  # none is named, or one of them states nothing
            sides = best_first[:_SIDES]
        by_side = [[e for e in ranked if e.paper.paper_id == side] for side in sides]
        kept = [_distinct(of_side, self._max_sentences) for of_side in by_side]
        said = [of_side[:_A_SIDE] for of_side in kept]
        more = sorted((e for of_side in kept for e in of_side[_A_SIDE:]), key=lambda e: -e.score)
        more = more[: max(self._max_sentences - sum(map(len, said)), 0)]
        return [
            e
            for of_side, own in zip(said, sides, strict=True)
            for e in (*of_side, *(e for e in more if e.paper.paper_id == own))
        ]


def _plan(asked: str, hits: Sequence[Hit]) -> tuple[Kind, list[str]]:
    """Return the kind of answer, and the ids of the papers that the question compares by name."""
    kind = kind_of(asked)
    sides = _named_sides(asked, hits) if kind is Kind.COMPARISON else []
    if kind is Kind.COMPARISON and not sides and not _two_stand_out(hits):
        kind = kind_of(asked, of_two=False)
    return kind, sides


def _parts(question: str, asked: str, kind: Kind) -> list[_SubQuestion]:
    """Split a question into its sub-questions; none when it asks for one thing.

    Args:
        question: As rewritten, with its topic in front, which may be a question too: a title.
        asked: As it was typed.
        kind: Surveys and comparisons are answered as a whole.
    """
    if kind in {Kind.SURVEY, Kind.COMPARISON}:
        return []
    typed_at = max(question.rfind(asked), 0)
    spans = [
        Span(typed_at + span.start, typed_at + span.end)
        for span in sub_questions(question[typed_at:])
    ]
    texts = [question[span.start : span.end] for span in spans]
    parts = [
        _SubQuestion(text, kind_of(text, of_two=False), span)
        for text, span in zip(texts, spans, strict=True)
    ]
    return parts if len(parts) > 1 else []


def _in_turns(best: Evidence, by_part: Sequence[list[Evidence]], limit: int) -> list[Evidence]:
    """Choose the best sentence of all, then the best for each sub-question in turn.

    Args:
        best: What answers the whole question best; it is the first turn of the part it answers.
        by_part: The same sentences for each sub-question, best first.
        limit: How many at most.
    """
    floors = [ranked[0].score - _NEARLY_AS_GOOD for ranked in by_part]
    left = [
        [e for e in of_part if e.score >= f] for of_part, f in zip(by_part, floors, strict=True)
    ]
    behind = [
        of_part[0].score - next(e.score for e in of_part if _is_same(e, best))
        for of_part in by_part
    ]
    # The part that it answers best waits.
    left.append(left.pop(behind.index(min(behind))))
    chosen = [best]
    while len(chosen) < limit and any(left):
        for of_part in left:
            of_part[:] = [e for e in of_part if not _is_near_duplicate(e, chosen)]
            if of_part and len(chosen) < limit:
                chosen.append(of_part.pop(0))
    return chosen


def _named_sides(asked: str, hits: Sequence[Hit]) -> list[str]:
    """Return the ids of the two papers that a question names; none when they are not two.

    A name is a paper's own when no other one has it in its title as it is written; or, where none
    has, in whatever letters; or mentions it. `ZeRO` is no `zero`.
    """
    owners: dict[str, None] = {}
    for name in names_in(asked):
        having = (
            [hit for hit in hits if _has_as_written(hit.paper.title, name)]
            or [hit for hit in hits if _says(hit.paper.title, name)]
            or [hit for hit in hits if _mentions(hit.paper, name)]
        )
        if len(having) == 1:
            owners[having[0].paper.paper_id] = None
    return list(owners) if len(owners) == _SIDES else []


def _has_as_written(title: str, name: str) -> bool:
    # A pattern takes longer to make than all titles take to read.
    return name in title and bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", title))


def _two_stand_out(hits: Sequence[Hit]) -> bool:
    """Return True if the two best papers, not one alone, are ahead of the two behind them."""
    scores = [hit.score for hit in hits[:4]]
    if len(scores) < 4:
        return len(scores) > 1
    behind = fmean(scores[2:])
    return scores[1] - behind >= _STANDS_OUT_TOO * (scores[0] - behind)


def _mentions(paper: Paper, name: str) -> bool:
    """Return True if a paper has all words of a name in a row, in its title or abstract."""
    return _says(f"{paper.title} {paper.abstract}", name)


def _says(text: str, name: str) -> bool:
    return _plain(name) in _plain(text)


# A question may have hundreds of names, each looked for in the same few papers.
@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "


def _laid_out(scores: Mapping[str, np.ndarray], sentences: Sequence[_Candidate]) -> np.ndarray:
    """Return the score of each candidate in [0, 1], 0 where there is none; float, (n,)."""
    found = (
        scores[hit.paper.paper_id][number] if hit.paper.paper_id in scores else 0.0
        for hit, number, _ in sentences
    )
    return np.clip(np.fromiter(found, float, len(sentences)), 0, 1)


def _best_first(
    sentences: Sequence[_Candidate], features: Mapping[str, np.ndarray]
) -> list[Evidence]:
    """Score sentences by the fitted weights of their features, and sort them, stably."""
    score = np.clip(sum(_FITTED[name] * found for name, found in features.items()), 0, 1)
    return [
        Evidence(
            sentences[i][0].paper,
            sentences[i][2],
            float(score[i]),
            float(features["likeness"][i]),
            {name: float(found[i]) for name, found in features.items()},
        )
        for i in np.argsort(-score, kind="stable")
    ]


def _nearly_as_good(ranked: Sequence[Evidence], limit: int, *, is_number: bool) -> list[Evidence]:
    """Choose the best sentence and those nearly as good; fewer where a number is the answer."""
    floor = ranked[0].score - (_NEARLY_AS_GOOD_A_NUMBER if is_number else _NEARLY_AS_GOOD)
    return _distinct([e for e in ranked if e.score >= floor], limit)


def _distinct(evidence: Sequence[Evidence], limit: int) -> list[Evidence]:
    """Return the first `limit` that are no near-duplicates of one before them."""
    chosen: list[Evidence] = []
    for candidate in evidence:
        if len(chosen) == limit:
            break
        if not _is_near_duplicate(candidate, chosen):
            chosen.append(candidate)
    return chosen


def _is_same(one: Evidence, other: Evidence) -> bool:
    return (one.paper.paper_id, one.span) == (other.paper.paper_id, other.span)


def _is_near_duplicate(evidence: Evidence, others: Iterable[Evidence]) -> bool:
    said = set(words(evidence.quote))
    return any(
        len(said & those) > _NEAR_DUPLICATE * min(len(said), len(those))
        for those in (set(words(other.quote)) for other in others)
    )
