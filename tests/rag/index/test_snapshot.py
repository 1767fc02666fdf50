"""One snapshot: what its card does not fit, when it is sealed, and a file that was altered."""

import json
from pathlib import Path

import pytest

from footnote.rag.core.errors import FaultKind, IndexDamagedError
from footnote.rag.index.snapshot import FORMAT_VERSION, Card, Snapshot
from tests.rag.index.small import filled_index

ASKED = Card(embedder="a")


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return filled_index(tmp_path / "index").snapshot()


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({}, None),
        ({"dimension": 64, "token_embeddings": True}, None),
        ({"embedder": "b"}, "embedder `b`, the settings ask for `a`"),
        ({"chunker": "b"}, "chunker `b`, this program cuts `sentences-under-title`"),
        ({"store": "http://b"}, "store `http://b`, the settings ask for `folder`"),
        ({"format_version": 2}, f"version 2, this program writes {FORMAT_VERSION}"),
        (
            {"format_version": 2, "embedder": "b"},
            f"version 2, this program writes {FORMAT_VERSION}",
        ),
    ],
)
def test_a_card_says_what_does_not_fit(change: dict[str, object], difference: str | None):
    assert ASKED.model_copy(update=change).difference(ASKED) == difference


def test_a_card_of_another_version_is_read_whatever_else_it_says(tmp_path: Path):
    (tmp_path / "card.json").write_text(json.dumps({"embedder": "a", "pieces": True, "new": 1}))
    assert Snapshot.load(tmp_path).card == ASKED


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_card_that_cannot_be_read_is_named(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "card.json").write_text(content)
    with pytest.raises(IndexDamagedError, match=r"card .*card.json is lost or cannot be read; run"):
        Snapshot.load(tmp_path)


def test_a_seal_is_there_until_the_files_may_change(snapshot: Snapshot):
    assert snapshot.is_sealed
    assert snapshot.faults(thorough=True) == []
    snapshot.unseal()
    assert not snapshot.is_sealed
    assert snapshot.faults(thorough=True) == []  # nothing says what the files should be
    snapshot.seal()
    assert snapshot.is_sealed


@pytest.mark.parametrize("part", ["dense/vectors.i8", "bm25/meta.json"])
def test_a_file_that_was_altered_is_named(snapshot: Snapshot, part: str):
    file = snapshot.folder / part
    data = file.read_bytes()
    file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    [fault] = snapshot.faults()
    assert str(file) in fault.what
    assert fault.kind is FaultKind.DAMAGED
    file.write_bytes(data[:-1])
    assert [f.what for f in snapshot.faults()] == [fault.what]
    file.write_bytes(data)
    assert snapshot.faults() == []


def test_a_large_file_of_the_same_size_is_read_when_asked_to_be_thorough(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MAX_CHECKED_BYTES", 10)
    file = snapshot.folder / "dense" / "vectors.i8"
    file.write_bytes(file.read_bytes()[::-1])
    assert snapshot.faults() == []
    [fault] = snapshot.faults(thorough=True)
    assert fault.what == f"sentence index: file {file} is not as it was written"


def test_a_manifest_that_cannot_be_read_is_named(snapshot: Snapshot):
    (snapshot.folder / "manifest.json").write_text("{")
    [fault] = snapshot.faults()
    assert fault.what.startswith(f"manifest {snapshot.folder / 'manifest.json'} cannot be read")


def test_a_dropped_snapshot_is_gone_and_may_be_dropped_again(snapshot: Snapshot):
    snapshot.drop()
    assert not snapshot.folder.exists()
    snapshot.drop()
