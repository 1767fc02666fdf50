"""What identifies a paper: keys that records of one work share, and what speaks against one.

An arXiv id, a DOI and a whole abstract are strong keys. A title and the beginning of an abstract
are weak ones: two papers that share one may be two works, which `agree` decides.
"""

from functools import cached_property, lru_cache

from footnote.ingest.clean import clean_text
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, fingerprint
from footnote.rag.core.text import identity_key, words

# A title that more papers have names none of them, and comparing them all would take for ever.
CROWD = 50
# Of 408 titles at hand the shortest has 2 words; 95% have 5 or more.
_GENERIC_TITLE_WORDS = 3
_MIN_LIKENESS = 0.5
# Two abstracts that begin alike and share this many of their words are versions of one.
_MIN_VERSION_LIKENESS = 0.8
# Shorter abstracts are too alike by chance to identify a work.
_MIN_ABSTRACT_KEY = 200
_START_CHARS = 60
# In every fingerprint of a record. Another one would make each record that is known a second one.
_FINGERPRINT_SALT = "2"


def record_fingerprint(record: SourceRecord) -> str:
    """Return what is equal for a record that was seen before exactly so, in the same place."""
    return fingerprint(_FINGERPRINT_SALT, record.model_dump_json())


def identity_keys(paper: Paper) -> frozenset[str]:
    """Return keys that another record of the same work would share at least one of."""
    keys = {_title_key(title) for title in paper.titles}
    if paper.arxiv_id:
        keys.add(f"arxiv:{paper.arxiv_id}")
    if paper.doi:
        keys.add(f"doi:{paper.doi}")
    abstract = _spelling(paper.abstract)
    if len(abstract) >= _MIN_ABSTRACT_KEY:
        keys |= {f"abstract:{fingerprint(abstract)}", f"start:{abstract[:_START_CHARS]}"}
    return frozenset(keys)


def is_weak(key: str) -> bool:
    """Return True for a key that two works may share."""
    return key.startswith(("title:", "start:"))


def content_fingerprint(paper: Paper) -> str:
    """Return what is equal for papers of the same title and abstract, however they are spelt."""
    return fingerprint(_spelling(paper.title), _spelling(paper.abstract))


def agree(key: str, one: Paper, other: Paper, likeness: float) -> bool:
    """Return True if two papers that share a weak key are one work.

    Args:
        key: The key that both have.
        one: A paper.
        other: Another one.
        likeness: Of their abstracts, as `AbstractWords.likeness` has it.
    """
    if one.arxiv_id and other.arxiv_id and one.arxiv_id != other.arxiv_id:
        return False
    strangers = _differ(one.doi, other.doi) or _share_first_author(one, other) is False
    if key.startswith("start:"):
        return likeness >= _MIN_VERSION_LIKENESS and not strangers
    if likeness >= _MIN_LIKENESS:
        return True
    if strangers:
        return False
    short = min(len(words(one.title)), len(words(other.title))) <= _GENERIC_TITLE_WORDS
    known_together = {*one.cite_keys} & {*other.cite_keys} or _share_first_author(one, other)
    return not short or bool(known_together)


class AbstractWords:
    """The words of an abstract, found once."""

    def __init__(self, paper: Paper):
        self._paper = paper

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(words(self._paper.abstract))

    def likeness(self, other: "AbstractWords") -> float:
        """Share of the words of the shorter text that the other has too; a cut copy scores 1."""
        if self._paper.abstract == other._paper.abstract:
            return 1.0
        small, large = sorted((self._words, other._words), key=len)
        return len(small & large) / len(small) if small else 0.0


# Each text of a batch is asked for several times.
@lru_cache(maxsize=1_000)
def _spelling(text: str) -> str:
    return identity_key(text)


@lru_cache(maxsize=1_000)
def _title_key(title: str) -> str:
    return f"title:{identity_key(clean_text(title))}"


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one != other)


def _share_first_author(one: Paper, other: Paper) -> bool | None:
    """Return True if the first authors share a name, initials aside; None when one is unknown."""
    if not one.authors or not other.authors:
        return None
    names = ({w for w in words(p.authors[0]) if len(w) > 1} for p in (one, other))
    return not set.isdisjoint(*names)
