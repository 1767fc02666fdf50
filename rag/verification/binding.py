"""Bind a statement to exact sentences of the papers that it names."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from footnote.rag.core.quantity import Agreement, agreement, quantities
from footnote.rag.core.records import Paper
from footnote.rag.core.text import Span, TermStatistics

# A second sentence of a paper is bound when it says this share more of the statement.
_ADDS = 0.15
# Sentences that say less of a statement than this speak of something else.
_SPEAKS_OF_IT = 0.27
# A statement that names no source is bound where a sentence says this share of it.
_SAYS = 0.55


class Cited(NamedTuple):
    """What a statement says that it rests on."""

    paper: Paper
    number: int | None = None
    """Of a sentence, from 0; None where only the paper is named."""


class Bound(NamedTuple):
    """A sentence that a statement rests on."""

    paper: Paper
    number: int
    """Of the sentence in its abstract, from 0."""
    share: float
    """In [0, 1]: how much of the statement it says, by the rarity of its words."""

    @property
    def span(self) -> Span:
        """Where it is in the abstract."""
        return self.paper.sentences[self.number]

    @property
    def quote(self) -> str:
        """The sentence itself."""
        return self.paper.quote(self.span)


class Binder:
    """Finds the sentences of papers that say most of a statement."""

    def __init__(self, statistics: TermStatistics):
        self._statistics = statistics

    def bind(self, text: str, cited: Iterable[Cited]) -> list[Bound]:
        """Return the sentences that a statement rests on, in the order in which it names them.

        Of a paper that is named without a sentence it is the one that says most of the statement, a
        second one that says more of it, and those that state its figures; none where all say
        little.
        """
        terms = self._weights(text)
        found: dict[tuple[str, int], Bound] = {}
        for paper, number in cited:
            numbers = [number] if number is not None else self._best_of(terms, paper)
            if number is None:
                numbers = sorted({*numbers, *_stating(text, paper, numbers)})
            quotes = [paper.quote(paper.sentences[n]) for n in numbers]
            if number is None and self._share(terms, quotes) < _SPEAKS_OF_IT:
                continue
            for n in numbers:
                share = self._share(terms, [paper.quote(paper.sentences[n])])
                found.setdefault((paper.paper_id, n), Bound(paper, n, share))
        return list(found.values())

    def search(self, text: str, papers: Sequence[Paper]) -> list[Bound]:
        """Return the sentences that say a statement which names no source; none where none does."""
        terms = self._weights(text)
        best: list[Bound] = []
        for paper in papers:
            found = self.bind(text, [Cited(paper)])
            if self._share(terms, [b.quote for b in found]) > self._share(
                terms, [b.quote for b in best]
            ):
                best = found
        return best if self._share(terms, [b.quote for b in best]) >= _SAYS else []

    def share(self, text: str, quotes: Sequence[str]) -> float:
        """Return how much of a statement some sentences say together, in [0, 1]."""
        return self._share(self._weights(text), quotes)

    def _weights(self, text: str) -> dict[str, float]:
        return {term: self._statistics.idf(term) for term in self._statistics.terms(text)}

    def _share(self, terms: dict[str, float], quotes: Sequence[str]) -> float:
        said = {term for quote in quotes for term in self._statistics.terms(quote)}
        total = sum(terms.values())
        # Summed in two orders, the same weights may differ in their last digit.
        return min(1.0, sum(terms[t] for t in terms.keys() & said) / total) if total else 0.0

    def _best_of(self, terms: dict[str, float], paper: Paper) -> list[int]:
        quotes = [paper.quote(span) for span in paper.sentences]
        first = max(range(len(quotes)), key=lambda n: (self._share(terms, [quotes[n]]), -n))
        alone = self._share(terms, [quotes[first]])
        together = {
            n: self._share(terms, [quotes[first], quotes[n]])
            for n in range(len(quotes))
            if n != first
        }
        second = max(together, key=lambda n: (together[n], -n), default=None)
        if second is None or together[second] < alone + _ADDS:
            return [first]
        return sorted([first, second])


def _stating(text: str, paper: Paper, chosen: Sequence[int]) -> set[int]:
    """Return the first sentence that states each figure of a text which the chosen ones do not."""
    stated = [quantities(paper.quote(span)) for span in paper.sentences]
    found: set[int] = set()
    for claimed in quantities(text):
        having = [
            n
            for n, own in enumerate(stated)
            if any(agreement(claimed, q) > Agreement.CLASH for q in own)
        ]
        if having and not {*chosen, *found} & {*having}:
            found.add(having[0])
    return found
