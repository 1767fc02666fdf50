"""A job runs once, tells how far it is, and ends when it is asked to."""

import threading

import pytest

from footnote.rag.core.errors import IndexBusyError, SourceError
from footnote.rag.index.writer import Progress
from footnote.ui.jobs import Job, JobCancelledError, Jobs


def ended(jobs: Jobs, job_id: str) -> Job:
    job = jobs.wait(job_id, 10)
    assert job
    assert job.is_over
    return job


def test_a_job_gives_its_result():
    jobs = Jobs()
    job = ended(jobs, jobs.start("count", lambda _: 7, label="seven"))
    assert (job.state, job.result, job.error, job.label) == ("done", 7, None, "seven")
    assert jobs.latest() == job


def test_what_goes_wrong_is_said_in_a_line():
    jobs = Jobs()

    def refused(_: Progress) -> None:
        raise SourceError("no paper could be read")

    def broken(_: Progress) -> None:
        raise ZeroDivisionError("by\nzero")

    assert ended(jobs, jobs.start("a", refused)).error == "no paper could be read"
    broke = ended(jobs, jobs.start("b", broken))
    assert (broke.state, broke.error) == ("failed", "unexpected fault: ZeroDivisionError: by zero")


def test_one_runs_at_a_time_and_ends_when_it_is_cancelled():
    jobs, told, go_on = Jobs(), threading.Event(), threading.Event()

    def endless(progress: Progress) -> None:
        progress("reading", 0, 100)
        told.set()
        go_on.wait(10)
        for done in range(1, 1_000_000):
            progress("reading", done, 100)

    first = jobs.start("ingest", endless, label="a file")
    assert told.wait(10)
    with pytest.raises(IndexBusyError, match="a file; wait for it"):
        jobs.start("ingest", lambda _: None)
    seen = jobs.get(first)
    assert seen
    assert (seen.phase, seen.done, seen.total, seen.rate) == ("reading", 0, 100, None)
    assert jobs.cancel(first)
    assert jobs.get(first).state == "cancelling"  # pyright: ignore[reportOptionalMemberAccess]
    go_on.set()
    assert ended(jobs, first).state == "cancelled"
    assert not jobs.cancel(first)
    assert ended(jobs, jobs.start("ingest", lambda _: 1)).state == "done"


def test_a_cancelled_job_may_say_what_came_of_it():
    jobs = Jobs()

    def work(_: Progress) -> None:
        raise JobCancelledError("three are in")

    assert ended(jobs, jobs.start("ingest", work)).result == "three are in"


def test_the_rate_and_the_time_left_are_of_the_phase():
    jobs = Jobs()
    seen: list[Job | None] = []
    told = threading.Event()

    def work(progress: Progress) -> None:
        for done in (0, 50):
            told.wait(0.05)
            progress("indexing", done, 100)
        seen.append(jobs.latest())
        progress("describing", 0, 10)
        seen.append(jobs.latest())

    ended(jobs, jobs.start("ingest", work))
    indexing, describing = seen
    assert indexing
    assert describing
    assert indexing.rate
    assert indexing.seconds_left == pytest.approx(50 / indexing.rate)
    assert (describing.rate, describing.seconds_left) == (None, None)


def test_old_jobs_are_forgotten_and_unknown_ones_are_none():
    jobs = Jobs()
    ids = [jobs.start("a", lambda _: None) for _ in range(25) if not _wait(jobs)]
    assert jobs.get(ids[0]) is None
    assert jobs.get(ids[-1])
    assert not jobs.cancel("none")
    assert jobs.wait("none") is None
    assert Jobs().latest() is None


def _wait(jobs: Jobs) -> None:
    if last := jobs.latest():
        jobs.wait(last.job_id, 10)
