"""Find a number, a name or a denial of a statement that the sentences it rests on do not have.

Few and conservative: what is found here is shown to the reader as a difference.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from footnote.rag.core.quantity import (
    Agreement,
    Quantity,
    agreement,
    derivable,
    measure_of,
    quantities,
)
from footnote.rag.core.records import Paper
from footnote.rag.core.text import fold, words
from footnote.rag.verification.binding import Bound

# `Three steps` may be the reader's own count.
_COUNTED = 12
_NAME = re.compile(r"[^\W_]+(?:\.\d+)*")
# A letter beside a digit, or a capital inside: `H100`, `vLLM`, `DeepSpeed`.
_NAME_SHAPE = re.compile(r"[^\W\d_]\d|\d[^\W\d_]|[^\W\d_][A-Z]")
# `DeepSpeed`; an abbreviation (`siRNA`, `KV`) may stand for words that are written out there.
_CAMEL = re.compile(r"[A-Z][a-z]+[A-Z]\w*[a-z]\w*")
_DENIALS = re.compile(r"\b(?:not|no|never|without|cannot|nor|neither)\b|n['’]t\b", re.IGNORECASE)
# A denial is looked for where a sentence says nearly all of the statement.
_NEARLY_ALL, _THE_SAME = 0.75, 0.9
# How a number may be bounded that is no more than reached.
_MOST: dict[str, str] = {"peak": "the most that is reached (up to)", "most": "an upper bound"}
_TWO = 2
_SHARE, _FACTOR = measure_of("%"), measure_of("×")


def difference(text: str, bound: Sequence[Bound], others: Sequence[Paper] = ()) -> str | None:
    """Return in what a statement differs from what it rests on, for a person; None for nothing.

    Args:
        text: The statement.
        bound: The sentences that it rests on; at least one.
        others: The other papers that the answer was written from.
    """
    return (
        _number(text, bound)
        or _merged(text, bound)
        or _name(text, bound, others)
        or _denial(text, bound)
    )


def is_contradicted(text: str, bound: Sequence[Bound]) -> bool:
    """Return True if the sentences that a statement is bound to speak against it.

    They give another figure in the unit of one of its figures, or one of both denies what the other
    says. What they merely do not have speaks against nothing, nor do they where they are not about
    a thing that it names.
    """
    if _name(text, bound, ()):
        return False
    stated = [q for b in bound for q in quantities(b.quote)]
    for claimed in quantities(text):
        if _is_loose(claimed) or not claimed.measures:
            continue
        same = [q for q in stated if (q.measures, q.per) == (claimed.measures, claimed.per)]
        agreed = max((agreement(claimed, q) for q in stated), default=Agreement.NONE)
        if same and agreed <= Agreement.CLASH and not derivable(claimed, stated):
            return True
    return bool(_denial(text, bound))


def _number(text: str, bound: Sequence[Bound]) -> str | None:
    texts = _texts(bound)
    stated = [q for quote in texts for q in quantities(quote)]
    claims = quantities(text)
    is_bounded = any(q.bound in _MOST for q in claims)
    for claimed in claims:
        if _is_loose(claimed) or _is_own_count(claimed):
            continue
        said = text[claimed.start : claimed.end].strip()
        best = max((agreement(claimed, q) for q in stated), default=Agreement.NONE)
        if best <= Agreement.CLASH and not derivable(claimed, stated):
            # The `50` of `ResNet-50` may be a size, never `50%` or `50×`.
            may_be_named = claimed.measures not in {_SHARE, _FACTOR}
            if not (may_be_named and _is_in_a_name(said, texts)):
                return f"“{said}” is not in the sentences cited"
        elif best is Agreement.DOUBTFUL and not is_bounded:
            same = [q for q in stated if q.bound in _MOST and agreement(claimed, q) is best]
            if same:
                return f"“{said}” is said there as {_MOST[same[0].bound]}"
    return None


def _is_in_a_name(said: str, texts: Iterable[str]) -> bool:
    """Return True if a number stands in a name there: `21B` in `SmallThinker-21B-A3B`."""
    digits = re.escape(re.sub(r"[^\d.]", "", said).strip("."))
    name = re.compile(rf"[^\W\d_]-?{digits}(?![\d.])|(?<![\d.]){digits}-?[^\W\d_]|/{digits}B")
    return any(name.search(text) for text in texts)


def _merged(text: str, bound: Sequence[Bound]) -> str | None:
    """Find figures of several papers in a statement that names what at most one of them is of."""
    quotes: dict[str, str] = {}
    for b in bound:
        quotes[b.paper.paper_id] = f"{quotes.get(b.paper.paper_id, b.paper.title)} {b.quote}"
    figures = [q for q in quantities(text) if not (_is_loose(q) or _is_own_count(q))]
    of: dict[str, int] = {}
    for paper_id, quote in quotes.items():
        stated = quantities(quote)
        if n := sum(any(agreement(f, q) > Agreement.CLASH for q in stated) for f in figures):
            of[paper_id] = n
    if len(of) < _TWO or max(of.values()) == len(figures):
        return None
    names = {paper_id: _capitalised(quotes[paper_id]) for paper_id in of}
    said = _capitalised(text)
    named = [
        own.difference(*(other for key, other in names.items() if key != paper_id)) & said
        for paper_id, own in names.items()
    ]
    if sum(map(bool, named)) >= _TWO:
        return None
    return "figures of two papers stand in one statement"


def _capitalised(text: str) -> set[str]:
    found = (m.group() for m in _NAME.finditer(text))
    return {_plain(name) for name in found if name != name.lower()}


def _name(text: str, bound: Sequence[Bound], others: Sequence[Paper]) -> str | None:
    """Find a name that no paper cited has: another one's, nearly theirs, or nobody's."""
    held = " ".join(f"{b.paper.title} {b.paper.abstract}" for b in bound)
    said, joined = _names(held), _plain(held)
    titled = {word for paper in others for word in _own_name(paper.title)} - {*words(held)}
    elsewhere = {name for paper in others for name in _names(f"{paper.title} {paper.abstract}")}
    figures = quantities(text)
    for match in _NAME.finditer(text):
        name = match.group()
        plain = _plain(name)
        if fold(name) in titled and not name.islower():
            return f"“{name}” is another paper's, and in none that is cited"
        is_figure = any(q.start < match.end() and match.start() < q.end for q in figures)
        if is_figure or not _NAME_SHAPE.search(name) or plain.removesuffix("s") in joined:
            continue
        if plain in elsewhere or _CAMEL.fullmatch(name) or _is_variant(plain, said):
            return f"“{name}” is in no paper cited"
    return None


def _names(text: str) -> set[str]:
    return {_plain(m.group()) for m in _NAME.finditer(text) if _NAME_SHAPE.search(m.group())}


def _is_variant(name: str, others: Collection[str]) -> bool:
    """Return True if some name differs from this one in its digits alone: `A100` and `A800`."""
    letters = re.sub(r"\d+", "#", name)
    return "#" in letters and any(re.sub(r"\d+", "#", other) == letters for other in others)


def _denial(text: str, bound: Sequence[Bound]) -> str | None:
    nearest = max(bound, key=lambda b: b.share)
    if nearest.share < _NEARLY_ALL:
        return None
    claimed, stated = (len(_DENIALS.findall(t)) % 2 for t in (text, nearest.quote))
    if claimed and not any(_DENIALS.search(b.quote) for b in bound):
        return "denies what the sentence cited says"
    is_same = nearest.share >= _THE_SAME and len(bound) == 1
    return "says what the sentence denies" if stated and not claimed and is_same else None


def _is_loose(quantity: Quantity) -> bool:
    """Return True for words that are as often no figure: `twofold`, `halves`; not `ten percent`."""
    is_percent = quantity.measures == _SHARE and quantity.scale < 1
    return quantity.in_words and not is_percent


def _is_own_count(quantity: Quantity) -> bool:
    counted = not quantity.measures and quantity.value == int(quantity.value)
    return counted and quantity.value <= _COUNTED


def _texts(bound: Sequence[Bound]) -> list[str]:
    """Return the sentences, and what is said of their papers: title and date."""
    papers = {b.paper.paper_id: b.paper for b in bound}.values()
    return [
        *(b.quote for b in bound),
        *(p.title for p in papers),
        *(str(p.date.year) for p in papers if p.date),
    ]


def _own_name(title: str) -> set[str]:
    """Return the words of what a title calls its system: `Medusa` of `Medusa: Simple …`."""
    name, colon, _ = title.partition(": ")
    is_name = colon and len(name.split()) <= _TWO
    return {word for word in words(name) if len(word) > _TWO} if is_name else set()


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))
