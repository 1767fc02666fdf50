"""Long jobs of the server: one at a time, in a thread that outlives the browser that began it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

from footnote.rag.core.base import Record
from footnote.rag.core.errors import FootnoteError, IndexBusyError
from footnote.rag.index.writer import Progress

JobState = Literal["running", "cancelling", "done", "cancelled", "failed"]
Work = Callable[[Progress], object]
"""Does a job, told where to say how far it is; that call raises `JobCancelledError` to end it."""
# Ended ones that can still be asked about.
_KEPT = 20
# A rate is that of the last so many seconds: the first papers wait for the model to be loaded.
_WINDOW_S = 20.0
_log = logging.getLogger(__name__)


class JobCancelledError(Exception):
    """A job was called off; `result` is what came of it until then."""

    def __init__(self, result: object = None):
        super().__init__("cancelled")
        self.result = result


class Job(Record):
    """How far a job is, as it was when it was asked."""

    job_id: str
    kind: str
    label: str
    """What it is about, in words for a person."""
    state: JobState
    phase: str = ""
    """What is being done, such as `reading` or `indexing`."""
    done: int = 0
    total: int | None = None
    """Of this phase; null where it is not known."""
    rate: float | None = None
    """How many a second; null before the second."""
    seconds_left: float | None = None
    """Of this phase."""
    seconds: float = 0.0
    result: Any = None
    error: str | None = None
    """Why it failed, a line for a person."""

    @property
    def is_over(self) -> bool:
        """True when nothing more will come of it."""
        return self.state in ("done", "cancelled", "failed")


class Jobs:
    """The jobs of a server. Safe to use from several threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._jobs: dict[str, _Running] = {}

    def start(self, kind: str, work: Work, *, label: str = "") -> str:
        """Begin a job in a thread of its own.

        Args:
            kind: What it does, such as `ingest`.
            work: Does it.
            label: What it is about, in words for a person.

        Returns:
            The id by which it can be asked about.

        Raises:
            IndexBusyError: Another job is not over yet.
        """
        with self._lock:
            self._check_free()
            job = _Running(kind, label, work)
            self._jobs[job.job_id] = job
            for old in list(self._jobs)[:-_KEPT]:
                del self._jobs[old]
        threading.Thread(target=job.run, name=f"footnote {kind}", daemon=True).start()
        return job.job_id

    def get(self, job_id: str) -> Job | None:
        """Return how far a job is; None for one that is not known, or long over."""
        job = self._jobs.get(job_id)
        return job and job.seen()

    def check_free(self) -> None:
        """Check that a job could begin now.

        Raises:
            IndexBusyError: Another one is not over yet.
        """
        with self._lock:
            self._check_free()

    def all(self) -> list[Job]:
        """Return how far each job is that is remembered, the newest first."""
        with self._lock:
            jobs = list(self._jobs.values())
        return [job.seen() for job in reversed(jobs)]

    def latest(self) -> Job | None:
        """Return how far the job is that was started last; None where there was none."""
        with self._lock:
            last = self._last()
        return last and last.seen()

    def cancel(self, job_id: str) -> bool:
        """Ask a job to end where that is safe; False where there is nothing to end."""
        job = self._jobs.get(job_id)
        return bool(job) and job.cancel()

    def wait(self, job_id: str, timeout_s: float | None = None) -> Job | None:
        """Wait until a job is over, or for so long, and return how far it is."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        job.over.wait(timeout_s)
        return job.seen()

    def _check_free(self) -> None:
        last = self._last()
        seen = last and last.seen()
        if seen and not seen.is_over:
            raise IndexBusyError(
                f"another job is under way: {seen.kind} {seen.label}".rstrip(),
                "wait for it to end, or cancel it",
            )

    def _last(self) -> "_Running | None":
        return next(reversed(self._jobs.values()), None)


class _Running:
    """A job, whose state only its own thread and `cancel` change, under a lock."""

    def __init__(self, kind: str, label: str, work: Work):
        self.job_id = uuid4().hex[:12]
        self.over = threading.Event()
        self._work = work
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._seen = Job(job_id=self.job_id, kind=kind, label=label, state="running")
        self._pace: list[tuple[float, int]] = []

    def seen(self) -> Job:
        with self._lock:
            if self._seen.is_over:
                return self._seen
            seconds = round(time.monotonic() - self._started, 1)
            return self._seen.model_copy(update={"seconds": seconds})

    def cancel(self) -> bool:
        with self._lock:
            if self._seen.state != "running":
                return False
            self._seen = self._seen.model_copy(update={"state": "cancelling"})
            return True

    def run(self) -> None:
        try:
            self._end("done", result=self._work(self._on_progress))
        except JobCancelledError as cancelled:
            self._end("cancelled", result=cancelled.result)
        except FootnoteError as error:
            self._end("failed", error=str(error))
        except Exception as error:  # the outer edge of the thread
            _log.warning("job %s failed", self._seen.kind, exc_info=error)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._end("failed", error=f"unexpected fault: {reason}")

    def _on_progress(self, phase: str, done: int, total: int | None) -> None:
        with self._lock:
            if self._seen.state == "cancelling":
                raise JobCancelledError
            now = time.monotonic()
            if phase != self._seen.phase:
                self._pace = []
            self._pace = [p for p in self._pace if now - p[0] <= _WINDOW_S] + [(now, done)]
            rate = _rate(self._pace)
            left = (total - done) / rate if rate and total is not None else None
            update = {"phase": phase, "done": done, "total": total, "rate": rate}
            self._seen = self._seen.model_copy(update={**update, "seconds_left": left})

    def _end(self, state: JobState, *, result: object = None, error: str | None = None) -> None:
        with self._lock:
            seconds = round(time.monotonic() - self._started, 1)
            update = {"state": state, "result": result, "error": error, "seconds": seconds}
            self._seen = self._seen.model_copy(update={**update, "seconds_left": None})
        self.over.set()


def _rate(pace: list[tuple[float, int]]) -> float | None:
    """Compute how many a second were done; None where that cannot be told yet."""
    if len(pace) < 2:
        return None
    (first, begun), (last, done) = pace[0], pace[-1]
    return (done - begun) / (last - first) if last > first and done > begun else None
