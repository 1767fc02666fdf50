"""What a strong model answers when it is asked for a report: its plan, its orders, its sections.

The statements are those of `answers.jsonl`; of a section it writes what rests on the papers that it
was sent.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache

from footnote.rag.core.records import Paper
from footnote.rag.llm.prompts import as_data
from tests.rag.answering.strong import FOLDER, Json, markdown, papers, rows

TOPIC = "efficient training and inference of large language models"
SECTIONS = {
    "Training over slow links": ["sa-01", "sa-27"],
    "Serving with prefill and decode apart": ["sa-17", "sa-35"],
    "Long contexts and the KV cache": ["sa-14", "sa-07"],
    "Mixture of experts": ["sa-06", "sa-21"],
    "Fewer bits and fewer parameters": ["sa-34", "sa-32"],
    "Energy and small devices": ["sa-02", "sa-22"],
    "What limits scaling": ["sa-08", "sa-28"],
}


class Reporter:
    """Answers the last message of a conversation, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        if prompt.startswith("You plan"):
            return f"Here is the plan:\n```json\n{json.dumps(_plan())}\n```"
        [heading] = [name for name in SECTIONS if f"“{name}”" in prompt.split("Leave to")[0]]
        if prompt.startswith("Papers of"):
            return ", ".join(map(str, _order(heading, _shown(prompt, "paper"))))
        return "\n\n".join(_written(heading, _shown(prompt, "source")))


def _plan() -> Json:
    sections = [
        {"heading": name, "questions": [_answers()[each]["question"] for each in ids]}
        for name, ids in SECTIONS.items()
    ]
    return {"title": "Doing More with Less", "sections": sections, "note": "as asked"}


@cache
def _answers() -> dict[str, Json]:
    return {answer["id"]: answer for answer in rows(FOLDER / "answers.jsonl")}


def _shown(prompt: str, tag: str) -> list[Paper]:
    """The papers in a prompt, in the order of their numbers."""
    known = {as_data(title).replace('"', "'"): paper for title, paper in papers().items()}
    return [known[title] for title in re.findall(rf'<{tag} number="\d+" title="(.*?)">', prompt)]


def _order(heading: str, shown: Sequence[Paper]) -> Iterator[int]:
    titles = [
        title
        for each in SECTIONS[heading]
        for block in _answers()[each]["blocks"]
        for said in _said(block)
        for title, _ in said.get("on", [])
    ]
    for title in dict.fromkeys(titles):
        yield from (n for n, paper in enumerate(shown, start=1) if paper.title == title)


def _said(block: Json) -> list[Json]:
    return [*block.get("statements", []), *(cell for row in block.get("rows", []) for cell in row)]


def _written(heading: str, sources: Sequence[Paper]) -> Iterator[str]:
    titles = {paper.title for paper in sources}
    for each in SECTIONS[heading]:
        blocks = [_kept(block, titles) for block in _answers()[each]["blocks"]]
        yield markdown({"blocks": [block for block in blocks if _said(block)]}, sources)


def _kept(block: Json, titles: Collection[str]) -> Json:
    """A block without what rests on nothing, or on a paper that was not sent."""

    def rests(said: Json) -> bool:
        return bool(said.get("on")) and all(title in titles for title, _ in said["on"])

    statements = [said for said in block.get("statements", []) if rests(said)]
    whole = [row for row in block.get("rows", []) if all(rests(c) or not c.get("on") for c in row)]
    return block | {"statements": statements, "rows": whole}
