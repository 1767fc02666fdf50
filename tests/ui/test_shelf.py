"""What the page shows of an index, and what becomes of it when papers are added and called off."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import IndexAccessError, PaperError, SourceError
from footnote.rag.index.browse import Sheet
from footnote.rag.index.writer import IndexWriter
from footnote.ui.jobs import Job, Jobs
from footnote.ui.papers_render import job_html
from footnote.ui.shelf import Shelf, Undone
from footnote.ui.wording import wording

SETTINGS: dict[str, Any] = {"embedder": {"name": "tests.hashing:HashEmbedding"}}


def uploaded(folder: Path, *papers: tuple[str, str]) -> Path:
    """A file as the page's server keeps an upload: in a folder of its own."""
    file = folder / f"upload-{len(list(folder.iterdir()))}" / "papers.jsonl"
    file.parent.mkdir()
    file.write_text("\n".join(json.dumps({"title": t, "abstract": a}) for t, a in papers))
    return file


def many(n: int) -> list[tuple[str, str]]:
    return [
        (f"Paper {k} of many", f"System {k} keeps block {k} on disk. It is fast.") for k in range(n)
    ]


def shelf_with(tmp_path: Path, *papers: tuple[str, str], **web: object) -> Shelf:
    config = load_config(index=tmp_path / "index", web=web, **SETTINGS)
    shelf = Shelf(config.model_copy(update={"web": load_config().web}), Jobs())
    if papers:
        add(shelf, tmp_path, *papers)
    return Shelf(config, Jobs())


def ended(shelf: Shelf, job_id: str) -> Job:
    job = shelf.jobs.wait(job_id, 60)
    assert job
    assert job.is_over
    return job


def add(shelf: Shelf, tmp_path: Path, *papers: tuple[str, str]) -> Job:
    return ended(shelf, shelf.add([uploaded(tmp_path, *papers)], ""))


ALPHA = ("Alpha: A Cache", "Alpha keeps the cache on disk. It is fast.")
BRAVO = ("Bravo: A Router", "Bravo routes questions to models. It is cheap.")


def test_what_is_added_is_on_the_page_and_its_upload_is_deleted(tmp_path: Path):
    shelf = shelf_with(tmp_path, ALPHA)
    assert shelf.page(Sheet()).total == 1
    file = uploaded(tmp_path, BRAVO, ("Empty", ""))
    job = ended(shelf, shelf.add([file], ""))
    assert (job.state, job.result.added, job.result.refused_count) == ("done", 1, 1)
    assert "What was refused, and why (1)" in job_html(job, wording("en"))
    assert not file.parent.exists()
    assert [p.title for p in shelf.page(Sheet(text="routes", sort="title")).papers] == [BRAVO[0]]


@pytest.mark.slow
def test_a_cancelled_addition_leaves_a_whole_index(tmp_path: Path):
    shelf = shelf_with(tmp_path, ALPHA)
    job_id, stopped = "", threading.Event()
    work = IndexWriter.update

    def update(writer: IndexWriter, on_progress: Any, *engine: Any) -> None:
        def told(phase: str, done: int, total: int | None) -> None:
            if done == 64 and not stopped.is_set():  # the first batch is in
                stopped.set()
                assert shelf.jobs.cancel(shelf.jobs.latest().job_id)  # pyright: ignore
            on_progress(phase, done, total)

        work(writer, told, *engine)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(IndexWriter, "update", update)
        job_id = shelf.add([uploaded(tmp_path, *many(150), ALPHA)], "")
        job = ended(shelf, job_id)
    assert (job.state, job.result) == ("cancelled", Undone(taken_back=86))
    assert shelf.page(Sheet()).total == 65
    index = open_index(shelf.config)
    assert (len(index.catalogue), index.catalogue.count_pending()) == (65, 0)
    assert index.problems() == []
    # What was taken back can be added again.
    assert add(shelf, tmp_path, *many(150)).result.added == 86


def test_a_removed_paper_is_gone_and_comes_back_with_its_source(tmp_path: Path):
    shelf = shelf_with(tmp_path, ALPHA, BRAVO)
    [bravo] = shelf.page(Sheet(text="bravo")).papers
    assert ended(shelf, shelf.remove(bravo.paper_id)).state == "done"
    assert shelf.page(Sheet()).total == 1
    assert shelf.shown(bravo.paper_id) is None
    assert add(shelf, tmp_path, BRAVO).result.added == 1


def test_a_paper_of_two_records_is_explained_and_split(tmp_path: Path):
    longer = (ALPHA[0], ALPHA[1] + " It was measured on two machines.")
    shelf = shelf_with(tmp_path, ALPHA, longer)
    [alpha] = shelf.page(Sheet()).papers
    shown = shelf.shown(alpha.paper_id)
    assert shown
    assert (len(shown.explanation.records), len(shown.explanation.joins)) == (2, 1)
    assert ended(shelf, shelf.split(alpha.paper_id)).result == 2
    assert shelf.page(Sheet()).total == 2


def test_only_uploads_and_services_are_taken_in(tmp_path: Path):
    shelf = shelf_with(tmp_path, ALPHA)
    with pytest.raises(SourceError, match="nothing to add"):
        shelf.add([], "  ")
    for query in ("/etc/passwd", "-", "papers.bib", "hf:yesterday"):
        with pytest.raises(SourceError):
            shelf.add([], query)
    with pytest.raises(PaperError):
        shelf.remove("title:none")


def test_a_page_that_only_shows_changes_nothing(tmp_path: Path):
    shelf = shelf_with(tmp_path, ALPHA, writable=False)
    [alpha] = shelf.page(Sheet()).papers
    assert not shelf.is_writable
    for change in (lambda: shelf.add([], "arxiv:2309.06180"), lambda: shelf.remove(alpha.paper_id)):
        with pytest.raises(IndexAccessError, match=r"web\.writable"):
            change()
