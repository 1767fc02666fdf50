"""Storage elsewhere, by two of fsspec's own that need no network: the same as a folder here."""

import gzip
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from footnote.ingest.pipeline import ingest
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import count_bytes, cut, find_files, read_source
from footnote.ingest.storage import RemotePath, to_place
from footnote.ingest.watching import changes
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import SourceError

SAMPLE = Path(__file__).parents[2] / "ingest" / "sample" / "digests.jsonl"
ABSTRACT = "Alpha keeps the cache on disk and reads it back in blocks."
CSV = f"title,abstract\nOne,{ABSTRACT}\nTwo,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "papers"
    (made / "more").mkdir(parents=True)
    shutil.copy(SAMPLE, made / "digests.jsonl")
    (made / "more" / "part_000.gz").write_bytes(gzip.compress(CSV.encode()))
    (made / ".hidden.csv").write_text(CSV)
    return made


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The folder, in a storage that fsspec reaches."""
    if request.param == "file":
        yield f"file://{folder}"
        return
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/bucket/papers", recursive=True)
    yield "memory://bucket/papers"
    memory.rm("/bucket", recursive=True)


def items(*paths: Any) -> list[SourceRecord | Refusal]:
    found = find_files([to_place(path) for path in paths])
    return [item for file, source in found for item in read_source(file, source)]


def test_a_folder_elsewhere_gives_what_one_here_gives_under_the_same_names(url: str, folder: Path):
    assert len(items(folder)) == 410
    assert items(url) == items(folder)
    assert items(f"{url}/") == items(folder)


def test_a_file_elsewhere_gives_what_one_here_gives(url: str, folder: Path):
    for name in ("digests.jsonl", "more/part_000.gz"):
        assert items(f"{url}/{name}") == items(folder / name)


def test_sizes_are_told_beforehand(url: str, folder: Path):
    assert count_bytes([to_place(url)]) == count_bytes([folder])
    assert to_place(f"{url}/digests.jsonl").stat().st_mtime_ns > 0


def test_spans_of_a_file_elsewhere_hold_each_record_once_in_any_process(url: str):
    """What a worker of a cluster is sent is pickled."""
    file = to_place(f"{url}/digests.jsonl")
    spans = list(cut(file, 100_000))
    assert len(spans) > 1
    sent = pickle.loads(pickle.dumps(file))  # noqa: S301 - our own
    assert sent == file
    parts = [item for span in spans for item in read_source(sent, "x", span=span)]
    assert parts == list(read_source(file, "x"))


@pytest.mark.slow
def test_papers_elsewhere_are_taken_in_beside_those_here(url: str, tmp_path: Path):
    config = load_config(index=tmp_path / "index", embedder={"name": "tests.hashing:HashEmbedding"})
    index = open_index(config, create=True)
    (tmp_path / "own.csv").write_text(f"title,abstract\nThree,{ABSTRACT}\n")
    report = ingest(
        [f"{url}/more", str(tmp_path / "own.csv"), f"{url}/nowhere"],
        index,
        lambda *_: None,
    )
    assert (report.papers, report.refused_count, report.refused_sources) == (2, 1, 1)
    assert report.refused[-1].source == "nowhere"
    assert report.refused[-1].reason == os.strerror(2)
    assert ingest([f"{url}/more"], index, lambda *_: None).unchanged == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("s3://bucket/papers", "s3fs", id="s3"),
        pytest.param("gs://bucket/papers", "gcsfs", id="gs"),
        pytest.param("nosuch://bucket", "nosuch", id="unknown"),
        pytest.param(
            "https://127.0.0.1:9/a.jsonl", "curl -L https://127.0.0.1:9/a.jsonl", id="web"
        ),
        pytest.param("memory://nowhere/a", "No such file", id="missing"),
    ],
)
def test_what_cannot_be_reached_is_a_refusal_that_says_what_is_missing(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
):
    for package in ("s3fs", "gcsfs"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    [refused] = items(url)
    assert isinstance(refused, Refusal)
    assert refused.record is None
    assert reason in refused.reason


def test_a_storage_that_fails_while_it_is_read_costs_the_rest_of_that_file(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    class Failing:
        """Gives the first half, then an error of its own kind."""

        def __init__(self, *_: object):
            self.file = (folder / "digests.jsonl").open("rb")

        def read(self, n: int) -> bytes:
            if self.file.tell() > 100_000:
                raise RuntimeError("the storage went away")
            return self.file.read(n)

        def seekable(self) -> bool:
            return True

        def close(self) -> None:
            self.file.close()

    monkeypatch.setattr(RemotePath, "open", Failing)
    *records, refused = items(f"{url}/digests.jsonl")
    assert records
    assert records == items(folder / "digests.jsonl")[: len(records)]
    assert refused == Refusal(source="digests.jsonl", record=None, reason="the storage went away")


def test_an_empty_object_under_the_name_of_its_folder_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
):
    """As the consoles of some storages make for a new folder."""
    memory = fsspec.filesystem("memory")
    listed = [
        {"name": "/b/papers/", "size": 0, "type": "directory"},
        {"name": "/b/papers/a.csv", "size": 9, "type": "file"},
    ]
    monkeypatch.setattr(type(memory), "ls", lambda *_, **__: listed)
    monkeypatch.setattr(type(memory), "info", lambda *_, **__: listed[0])
    assert [source for _, source in find_files([to_place("memory://b/papers")])] == ["a.csv"]


def test_a_place_elsewhere_is_not_watched(url: str):
    with pytest.raises(SourceError, match="cannot be watched"):
        next(changes([url], every_s=1.0))


@pytest.mark.parametrize("text", ["papers", "-", "/a/b.jsonl", "c:/x", "a:b", "s3:/bucket"])
def test_other_texts_are_paths_here(text: str):
    assert to_place(text) == Path(text)
