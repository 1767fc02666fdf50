"""Suggest questions to begin with, of different kinds, drawn from the papers that are here."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from wordfreq import zipf_frequency

from footnote.rag.assistant import Assistant
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import short_name, words

# Words more common than this name no topic: `is all you`.
_MOST_COMMON = 5.3
_LEAST_PAPERS = 3
# Papers that are read for it, the best liked: all of a million would take ten gigabytes.
_MOST_READ = 2_000


class Example(NamedTuple):
    """A question, and what kind of answer it gets."""

    kind: Kind
    question: str


def example_questions(assistant: Assistant) -> list[Example]:
    """Suggest up to four questions of four kinds; none for an empty catalogue."""
    papers = sorted(assistant.catalogue.most_liked(_MOST_READ), key=_liked)
    if not papers:
        return []
    named = [name for p in papers if (name := short_name(p.title)) and name in p.abstract]
    examples: list[Example] = []
    if topic := _topic(papers):
        examples.append(Example(Kind.SURVEY, f"Which papers deal with {topic}?"))
    if named:
        examples.append(Example(Kind.EXPLANATION, f"How does {named[0]} work?"))
    else:
        examples.append(Example(Kind.EXPLANATION, f"What is “{papers[0].title}” about?"))
    if len(named) > 2:
        one, other = _alike(named[1:], papers, topic)
        examples.append(Example(Kind.COMPARISON, f"Compare {one} and {other}"))
    examples.append(Example(Kind.CATALOGUE, _about_the_records(papers)))
    return examples


def _liked(paper: Paper) -> tuple[object, ...]:
    """Order papers by how liked they are, how often they were seen, how new."""
    # As a number, for what is newer comes first: 20230000 is of the year 2023 alone.
    day = int(str(paper.date).replace("-", "").ljust(8, "0")) if paper.date else 0
    return -(paper.upvotes or 0), -len(paper.sightings), -day, paper.title


def _alike(names: Sequence[str], papers: Sequence[Paper], topic: str | None) -> Sequence[str]:
    """Return the names of two papers on the same topic; of any two where there are none."""
    on_it = {short_name(p.title) for p in papers if topic and topic in " ".join(words(p.title))}
    return [*(n for n in names if n in on_it), *(n for n in names if n not in on_it)][:2]


def _about_the_records(papers: Sequence[Paper]) -> str:
    is_dated = any(paper.date for paper in papers)
    return "Which are the newest papers?" if is_dated else "How many papers are there?"


def _topic(papers: Sequence[Paper]) -> str | None:
    """Return the two words that most titles hold one after the other; None for few of them."""
    pairs = Counter(pair for paper in papers for pair in _pairs(paper.title))
    [(pair, n)] = pairs.most_common(1) or [(("", ""), 0)]
    return " ".join(pair) if n >= _LEAST_PAPERS else None


def _pairs(title: str) -> set[tuple[str, str]]:
    said = words(title)
    return {
        pair
        for pair in pairwise(said)
        if all(word.isalpha() and zipf_frequency(word, "en") < _MOST_COMMON for word in pair)
    }
