"""Judge how likely it is that the papers found answer a question, from a few signals.

A logistic model over signals that a search gives anyway, fitted by
`python -m footnote.eval.train_ranking`.
`docs/evaluation.md` says what each threshold refuses and what it costs.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean
from typing import NamedTuple

from footnote.rag.answering.sentences import LateInteractionSignal, Vocabulary
from footnote.rag.answering.weights import load_weights
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.text import words
from footnote.rag.index.query import Query
from footnote.rag.understanding.expected_answer import expected_answers, states
from footnote.rag.understanding.question import (
    asks_twice,
    is_english,
    names_in,
    unusual_words,
    words_in,
)

_FITTED = load_weights("confidence")
# Set by hand: with a lower top score no paper is about the question, as for `hello`. None of the
# questions fitted to is like that, and the fit gave it no weight.
_LEAST_TOP_SCORE, _BESIDE_THE_POINT = 0.27, -2.0
# Chosen on tune questions, where 0.3 to 0.8 tell as much; fitted to marked questions it gets 1.2,
# and what it takes from the other signals loses on the tune questions.
_ANSWERED = 0.5
POSITIVE_FEATURES = frozenset({"margin", "likeness"})
"""Features of which more raises the confidence; the others lower it."""
# A word of the question is in a paper, or one like it, when late interaction matches it this well.
SAID = 0.5
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


class Signals(NamedTuple):
    """What tells an answerable question from another."""

    top_score: float
    """Score of the top-1 paper, in [0, 1]."""
    margin: float
    """How far it is ahead of the mean of the next five, in [0, 1]."""
    likeness: float
    """Largest cosine of a chosen sentence to the question, in [0, 1]."""
    unmatched: float
    """How badly the top paper matches the question's words, by rarity, in [0, 1.5]: 0 is well."""
    missed: float
    """How badly the worst matched word is, in [0, 1.6]; 0 is well. Also 0 where the question names
    none of the top papers: said in other words, much is matched badly though it is there."""
    unknown_names: tuple[str, ...]
    """Names that the question has and no paper that may answer mentions."""
    absent_name: bool
    """True where it has a name that none of the top papers mentions."""
    unheard_of: tuple[str, ...]
    """Its unusual words that no paper has, nor the top one anything like them."""
    unstated: str | None
    """The type of answer it expects, where the top papers have none: `say how many layers`."""
    answered: float = 0.0
    """Log odds that any of the likeliest sentences answers, read word by word; 0 where none was."""


class SignalReader:
    """Reads the signals of a question and the papers found for it."""

    def __init__(self, late: LateInteractionSignal, vocabulary: Vocabulary):
        self._late = late
        self._vocabulary = vocabulary

    def read(
        self,
        query: Query,
        hits: Sequence[Hit],
        asked: str,
        likeness: float,
        answered: float = 0.0,
    ) -> Signals:
        """Read what tells if these papers answer; at least one was found.

        Args:
            query: The question as it is searched for.
            hits: The papers, best first.
            asked: What was typed of it.
            likeness: Of the chosen sentence that is most like it.
            answered: Log odds that any of the likeliest sentences answers.
        """
        top_score, *behind = (hit.score for hit in hits[: 1 + _BEHIND_IT])
        margin = top_score - fmean(behind) if behind else 0.0
        best = [hit.paper for hit in hits[:_LOOKED_IN]]
        names = names_in(asked)
        named = [paper for paper in best if any(_mentions(paper, name) for name in names)]
        absent = self._lacks_a_name(best, names)
        unmatched, missed = self._unmatched(query, best[:1])
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
            unknown_names=self._unknown_names(query),
            absent_name=absent,
            unheard_of=self._unheard_of(query, best[0]),
            unstated=None if asks_twice(asked) else self._unstated(query, asked, meant),
            answered=answered,
        )

    def _unmatched(self, query: Query, papers: Sequence[Paper]) -> tuple[float, float]:
        """Return how badly papers match the question's words, by rarity, and how badly the worst.

        Returns:
            In [0, 1.5] and in [0, 1.6].
        """
        rarity = {
            word: max(map(self._vocabulary.idf, self._vocabulary.terms(word)), default=0.0)
            * (_MISSPELT if self._vocabulary.is_misspelt(word) else 1.0)
            for word in words_in(query.text)
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

    def _unknown_names(self, query: Query) -> tuple[str, ...]:
        only = query.only
        names = names_in(query.text)
        return tuple(name for name in names if not self._vocabulary.knows(name, only))

    def _unheard_of(self, query: Query, paper: Paper) -> tuple[str, ...]:
        """Return the unusual words that no paper has, nor the best one anything like them."""
        question = query.text
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

    def _unstated(self, query: Query, asked: str, papers: Sequence[Paper]) -> str | None:
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


def confidence(signals: Signals) -> float:
    """Return the probability that the papers answer, in (0, 1).

    It is fitted as if half of all questions were answerable.
    """
    fitted = sum(_FITTED[name] * value for name, value in features(signals).items())
    return 1 / (1 + math.exp(-fitted - set_by_hand(signals) - _FITTED["bias"]))


def features(signals: Signals) -> dict[str, float]:
    """Return the features that the fitted weights are for, by name."""
    return {
        "margin": signals.margin,
        "likeness": signals.likeness,
        "unmatched": signals.unmatched,
        "missed": signals.missed,
        "unknown_name": float(bool(signals.unknown_names)),
        "absent_name": float(signals.absent_name),
        "unheard_of": float(bool(signals.unheard_of)),
        "unstated": float(signals.unstated is not None),
    }


def set_by_hand(signals: Signals) -> float:
    """Return what is added to the logit with no fitted weight."""
    beside = 0.0 if about_something(signals) else _BESIDE_THE_POINT
    answered = signals.answered
    if signals.unknown_names or signals.absent_name:
        # What is said of another thing may answer all but its name.
        answered = min(answered, 0.0)
    return beside + _ANSWERED * answered


def about_something(signals: Signals) -> bool:
    """Return True if some paper is about what is asked."""
    return signals.top_score >= _LEAST_TOP_SCORE


def _mentions(paper: Paper, name: str) -> bool:
    """Return True if a paper has all words of a name in a row, in its title or abstract."""
    return _says(f"{paper.title} {paper.abstract}", name)


def _says(text: str, name: str) -> bool:
    return _plain(name) in _plain(text)


# A question may have hundreds of names, each looked for in the same few papers.
@lru_cache(maxsize=256)
def _plain(text: str) -> str:
    return f" {' '.join(words(text))} "
