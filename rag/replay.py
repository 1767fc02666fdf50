"""Ask again what was answered before, and say in what the answer differs."""

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.records import Answer, Citation, Paper, Receipt, Source
from footnote.rag.core.request import Act

# Turns that a line can lean on; the assistant reads no more.
_TURNS = 4
_MAX_BYTES = 50_000_000
_NEXT = re.compile(r"\S")


def load_answers(file: Path) -> list[Answer]:
    """Load what `footnote ask --json` wrote, once or again and again into the same file.

    Answers may stand one after the other, a line each, or in an array. Fields that a later version
    of the program writes are passed over.

    Raises:
        QuestionError: The file cannot be read, is too large, or holds what is no answer.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise QuestionError(f"{file} is larger than {_MAX_BYTES:,} bytes; replay a part of it")
        if answers := list(_answers(file.read_text(encoding="utf-8"))):
            return answers
        reason = "is empty"
    except ValidationError as error:
        [where, *_] = error.errors()
        named = ".".join(map(str, where["loc"]))
        reason = f"holds no answer as `footnote ask --json` writes it: {named}: {where['msg']}"
    except (OSError, ValueError, RecursionError) as error:
        reason = f"cannot be read: {error}"
    raise QuestionError(f"{file} {reason}; give a file of JSON or JSON lines")


def _answers(text: str) -> Iterator[Answer]:
    decoder, at = json.JSONDecoder(), 0
    while match := _NEXT.search(text, at):
        value, at = decoder.raw_decode(text, match.start())
        for each in value if isinstance(value, list) else [value]:
            yield Answer.model_validate_json(json.dumps(each), extra="ignore")


class ChangedQuote(Record):
    """A sentence that was quoted and does not stand in its paper any more."""

    quote: Citation
    now: str | None
    """The sentence of the paper that stands in its place; null where the paper is gone."""


class Change(Record):
    """Something that an answer rests on and that is not as it was."""

    what: str
    """`corpus`, `n_papers`, `n_not_asked`, `footnote`, `model`, or a section of the settings:
    `settings.llm`."""
    before: str | None
    now: str | None


class Difference(Record):
    """In what an answer differs from the one to the same question before."""

    question: str
    same: bool
    """True where it says the same by the same sentences of the same papers."""
    refused_before: bool
    refused_now: bool
    said_now: tuple[str, ...] = ()
    """What it says and did not say: sentences, and remarks and counts of ours."""
    gone: tuple[str, ...] = ()
    """What it said and does not say."""
    papers_now: tuple[Source, ...] = ()
    """Papers that it cites and did not cite."""
    papers_gone: tuple[Source, ...] = ()
    """Papers that it cited and does not cite."""
    quotes_changed: tuple[ChangedQuote, ...] = ()
    """What it quoted and its papers do not say any more."""
    changed: tuple[Change, ...] = ()
    """What it rests on and is not as it was; nothing where the first was given no receipt."""


def replay(answers: Iterable[Answer], assistant: Assistant) -> Generator[Difference]:
    """Ask again what was answered, one after the other, each as it was understood then.

    A line that leans on the one before it (`more`, `shorter`) leans on what that is answered now.

    Raises:
        QuestionError: A question is empty or too long.
    """
    turns: list[Answer] = []
    for before in answers:
        leans = before.request is None or before.request.act is not Act.NEW
        after = assistant.ask(before.question, turns if leans else (), request=before.request)
        turns = [*turns, after][-_TURNS:]
        yield replayed(before, after, assistant.paper)


def replayed(before: Answer, after: Answer, paper: Callable[[str], Paper | None]) -> Difference:
    """Compare two answers to the same question.

    Args:
        before: The earlier one.
        after: The later one.
        paper: Gives a paper as it is now by its id; None for one that is here no more.
    """
    papers = {source.paper_id: paper(source.paper_id) for source in before.sources}
    # A paper may have another id since.
    then = {paper_id: now.paper_id if now else paper_id for paper_id, now in papers.items()}
    cited = {source.paper_id for source in after.sources}
    said, says = ({} if answer.refused else _said(answer) for answer in (before, after))
    found = Difference(
        question=before.question,
        same=False,
        refused_before=before.refused,
        refused_now=after.refused,
        said_now=tuple(text for text in says if text not in said),
        gone=tuple(text for text in said if text not in says),
        papers_now=tuple(s for s in after.sources if s.paper_id not in then.values()),
        papers_gone=tuple(s for s in before.sources if then[s.paper_id] not in cited),
        quotes_changed=tuple(_changed_quotes(before, papers)),
    )
    differs = before.refused is not after.refused or any(
        (found.said_now, found.gone, found.papers_now, found.papers_gone, found.quotes_changed)
    )
    changed = tuple(_changes(before.receipt, after.receipt))
    return found.model_copy(update={"same": not differs, "changed": changed})


def _said(answer: Answer) -> dict[str, None]:
    """Return what an answer says, each thing once, in order."""
    texts = [sentence.text for sentence in answer.sentences]
    for block in answer.blocks:
        texts += filter(None, (block.heading, block.text))
        texts += [" · ".join(c.text for c in row if c.text) for row in block.rows]
    return dict.fromkeys(filter(None, texts or [answer.answer]))


def _changed_quotes(answer: Answer, papers: Mapping[str, Paper | None]) -> Iterator[ChangedQuote]:
    quotes = {(c.paper_id, c.start): c for s in answer.sentences for c in s.citations}
    for citation in quotes.values():
        cited = papers.get(citation.paper_id)
        if cited is None or citation.quote not in cited.abstract:
            yield ChangedQuote(quote=citation, now=_in_its_place(cited, citation.start))


def _in_its_place(paper: Paper | None, start: int) -> str | None:
    if paper is None or not paper.sentences:
        return None
    spans = paper.sentences
    return paper.quote(next((span for span in spans if span.end > start), spans[-1]))


def _changes(before: Receipt | None, after: Receipt | None) -> Iterator[Change]:
    if before is None or after is None:
        return
    was, now = _facts(before), _facts(after)
    for what in dict.fromkeys([*was, *now]):
        if was.get(what) != now.get(what):
            yield Change(what=what, before=was.get(what), now=now.get(what))


def _facts(receipt: Receipt) -> dict[str, str | None]:
    setup = receipt.setup
    return {
        "corpus": receipt.corpus,
        "n_papers": str(receipt.n_papers),
        "n_not_asked": str(receipt.n_not_asked),
        "footnote": setup.footnote,
        "model": setup.model,
        **{f"settings.{section}": value for section, value in setup.settings.items()},
    }
