"""What readers say of answers, kept in the index folder, and as questions for `footnote eval`."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.records import Answer, fingerprint
from footnote.ui.journal import Journal

Verdict = Literal["right", "wrong", "not here"]
"""It answers, or refuses, rightly; it does not; the papers do not hold the answer at all."""
MAX_NOTE = 2_000
_KEPT = 10_000
_FILE = "feedback.jsonl"
_REFUSED_FILE = "refused.jsonl"
# Of the papers shown.
_RELEVANT, _NOT_RELEVANT = 1, 0


class Shown(Record):
    """A paper that an answer showed."""

    paper_id: str
    title: str


class Said(Record):
    """What a reader said of an answer."""

    at: datetime.datetime
    verdict: Verdict
    note: str = Field(default="", max_length=MAX_NOTE)
    """What is wrong, in the reader's words."""
    question: str
    """In full, with what it leans on."""
    kind: str = "all"
    refused: bool
    answer: str
    papers: tuple[Shown, ...] = ()
    """Those that it cites; of a refusal, those that come nearest."""

    @property
    def question_id(self) -> str:
        """The same for all that was said of a question."""
        return f"feedback-{fingerprint(self.question)}"


class Feedback:
    """What readers said of the answers of one index. Safe to use from several threads."""

    def __init__(self, index: Path):
        """Keep it in this index folder, the newest ten thousand."""
        self._journal = Journal(index / _FILE, keep=_KEPT)

    def add(self, answer: Answer, verdict: Verdict, note: str = "") -> None:
        """Keep what a reader says of an answer.

        Args:
            answer: As it was shown.
            verdict: If it is right.
            note: What is wrong; cut after 2,000 characters.

        Raises:
            IndexAccessError: It cannot be written.
        """
        shown = answer.nearest if answer.refused else answer.sources
        said = Said(
            at=_now(),
            verdict=verdict,
            note=note.strip()[:MAX_NOTE],
            question=answer.understood_as or answer.question,
            kind=str(answer.request.kind) if answer.request else "all",
            refused=answer.refused,
            answer=answer.answer,
            papers=tuple(Shown(paper_id=p.paper_id, title=p.title) for p in shown),
        )
        self._journal.add(said.model_dump(mode="json"))

    def said(self) -> list[Said]:
        """Return what was said, oldest first; a row that is damaged is passed over."""
        return [said for row in self._journal.rows() if (said := _said(row))]


def question_rows(
    said: Sequence[Said], resolve: Callable[[str], str | None]
) -> Iterator[dict[str, object]]:
    """Make the rows of a question file of what was said, the last word on each question.

    Papers of a right answer are relevant. Those of a wrong one are judged and are not, which says
    that there is an answer and that these do not hold it: whoever knows the right paper writes
    its title in. A right refusal, and what is said not to be here, has no relevant paper.

    Args:
        said: What was said, oldest first.
        resolve: Gives the id of a paper that is or was known by an id; None for none. A row that
            needs papers, none of which is here any more, is left out.
    """
    last = {each.question_id: each for each in said}
    for question_id, each in last.items():
        has_none = each.verdict == "not here" or (each.verdict == "right" and each.refused)
        grade = _RELEVANT if each.verdict == "right" else _NOT_RELEVANT
        ids = (resolve(paper.paper_id) for paper in each.papers)
        relevant = {} if has_none else {i: grade for i in ids if i}
        if relevant or has_none:
            yield {
                "id": question_id,
                "question": each.question,
                "kind": each.kind,
                "relevant": relevant,
                "verdict": each.verdict,
                "note": each.note,
                "at": each.at.isoformat(),
            }


class Refused(Record):
    """A question that was refused."""

    at: datetime.datetime
    question: str
    reason: str = ""
    nearest: tuple[Shown, ...] = ()


class Refusals:
    """The questions that were refused lately, in the index folder and nowhere else."""

    def __init__(self, index: Path, keep: int):
        """Keep the newest `keep`; 0 keeps none."""
        self._keep = keep
        self._journal = Journal(index / _REFUSED_FILE, keep=keep)

    def add(self, answer: Answer) -> None:
        """Note a refusal; an answer is not noted.

        Raises:
            IndexAccessError: It cannot be written.
        """
        if not answer.refused or not self._keep:
            return
        nearest = tuple(Shown(paper_id=c.paper_id, title=c.title) for c in answer.nearest)
        question = answer.understood_as or answer.question
        row = Refused(at=_now(), question=question, reason=answer.reason or "", nearest=nearest)
        self._journal.add(row.model_dump(mode="json"))

    def lately(self) -> list[Refused]:
        """Return what was refused, newest first; a row that is damaged is passed over."""
        return [found for row in reversed(self._journal.rows()) if (found := _refused(row))]


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone().replace(microsecond=0)


def _said(row: dict[str, Any]) -> Said | None:
    try:
        return Said.model_validate(row)
    except ValidationError:
        return None


def _refused(row: dict[str, Any]) -> Refused | None:
    try:
        return Refused.model_validate(row)
    except ValidationError:
        return None
