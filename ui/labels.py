"""Name each quote of an answer: `2b` is the second that it has from paper 2."""

from collections.abc import Iterator

from footnote.rag.core.records import Answer, Citation

Place = tuple[str, int, int]
"""A paper's id and the offsets of a sentence in its abstract."""


def labels_of(answer: Answer) -> dict[Place, str]:
    """Return the label of each quote of an answer or a refusal, in the order of being said."""
    labels: dict[Place, str] = {}
    n_of: dict[int, int] = {}
    for citation in quotes_of(answer):
        if place_of(citation) not in labels:
            n = n_of.get(citation.marker, 0)
            n_of[citation.marker] = n + 1
            labels[place_of(citation)] = f"{citation.marker}{_letters(n)}"
    return labels


def quotes_of(answer: Answer) -> Iterator[Citation]:
    """Yield every citation of an answer; of a refusal the sentences that come near."""
    for sentence in answer.sentences:
        yield from sentence.citations
    yield from answer.nearest


def place_of(citation: Citation) -> Place:
    """Return what tells a quote from all others."""
    return citation.paper_id, citation.start, citation.end


def _letters(n: int) -> str:
    """Write 0 as a, 25 as z, 26 as aa."""
    letters = ""
    while n >= 0:
        n, last = divmod(n, 26)
        letters = chr(ord("a") + last) + letters
        n -= 1
    return letters
