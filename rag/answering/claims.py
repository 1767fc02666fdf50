"""Read the statements of a text that somebody wrote, with the papers that it names for them."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.text import sentence_spans
from footnote.rag.verification.binding import Bound

# `[@key; @other]` of Pandoc, `\cite{key,other}` of LaTeX.
_PANDOC = re.compile(r"\[(?=[^\[\]@]{0,200}@\w)[^\[\]]{1,500}\]")
_PANDOC_KEY = re.compile(r"(?<![\w.])@(\w[\w:.#$%&+?<>~/-]{0,100}\w|\w)")
_LATEX = re.compile(
    r"\\(?:paren|text|auto|foot)?cite[a-z]{0,9}\*?(?:\[[^\[\]]{0,200}\]){0,2}\{([^{}]{1,500})\}"
)
# A heading, a list's bullet, a line of LaTeX that states nothing.
_HEADING = re.compile(
    r"#{1,6}\s|\\(?:(?:sub)*section|title|author|begin|end|label|documentclass)\b"
)
_BULLET = re.compile(r"(?:[-*•+]|\d{1,2}[.)]|\\item)\s+")
_LEAST_LETTERS = 4
# A sentence of the papers is evidence when it speaks to the statement at least this likely; the
# likeliest is in any case.
_SPEAKS = 0.5
_MOST = 3


class Stated(NamedTuple):
    """A statement of a text."""

    text: str
    """Without the keys."""
    keys: tuple[str, ...]
    """Of BibTeX entries that it names, in order."""


def statements_of(text: str) -> Iterator[Stated]:
    """Yield the statements of plain text, Markdown or LaTeX, in order.

    A sentence is one; headings, and lines without words, are none.
    """
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.splitlines()]
        kept = [_BULLET.sub("\n", line, count=1) for line in lines if not _HEADING.match(line)]
        for part in " ".join(kept).split("\n"):
            moved = _keys_before_the_stop(part)
            for start, end in sentence_spans(moved):
                stated = _stated(moved[start:end])
                if sum(map(str.isalpha, stated.text)) >= _LEAST_LETTERS:
                    yield stated


def evidence_of(ranked: Sequence[Evidence]) -> list[Bound]:
    """Return the sentences of the best paper that speak to a statement, best first.

    Args:
        ranked: Sentences, best first.
    """
    if not ranked:
        return []
    own = [e for e in ranked if e.paper.paper_id == ranked[0].paper.paper_id]
    chosen = [own[0], *(e for e in own[1:_MOST] if e.score >= _SPEAKS)]
    return [Bound(e.paper, e.number, min(e.score, 1.0)) for e in chosen]


def _keys_before_the_stop(text: str) -> str:
    """Move keys that stand behind a full stop before it: `It is so. [@a]`."""
    return re.sub(rf"([.!?])\s*({_PANDOC.pattern}|{_LATEX.pattern})", r" \2\1", text)


def _stated(text: str) -> Stated:
    keys = [key for m in _PANDOC.finditer(text) for key in _PANDOC_KEY.findall(m.group())]
    keys += [key.strip() for m in _LATEX.finditer(text) for key in m[1].split(",") if key.strip()]
    bare = _LATEX.sub("", _PANDOC.sub("", text)).replace("~", " ")
    return Stated(re.sub(r"\s+([.,;:!?])", r"\1", " ".join(bare.split())), (*dict.fromkeys(keys),))
