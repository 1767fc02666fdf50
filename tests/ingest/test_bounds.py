"""What a file is padded with costs no memory, and time in proportion to its length."""

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from footnote.ingest.record import SourceRecord
from footnote.ingest.sources import read_source
from tests.ingest.test_damage import FORMS, PROSE, Fields

MEGABYTE = 1_000_000
PADDINGS = {"line-breaks": "\n", "spaces": " "}
READERS = (
    "page", "jsonl", "array", "array-on-one-line", "bibtex", "ris", "atom-on-one-line", "csv",
)  # fmt: skip


def padded(name: str, padding: str, n_chars: int) -> str:
    """Two records with the padding between them and behind them."""
    form = FORMS[name]
    one, two = (form.record(Fields(f"Paper {n} is Whole", PROSE)) for n in (1, 2))
    pad = padding * (n_chars // len(padding) // 2)
    return form.before + one + form.between + pad + two + form.after + pad


def n_records(file: Path) -> int:
    return sum(isinstance(item, SourceRecord) for item in read_source(file, file.name))


def peak_bytes(file: Path) -> int:
    tracemalloc.start()
    try:
        assert n_records(file) == 2
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def cpu_s(work: Callable[[], object]) -> float:
    """The least of three runs, which others on the machine disturb least."""

    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return min(once() for _ in range(3))


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", FORMS)
def test_padding_fills_no_memory(tmp_path: Path, name: str, padding: str):
    """One record and 4 MB of line breaks took 468 MB."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_text(padded(name, PADDINGS[padding], MEGABYTE))
    large.write_text(padded(name, PADDINGS[padding], 8 * MEGABYTE))
    assert peak_bytes(large) - peak_bytes(small) < MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", FORMS)
def test_twice_the_padding_takes_no_more_than_twice_the_time(
    tmp_path: Path, name: str, padding: str
):
    files = [tmp_path / str(n) for n in (1, 2)]
    for file in files:
        file.write_text(padded(name, PADDINGS[padding], int(file.name) * MEGABYTE))
    one, two = (cpu_s(lambda file=file: n_records(file)) for file in files)
    assert two < 2.5 * one + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_file_of_very_many_records_is_read_in_bounded_memory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    # A listing page is held for its newest year, up to a length.
    monkeypatch.setattr("footnote.ingest.sources.pages._MAX_HELD_CHARS", 100_000)
    form = FORMS[name]
    file = tmp_path / "many"
    records = [form.record(Fields(f"Paper {n} is Whole", PROSE)) for n in range(4_000)]
    file.write_text(form.before + form.between.join(records) + form.after)
    assert file.stat().st_size > 1.3 * MEGABYTE
    tracemalloc.start()
    try:
        assert n_records(file) == len(records)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * MEGABYTE
    finally:
        tracemalloc.stop()
