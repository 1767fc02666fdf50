"""What every room needs to know about text: where sentences are, and how words compare."""

import re
import sys
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from nltk.tokenize.punkt import PunktSentenceTokenizer

# Seen in abstracts, and taken for a sentence end by Punkt's newswire model.
ABBREVIATIONS = "al approx cf e.g eq eqs et fig figs i.e i.i.d incl no resp sec tab vs w.r.t"
# With its scheme, or the name of a host and a path.
_ADDRESS = re.compile(r"\bhttps?://\w|\bwww\.\w|\b[\w-]+\.(?:com|org|net|io|ai|edu|dev|co)/\w")
_NEITHER = re.compile(r"[\W_]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:['’][^\W\d_]+)?")

# Of 100; lower ones suggest more strangers than titles that were meant (`docs/experiments.md`).
_LIKE, _PART_LIKE = 70, 88
_SHORTEST_PART = 5
# `NanoFlow: Towards…` is called NanoFlow; longer beginnings are not names.
_MAX_NAME_WORDS = 4


QUOTED = re.compile(r'["“„«]([^"“”„«»]{2,}?)["”“»]')
"""What stands in double quotes."""


class Span(NamedTuple):
    """A half-open range of characters, counted as Python counts them."""

    start: int
    end: int


class TermStatistics(Protocol):
    """Stems the words of a text, and tells how rare each is in the corpus."""

    def terms(self, text: str) -> list[str]:
        """Return the stemmed words of a text without stop words, in order."""
        ...

    def idf(self, term: str) -> float:
        """Return a term's inverse document frequency: above 0; larger for a rarer term."""
        ...


def fold(text: str) -> str:
    """Reduce to what two spellings of the same words share: NFKC, no case, no accents."""
    if text.isascii():
        return text.lower()  # the same, in a fiftieth of the time
    # Case after the forms: the letters of formulas have none until they are plain ones.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", _NOT_ASCII.sub(_without_accents, decomposed))


def _without_accents(match: re.Match[str]) -> str:
    return "".join(c for c in match.group() if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """Return the folded words and numbers of a text, in order; `1.91×` gives `1.91`."""
    return list(_words(text))


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold(text)))


def identity_key(text: str) -> str:
    """Return letters and digits alone, folded: equal for two spellings of one title.

    Empty for a text without letters or digits.
    """
    return _NEITHER.sub("", fold(text))


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of these that may have been meant: it is misspelt, or a part of it is given.

    None when nothing comes near.
    """
    from rapidfuzz import fuzz, process  # only errors ask for it

    shown, asked = {fold(n): n for n in names}, fold(name)
    found = process.extractOne(asked, list(shown), scorer=fuzz.ratio, score_cutoff=_LIKE)
    if not found and len(asked) >= _SHORTEST_PART:
        found = process.extractOne(
            asked, list(shown), scorer=fuzz.partial_ratio, score_cutoff=_PART_LIKE
        )
    return shown[found[0]] if found else None


def sentence_spans(text: str) -> tuple[Span, ...]:
    """Return where the sentences of a text are, in order, without the space between them.

    The spans do not overlap, none is empty, and what lies outside them is white space.
    """
    spans: list[Span] = []
    for start, end in _split_after_etc(text, _punkt().span_tokenize(text)):
        body = text[start:end]
        start += len(body) - len(body.lstrip())
        end -= len(body) - len(body.rstrip())
        if start < end:
            spans.append(Span(start, end))
    return tuple(_rejoin(text, spans))


def _split_after_etc(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Split after `etc.` before a capital, where Punkt never ends a sentence."""
    for start, end in spans:
        for match in re.compile(r"\betc\.\.?\s+(?=[A-Z])").finditer(text, start, end):
            yield start, match.end()
            start = match.end()
        yield start, end


def _rejoin(text: str, spans: list[Span]) -> list[Span]:
    """Undo splits that no sentence end explains.

    Inside brackets, after a bare list number (`2) GPU idleness.` keeps its number), or before
    a lower-case word that is not a name written so (`vLLM`, `semi-PD`).
    """
    joined: list[Span] = []
    for span in spans:
        if joined and _continues(text[slice(*joined[-1])], text[slice(*span)]):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _continues(before: str, after: str) -> bool:
    if before.count("(") > before.count(")") and ")" in after:
        return True
    if re.fullmatch(r"\W*\w{1,3}[.)]", before):
        return True
    first = re.match(r"\S+", after)
    return bool(first and re.fullmatch(r"[a-z]+[,.;:]?", first.group()))


@cache
def _punkt() -> "PunktSentenceTokenizer":
    # llama-index-core ships Punkt's data; nltk would look for it on the network.
    found = find_spec("llama_index.core")  # not imported, which takes seconds
    if found is None or found.origin is None:
        raise ModuleNotFoundError("llama-index-core, which carries Punkt's data, is not installed")
    cache = Path(found.origin).parent / "_static" / "nltk_cache"
    with _nltk_without_the_rest():
        import nltk.data
        from nltk.tokenize.punkt import PunktSentenceTokenizer, load_punkt_params

        nltk.data.path.insert(0, str(cache))
        learned = load_punkt_params(nltk.data.find("tokenizers/punkt_tab/english/"))
        learned.abbrev_types |= set(ABBREVIATIONS.split())
        return PunktSentenceTokenizer(learned)


@contextmanager
def _nltk_without_the_rest() -> Generator[None]:
    """Let modules of nltk be imported without the package that imports all others.

    That takes over two seconds, most of them for scipy's statistics and sklearn. Who imports nltk
    later has it whole.
    """
    found = find_spec("nltk")
    if "nltk" in sys.modules or found is None:  # it is there already, or raises as ever
        yield
        return
    bare = ModuleType("nltk")
    bare.__path__ = found.submodule_search_locations or []
    sys.modules["nltk"] = bare
    try:
        yield
    finally:
        for name in [each for each in sys.modules if each.partition(".")[0] == "nltk"]:
            del sys.modules[name]


def has_address(text: str) -> bool:
    """Return True if a text holds a web address: `https://a.org/b`, `github.com/a/b`."""
    return bool(_ADDRESS.search(text))


def short_name(title: str) -> str | None:
    """Return what a paper's system is called, if its title begins with a name and a colon."""
    name, colon, _ = title.partition(": ")
    return name if colon and len(name.split()) <= _MAX_NAME_WORDS else None
