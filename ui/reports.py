"""The evaluation reports in a folder, and each question of one with its answer."""

import datetime
import json
import shutil
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from footnote.eval.report import EvalReport, load_report
from footnote.rag.core.base import Record
from footnote.rag.core.config import Config
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Answer
from footnote.rag.index.writer import Progress
from footnote.ui.jobs import Jobs

_LISTED = 30
# Folders looked into for reports; a folder that is named by mistake may hold any number.
_LOOKED_AT = 1_000
_MAX_LINE = 20_000_000
# A name that a report may be given: of one folder, not hidden.
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class Listed(NamedTuple):
    """A report of the folder."""

    name: str
    """Of its folder, below the one with all reports; `.` for that one itself."""
    at: datetime.datetime
    report: EvalReport


class Judged(Record):
    """A question of a report, with what came of it."""

    question_id: str
    question: str
    kind: str = ""
    history: tuple[str, ...] = ()
    """What was asked before it in the same conversation, oldest first."""
    relevant: dict[str, int] = Field(default={})
    """Grade by paper id; empty also where the report does not say it."""
    answer: Answer | None = None
    error: str | None = None
    ranks: dict[str, int] = Field(default={})
    """Rank at which each relevant paper was found, from 1."""


class Evaluated(Record):
    """What came of measuring."""

    report: str
    """Its name."""


class Reports:
    """The reports that `footnote eval --out FOLDER/NAME` wrote, newest first."""

    def __init__(self, folder: Path):
        """Read this folder when asked; it need not be there."""
        self.folder = folder

    def newest(self) -> list[Listed]:
        """Return the newest thirty; a file that is no report is passed over."""
        files: list[tuple[int, Path]] = []
        for file in self._files():
            try:
                files.append((file.stat().st_mtime_ns, file))
            except OSError:  # deleted meanwhile
                continue
        found: list[Listed] = []
        for changed, file in sorted(files, reverse=True)[:_LISTED]:
            try:
                report = _load(file, changed)
            except DatasetError:
                continue
            at = datetime.datetime.fromtimestamp(changed / 1e9).astimezone()
            found.append(Listed(str(file.parent.relative_to(self.folder)), at, report))
        return found

    def read(self, name: str) -> tuple[EvalReport, dict[str, str]]:
        """Return the figures of a report, and its questions by their ids.

        Raises:
            DatasetError: There is no such report, or it cannot be read.
        """
        return load_report(self._of(name) / "report.json"), self.questions(name)

    def make(self, config: Config, jobs: Jobs, questions: Path, name: str | None = None) -> str:
        """Measure the answers of an index on a question file, which is deleted then.

        Args:
            config: The settings.
            jobs: Runs it.
            questions: The file, in a folder of its own.
            name: Of the report; else the day and the time.

        Returns:
            The id of the job; its result is `Evaluated`.

        Raises:
            DatasetError: There is a report of this name.
            IndexBusyError: Another job is under way.
        """
        name = name or datetime.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        out = self.folder / name
        if out.exists():
            raise DatasetError(f"there is a report {name!r} already", "name another")

        def work(progress: Progress) -> Evaluated:
            from footnote.eval.evaluate import evaluate_systems  # loads LlamaIndex's starter

            def asked(phase: str, done: int, total: int | None) -> None:
                del phase  # the name of the system
                progress("asking", done, total)

            try:
                evaluate_systems(
                    config,
                    questions,
                    out,
                    [config.retrieval.system],
                    split="",
                    on_progress=asked,
                )
            except OSError as error:
                raise DatasetError(f"{out} cannot be written: {error.strerror}") from error
            finally:
                shutil.rmtree(questions.parent, ignore_errors=True)
            return Evaluated(report=name)

        return jobs.start("evaluate", work, label=name)

    def questions(self, name: str) -> dict[str, str]:
        """Return the questions of a report by their ids, in their order; empty where none is told.

        Raises:
            DatasetError: There is no such report.
        """
        lines = self._lines(self._of(name) / "answers.jsonl")
        return {str(row["id"]): _asked(row) for row in map(_row, lines) if row}

    def judged(self, name: str, question_id: str) -> Judged | None:
        """Return a question of a report; None for one that it does not have.

        Raises:
            DatasetError: There is no such report.
        """
        folder = self._of(name)
        # The id stands in the line as it does here, so that few lines are read as JSON.
        sign = json.dumps(question_id, ensure_ascii=False)
        for line in self._lines(folder / "answers.jsonl"):
            row = _row(line) if sign in line else None
            if row and row["id"] == question_id and (each := _judged(row)):
                ranks = dict(self._ranks(folder / "run.trec", each))
                return each.model_copy(update={"ranks": ranks})
        return None

    def _files(self) -> Iterator[Path]:
        yield from self.folder.glob("report.json")
        yield from islice(self.folder.glob("*/report.json"), _LOOKED_AT)
        yield from islice(self.folder.glob("*/*/report.json"), _LOOKED_AT)

    def _of(self, name: str) -> Path:
        """Return the folder of a report; only one that is listed can be named."""
        found = next((file.parent for file in self._files() if self._name(file) == name), None)
        if found is None:
            raise DatasetError(f"no report {name!r} in {self.folder}; reload the page")
        return found

    def _name(self, file: Path) -> str:
        return str(file.parent.relative_to(self.folder))

    def _lines(self, file: Path) -> Iterator[str]:
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                while line := lines.readline(_MAX_LINE):
                    yield line
        except OSError:
            return

    def _ranks(self, file: Path, judged: Judged) -> Iterator[tuple[str, int]]:
        for line in self._lines(file):
            fields = line.split()
            own = len(fields) == 6 and fields[0] == judged.question_id
            if own and fields[2] in judged.relevant and fields[3].isdecimal():
                yield fields[2], int(fields[3])


@lru_cache(maxsize=_LISTED)
def _load(file: Path, _changed: int) -> EvalReport:
    return load_report(file)


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("id"), str) else None


def _asked(row: dict[str, Any]) -> str:
    """Return the question; reports of an earlier version have it in the answer alone."""
    for part in ("question", "answer"):
        if isinstance(found := row.get(part), dict) and isinstance(found.get("question"), str):
            return found["question"]
    return str(row["id"])


def _judged(row: dict[str, Any]) -> Judged | None:
    asked = row.get("question") if isinstance(row.get("question"), dict) else None
    try:
        return Judged(
            question_id=row["id"],
            question=_asked(row),
            kind=(asked or {}).get("kind", ""),
            history=(asked or {}).get("history", ()),
            relevant=(asked or {}).get("relevant", {}),
            answer=row.get("answer"),
            error=row.get("error"),
        )
    except ValidationError:
        return None
