"""Which records are one paper, and what that paper then looks like.

Two records are one work when their titles are spelled from the same letters and digits, or
when their abstracts are. Titles of a few words are shared by different works, so those must
also have abstracts that resemble each other.
"""

from collections.abc import Iterable

from ingest.clean import clean_text
from ingest.record import SourceRecord
from rag.schema import Paper, Sighting, fingerprint, paper_id
from rag.text import identity_key, sentence_spans, words

# Of 408 titles at hand the shortest has 2 words; 95% have 5 or more.
_GENERIC_TITLE_WORDS = 3
_MIN_LIKENESS = 0.5
# Shorter abstracts are too alike by chance to identify a work.
_MIN_ABSTRACT_KEY = 200

# Raised when the same record would become another paper: cleaning, splitting or merging changed.
_VERSION = "1"


def record_fingerprint(record: SourceRecord) -> str:
    """Equal for a record that was seen before exactly so, in the same place."""
    return fingerprint(_VERSION, record.model_dump_json())


def to_paper(record: SourceRecord) -> Paper:
    """Clean one record; its id follows from its title."""
    title, abstract = clean_text(record.title), clean_text(record.abstract)
    return Paper(
        paper_id=paper_id(title),
        title=title,
        abstract=abstract,
        sentences=sentence_spans(abstract),
        titles=(record.title.strip(),),
        original_title=record.title.strip(),
        original_abstract=record.abstract.strip(),
        date=record.date,
        date_inferred=record.date_inferred,
        n_authors=record.n_authors,
        organisation=record.organisation,
        upvotes=record.upvotes,
        sightings=(record.sighting,),
    )


def identity_keys(paper: Paper) -> frozenset[str]:
    """Keys that another record of the same work would share at least one of."""
    keys = {f"title:{identity_key(clean_text(title))}" for title in paper.titles}
    abstract = identity_key(paper.abstract)
    if len(abstract) >= _MIN_ABSTRACT_KEY:
        keys.add(f"abstract:{fingerprint(abstract)}")
    return frozenset(keys)


def find_same_work(paper: Paper, candidates: Iterable[Paper]) -> Paper | None:
    """The candidate that is the same work as `paper`, if any; each shares a key with it."""
    return next((c for c in candidates if _same_work(c, paper)), None)


def with_own_id(paper: Paper) -> Paper:
    """Give a work whose title another work has an id of its own, from title and abstract."""
    own = fingerprint(identity_key(paper.title), identity_key(paper.abstract))
    return paper.model_copy(update={"paper_id": f"title:{own}"})


def merge(known: Paper, seen: Paper) -> Paper:
    """One paper from two records of the same work, keeping the id of `known`.

    Of each field the best value stays, whichever came first: the longest abstract, a date that
    spells out its year, the largest count. All sightings and all titles are kept.
    """
    longest = max((known, seen), key=lambda p: (len(p.abstract), p.abstract))
    title = max((known, seen), key=lambda p: (len(p.title), p.title))
    dated = min((known, seen), key=lambda p: (p.date is None, p.date_inferred, str(p.date)))
    return Paper(
        paper_id=known.paper_id,
        title=title.title,
        abstract=longest.abstract,
        sentences=longest.sentences,
        titles=tuple(sorted({*known.titles, *seen.titles})),
        original_title=title.original_title,
        original_abstract=longest.original_abstract,
        date=dated.date,
        date_inferred=dated.date_inferred,
        n_authors=_largest(known.n_authors, seen.n_authors),
        organisation=min(filter(None, (known.organisation, seen.organisation)), default=None),
        upvotes=_largest(known.upvotes, seen.upvotes),
        sightings=_union(known.sightings, seen.sightings),
    )


def _same_work(one: Paper, other: Paper) -> bool:
    if identity_key(one.abstract) == identity_key(other.abstract):
        return True
    short = min(len(words(one.title)), len(words(other.title))) <= _GENERIC_TITLE_WORDS
    return not short or _likeness(one.abstract, other.abstract) >= _MIN_LIKENESS


def _likeness(one: str, other: str) -> float:
    """Share of the words of the shorter text that the other has too; a cut copy scores 1."""
    small, large = sorted((set(words(one)), set(words(other))), key=len)
    return len(small & large) / len(small) if small else 0.0


def _union(*several: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    by_place = {(s.source, s.day or ""): s for sightings in several for s in sightings}
    return tuple(by_place[place] for place in sorted(by_place))


def _largest(*values: int | None) -> int | None:
    return max((v for v in values if v is not None), default=None)
