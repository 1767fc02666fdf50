"""The doors that begin long jobs: taking papers in, and measuring answers."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar
from uuid import uuid4

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from footnote.eval.report import EvalReport
from footnote.rag.core.base import Record
from footnote.rag.core.errors import DatasetError, IndexAccessError, SourceError
from footnote.ui.api import PROBLEMS
from footnote.ui.jobs import Job
from footnote.ui.refusals import NotHereError, RefusedError
from footnote.ui.reports import NAME, Listed, Reports
from footnote.ui.shelf import Shelf

_Body = TypeVar("_Body", bound=Record)
_MAX_FILES = 100
_MAX_ROWS = 100_000
_OTHER = re.compile(r"[^\w.+ -]")
_Query = Annotated[str, Field(max_length=500)]
_Name = Annotated[str, Field(max_length=80, pattern=NAME)]


class Taken(Record):
    """What is taken in, as JSON."""

    records: tuple[dict[str, Any], ...] = Field(default=(), max_length=_MAX_ROWS)
    """Papers, each as a line of a JSONL file that `footnote ingest` reads."""
    source: _Name = "records"
    """The name under which these records were seen."""
    queries: tuple[_Query, ...] = Field(default=(), max_length=_MAX_FILES)
    """What services are asked for, such as `arxiv:2309.06180`."""


class Measured(Record):
    """What is measured, as JSON."""

    questions: tuple[dict[str, Any], ...] = Field(min_length=1, max_length=_MAX_ROWS)
    """Judged questions, each as a line of a file that `footnote eval` reads."""
    name: _Name | None = None
    """Of the report; else the day and the time."""


class ReportRow(Record):
    """A report in a list."""

    name: str
    at: str
    """When it was written, after ISO 8601."""
    dataset: str
    system: str
    n_questions: int


class ReportPage(Record):
    """A report with its figures."""

    name: str
    report: EvalReport
    questions: dict[str, str]
    """The questions by their ids."""


class Uploads:
    """Files that were sent to be read by a job, in a folder that goes with the server."""

    def __init__(self) -> None:
        """Begin with none; the first makes the folder."""
        self._folder: TemporaryDirectory[str] | None = None

    def keep(self, name: str) -> Path:
        """Return where a file of this name goes, in a folder of its own."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="footnote-", ignore_cleanup_errors=True)
        file = Path(self._folder.name) / uuid4().hex / _plain(name)
        file.parent.mkdir()
        return file

    def close(self) -> None:
        """Delete what is left of them."""
        if self._folder is not None:
            self._folder.cleanup()


class Bench:
    """A call that begins a job, or asks about one."""

    def __init__(self, request: Request):
        """Find what all calls share."""
        self.shelf: Shelf = request.app.state.shelf
        self.uploads: Uploads = request.app.state.uploads
        self.reports = Reports(self.shelf.config.web.reports)
        self.request = request

    def check_may_change(self) -> None:
        """Check that a job could begin, before a body is read that may be large.

        Raises:
            RefusedError: This server changes nothing.
            IndexBusyError: Another job is under way.
        """
        try:
            self.shelf.check_writable()
        except IndexAccessError as error:
            raise RefusedError(403, error.what, error.step) from error
        self.shelf.jobs.check_free()

    def begun(self, job_id: str, response: Response) -> Job:
        """Return a job that has just begun, and say where to ask about it."""
        root = self.request.scope.get("root_path", "")
        response.headers["Location"] = f"{root}/v1/jobs/{job_id}"
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        """Return how far a job is.

        Raises:
            NotHereError: There is none of this id.
        """
        job = self.shelf.jobs.get(job_id)
        if job is None:
            raise NotHereError(f"there is no job {job_id[:40]!r} here", "list them first")
        return job


At = Annotated[Bench, Depends(Bench)]
job_doors = APIRouter(prefix="/v1", responses=PROBLEMS)


def _takes(model: type[Record], *, files: str, fields: Sequence[str]) -> dict[str, Any]:
    """Describe a body that is JSON, or a form with files."""
    known = model.model_json_schema()["properties"]
    file = {"type": "string", "format": "binary"}
    form = {files: {"type": "array", "items": file, "maxItems": _MAX_FILES}}
    schema = {"type": "object", "properties": {**form, **{f: known[f] for f in fields}}}
    content = {
        "application/json": {"schema": model.model_json_schema()},
        "multipart/form-data": {"schema": schema},
    }
    return {"requestBody": {"required": True, "content": content}}


@job_doors.post(
    "/ingest",
    tags=["jobs"],
    status_code=202,
    openapi_extra=_takes(Taken, files="files", fields=["queries"]),
)
async def ingest(at: At, response: Response) -> Job:
    """Take papers in: files of any known format in a form, records as JSON, or from services.

    The job's `result` counts what was added and updated, and lists what was refused and why.
    """
    at.check_may_change()
    if _is_form(at.request):
        async with at.request.form(max_files=_MAX_FILES, max_fields=_MAX_FILES) as form:
            queries = tuple(
                str(q) for q in form.getlist("queries") if not isinstance(q, UploadFile)
            )
            taken = _checked(Taken, {"queries": queries})
            files = await run_sync(_kept, form, "files", at.uploads)
    else:
        taken = await _of_json(Taken, at.request)
        files = await run_sync(_written, taken.records, f"{taken.source}.jsonl", at.uploads)
    try:
        job_id = at.shelf.add(files, *taken.queries)
    except BaseException:
        _forget(files)
        raise
    return at.begun(job_id, response)


@job_doors.post(
    "/evaluate",
    tags=["jobs"],
    status_code=202,
    openapi_extra=_takes(Measured, files="questions", fields=["name"]),
)
async def evaluate(at: At, response: Response) -> Job:
    """Measure answers on judged questions; the job's `result` names the report that it wrote."""
    at.check_may_change()
    name: object
    if _is_form(at.request):
        async with at.request.form(max_files=1, max_fields=_MAX_FILES) as form:
            asked = {"questions": ({},), "name": form.get("name")}
            name = _checked(Measured, asked).name
            files = await run_sync(_kept, form, "questions", at.uploads)
    else:
        measured = await _of_json(Measured, at.request)
        name = measured.name
        files = await run_sync(_written, measured.questions, "questions.jsonl", at.uploads)
    try:
        if not files:
            raise DatasetError("no question file was sent", "send it as `questions`")
        job_id = at.reports.make(at.shelf.config, at.shelf.jobs, files[0], name)
    except BaseException:
        _forget(files)
        raise
    return at.begun(job_id, response)


@job_doors.get("/jobs", tags=["jobs"], response_model_exclude={"__all__": {"result"}})
async def jobs(at: At) -> list[Job]:
    """List the last jobs, newest first, without their results."""
    return at.shelf.jobs.all()


@job_doors.get("/jobs/{job_id}", tags=["jobs"])
async def job(job_id: str, at: At) -> Job:
    """Say how far a job is, how many a second are done, and what came of it."""
    return at.job(job_id)


@job_doors.delete("/jobs/{job_id}", tags=["jobs"], status_code=202)
async def cancel(job_id: str, at: At) -> Job:
    """Ask a job to end; papers that are indexed by then stay, and the others are taken back."""
    found = at.job(job_id)
    if not at.shelf.jobs.cancel(job_id) and (found := at.job(job_id)).is_over:
        raise RefusedError(409, f"job {job_id} is over already: {found.state}")
    return at.job(job_id)


@job_doors.get("/reports", tags=["reports"])
async def reports(at: At) -> list[ReportRow]:
    """List the newest thirty reports of evaluations."""
    return [_row(each) for each in await run_sync(at.reports.newest)]


@job_doors.get("/reports/{name:path}", tags=["reports"])
async def report(name: str, at: At) -> ReportPage:
    """Return the figures of a report, and what was asked."""
    try:
        read, questions = await run_sync(at.reports.read, name)
    except DatasetError as error:
        raise NotHereError(f"there is no report {name[:100]!r} here", "list them first") from error
    return ReportPage(name=name, report=read, questions=questions)


def _row(listed: Listed) -> ReportRow:
    report = listed.report
    return ReportRow(
        name=listed.name,
        at=listed.at.isoformat(timespec="seconds"),
        dataset=report.dataset,
        system=report.system,
        n_questions=report.n_questions,
    )


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/json"):
        said = f"the body is {kind[:60] or 'of no named type'}, not application/json"
        raise RefusedError(415, said, "send JSON, or files as multipart/form-data")
    return kind == "multipart/form-data"


async def _of_json(model: type[_Body], request: Request) -> _Body:
    body = await request.body()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_context=False)) from error


def _checked(model: type[_Body], values: dict[str, Any]) -> _Body:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_context=False)) from error


def _kept(form: FormData, field: str, uploads: Uploads) -> list[Path]:
    """Write the files of a form where a job reads them."""
    files: list[Path] = []
    try:
        for sent in form.getlist(field):
            if not isinstance(sent, UploadFile):
                raise SourceError(f"`{field}` holds text, not a file", "send files with names")
            files.append(uploads.keep(sent.filename or "papers"))
            with files[-1].open("wb") as copy:
                shutil.copyfileobj(sent.file, copy)
    except BaseException:
        _forget(files)
        raise
    return files


def _written(rows: Sequence[dict[str, Any]], name: str, uploads: Uploads) -> list[Path]:
    """Write rows as the lines of a file; none for no rows."""
    if not rows:
        return []
    file = uploads.keep(name)
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{json.dumps(row)}\n" for row in rows)
    return [file]


def _forget(files: Sequence[Path]) -> None:
    for file in files:
        shutil.rmtree(file.parent, ignore_errors=True)


def _plain(name: str) -> str:
    """Return a name that a file may have: no folder, not hidden, not long, its ending kept."""
    last = _OTHER.sub("_", re.split(r"[/\\]", name)[-1])
    return last[-100:].lstrip(". ") or "papers"
