"""Answers as a strong model writes them over the sample, and statements that are subtly false.

`answers.jsonl` has 40 answers, written without sight of what checks them: blocks of statements,
each with the sentences that it rests on. `false.jsonl` has 160 statements of eight kinds.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from footnote.eval.labels import read_papers
from footnote.rag.core.records import Paper
from tests.conftest import SAMPLE

FOLDER = Path(__file__).parent
Json = dict[str, Any]


class Meant(NamedTuple):
    """A statement as its writer meant it."""

    text: str
    on: tuple[tuple[str, int], ...]
    """Titles and numbers of sentences, from 0."""


@cache
def papers() -> Mapping[str, Paper]:
    """The papers of the sample, by title."""
    return {paper.title: paper for paper in read_papers(SAMPLE)}


def rows(file: Path) -> Iterator[Json]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def statements(answer: Json) -> list[Meant]:
    """The statements of an answer that rest on something, in order."""
    said = [
        each
        for block in answer["blocks"]
        for each in [*block.get("statements", []), *(c for r in block.get("rows", []) for c in r)]
    ]
    return [Meant(s["text"], tuple(map(tuple, s["on"]))) for s in said if s.get("on")]


def cited(answer: Json) -> list[Paper]:
    """The papers that an answer rests on, in the order in which it cites them."""
    titles = dict.fromkeys(title for s in statements(answer) for title, _ in s.on)
    return [papers()[title] for title in titles]


def markdown(answer: Json, sources: Sequence[Paper]) -> str:
    """Write an answer as a model does that was sent these sources."""
    number = {paper.title: n for n, paper in enumerate(sources, start=1)}

    def said(s: Json) -> str:
        ids = ", ".join(f"{number[title]}.{n + 1}" for title, n in s.get("on", []))
        return f"{s['text']} [{ids}]" if ids else s["text"]

    return "\n\n".join(_WRITES[block["form"]](block, said) for block in answer["blocks"])


def _table(block: Json, said: Callable[[Json], str]) -> str:
    lines = [block["columns"], ["---"] * len(block["columns"])]
    lines += [[said(cell).replace("|", "\\|") for cell in row] for row in block["rows"]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_WRITES: dict[str, Callable[[Json, Callable[[Json], str]], str]] = {
    "heading": lambda block, _: f"## {block['text']}",
    "prose": lambda block, said: " ".join(map(said, block["statements"])),
    "list": lambda block, said: "\n".join(f"- {said(s)}" for s in block["statements"]),
    "table": _table,
}
