"""Parquet: the records of the same objects in JSON Lines, a batch of rows at a time."""

import datetime
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from footnote.ingest.opening import Meter
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import read_source

SAMPLE = Path(__file__).parents[2] / "ingest" / "sample" / "digests.jsonl"
ABSTRACT = "Alpha keeps the cache on disk and reads it back in blocks."


def items(file: Path) -> list[SourceRecord | Refusal]:
    return list(read_source(file, "papers"))


def written(file: Path, table: Any, **options: Any) -> Path:
    parquet.write_table(table, file, **options)
    return file


def table_of(*rows: dict[str, Any]) -> Any:
    names = dict.fromkeys(name for row in rows for name in row)
    return pyarrow.table({name: [row.get(name) for row in rows] for name in names})


def sample() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row_group_size", [50, 1_000], ids=["many-groups", "one-group"])
def test_rows_are_the_records_of_the_same_json_lines(tmp_path: Path, row_group_size: int):
    file = written(tmp_path / "x", table_of(*sample()), row_group_size=row_group_size)
    plain = items(SAMPLE)
    assert len(plain) == 408
    assert items(file) == plain


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
rows = st.fixed_dictionaries(
    {"title": texts, "abstract": texts.map(lambda text: f"{text} {ABSTRACT}")},
    optional={
        "authors": st.lists(texts, max_size=3) | st.none(),
        "authors_parsed": st.lists(st.lists(texts, min_size=2, max_size=3), max_size=3) | st.none(),
        "doi": texts.map(lambda text: f"10.1000/{text}") | st.none(),
        "year": st.integers(0, 3_000) | st.none(),
        "upvotes": st.integers(-1, 10**12) | st.none(),
        "versions": st.lists(
            st.fixed_dictionaries({"version": st.sampled_from(["v1", "v7", "x"])}), max_size=2
        ),
        "paper": st.none(),
    },
)


@settings(max_examples=50)
@given(st.lists(rows, min_size=1, max_size=5))
def test_any_rows_are_what_they_are_in_json_lines(found: list[dict[str, Any]]):
    with TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "plain", Path(folder) / "packed"
        plain.write_text("\n".join(map(json.dumps, found)), encoding="utf-8")
        written(packed, table_of(*found))
        as_json, as_rows = items(plain), items(packed)
    assert [item for item in as_rows if isinstance(item, SourceRecord)] == [
        item for item in as_json if isinstance(item, SourceRecord)
    ]
    assert len(as_rows) == len(as_json) == len(found)


def test_nested_authors_dates_and_numbers_of_any_writer_are_understood(tmp_path: Path):
    row = {"title": "Alpha", "abstract": ABSTRACT}
    day = datetime.datetime(2023, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    table = table_of(row | {"authors": [{"name": "Ada Lovelace"}, {"name": "Babbage, Charles"}]})
    for column in (
        pyarrow.array([day], pyarrow.timestamp("ns", "UTC")),
        pyarrow.array([day.replace(tzinfo=None)], pyarrow.timestamp("us")),
        pyarrow.array([day.date()], pyarrow.date32()),
        pyarrow.array(["2023-05-06"], pyarrow.large_string()),
        pyarrow.array(["2023-05-06"]).dictionary_encode(),
    ):
        dated = table.append_column("date", column).append_column("n_authors", pyarrow.array([2.0]))
        [record] = items(written(tmp_path / "x", dated))
        assert isinstance(record, SourceRecord)
        assert (record.date, record.n_authors) == (day.date(), 2)
        assert record.authors == ("Ada Lovelace", "Charles Babbage")


def test_dates_out_of_range_cost_the_date_alone(tmp_path: Path):
    table = table_of({"title": "Alpha", "abstract": ABSTRACT})
    for column in (
        pyarrow.array([2**48], pyarrow.timestamp("s")),
        pyarrow.array([2**30], pyarrow.date32()),
    ):
        [record] = items(written(tmp_path / "x", table.append_column("date", column)))
        assert isinstance(record, SourceRecord)
        assert record.date is None


def test_a_text_that_is_not_utf_8_costs_its_row_alone(tmp_path: Path):
    titles = pyarrow.array([b"One", b"T\xffo", b"Three"])
    for column in (titles, titles.cast(pyarrow.string(), safe=False)):
        table = pyarrow.table({"title": column, "abstract": [ABSTRACT] * 3})
        one, two, three = items(written(tmp_path / "x", table))
        assert isinstance(one, SourceRecord)
        assert isinstance(three, SourceRecord)
        assert isinstance(two, Refusal)
    assert two.record == "row 2"


def test_a_file_without_its_columns_is_one_refusal_that_names_those_it_has(tmp_path: Path):
    [refused] = items(written(tmp_path / "x", table_of({"Titel": "One", "abstract": "x"})))
    assert isinstance(refused, Refusal)
    assert refused.record is None
    assert "title" in refused.reason
    assert "Titel, abstract" in refused.reason


def test_out_of_gzip_or_a_pipe_it_is_refused_with_the_next_step(tmp_path: Path):
    buffer = io.BytesIO()
    parquet.write_table(table_of(*sample()[:3]), buffer)
    (tmp_path / "x.gz").write_bytes(gzip.compress(buffer.getvalue()))
    [refused] = items(tmp_path / "x.gz")
    assert isinstance(refused, Refusal)
    assert "unpacked" in refused.reason


def test_without_pyarrow_the_extra_is_named_and_other_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = written(tmp_path / "x", table_of(*sample()[:3]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    [refused] = items(file)
    assert isinstance(refused, Refusal)
    assert "pip install 'footnote-papers[parquet]'" in refused.reason
    assert len(items(SAMPLE)) == 408


def of_sample() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table_of(*sample()[:8]), buffer, row_group_size=2, write_page_checksum=True)
    return buffer.getvalue()


WHOLE = of_sample()


@settings(max_examples=200)
@given(st.integers(4, len(WHOLE) - 1), st.none() | st.integers(1, 255))
def test_damage_is_listed_and_what_is_before_it_is_read(at: int, flipped: int | None):
    """The file is cut there, or bits of one byte are flipped."""
    content = WHOLE[:at]
    if flipped:
        content += bytes([WHOLE[at] ^ flipped]) + WHOLE[at + 1 :]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x"
        file.write_bytes(content)
        found = items(file)
    assert all(isinstance(item, SourceRecord | Refusal) for item in found)
    if flipped is None:
        [refused] = found
        assert isinstance(refused, Refusal)
        assert refused.reason.startswith("damaged Parquet")


def test_a_name_of_a_column_that_is_not_utf_8_is_damage(tmp_path: Path):
    """pyarrow tells it by an error of Python's own."""
    row = {"title": "Alpha", "abstract": ABSTRACT, "another": 1}
    whole = written(tmp_path / "x", table_of(row), store_schema=False).read_bytes()
    (tmp_path / "x").write_bytes(whole.replace(b"another", b"an\xffther"))
    [refused] = items(tmp_path / "x")
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("damaged Parquet")


def test_a_damaged_page_is_found_by_its_checksum(tmp_path: Path):
    at = len(WHOLE) // 2
    (tmp_path / "x").write_bytes(WHOLE[:at] + bytes([WHOLE[at] ^ 1]) + WHOLE[at + 1 :])
    *records, refused = items(tmp_path / "x")
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("damaged Parquet")
    assert records == items(SAMPLE)[: len(records)]


_PEAK = """
import sys
from pathlib import Path
import pyarrow
from footnote.ingest.sources import read_source
n = sum(1 for _ in read_source(Path(sys.argv[1]), "x"))
print(n, pyarrow.default_memory_pool().max_memory())
"""


@pytest.mark.slow
def test_a_row_group_of_many_papers_is_read_in_bounded_memory(tmp_path: Path):
    """Its writer put all rows in one group, as pandas does; the abstracts take 60 MB unpacked."""
    n_rows = 6_000
    abstracts = [f"{n} " + "and so on, and so on " * 450 for n in range(n_rows)]
    table = pyarrow.table({"title": [f"Paper {n}" for n in range(n_rows)], "abstract": abstracts})
    file = written(tmp_path / "x", table, row_group_size=n_rows, use_dictionary=False)
    told = subprocess.run(
        [sys.executable, "-c", _PEAK, file], check=True, capture_output=True, text=True
    )
    n_read, peak_bytes = map(int, told.stdout.split())
    assert n_read == n_rows
    assert peak_bytes < table.nbytes / 2


def repeated() -> Any:
    """One row a hundred thousand times, which takes as much room as once."""
    once = pyarrow.table({"title": ["Alpha"], "abstract": [ABSTRACT * 80]}).combine_chunks()
    return once.take(pyarrow.nulls(100_000, pyarrow.int32()).fill_null(0))


def padded() -> Any:
    return pyarrow.table({"title": ["Alpha"], "abstract": [ABSTRACT], "other": ["x" * 50_000_000]})


@pytest.mark.parametrize("made", [repeated, padded])
def test_what_unpacks_to_far_more_than_papers_do_is_not_read_on(tmp_path: Path, made: Any):
    *records, refused = items(written(tmp_path / "x", made(), compression="zstd"))
    assert isinstance(refused, Refusal)
    assert "more than 200 times" in refused.reason
    assert len(records) < 10_000


def test_what_is_read_is_counted(tmp_path: Path):
    file = written(tmp_path / "x", table_of(*sample()))
    meter = Meter()
    list(read_source(file, "papers", meter))
    assert meter.n_bytes >= file.stat().st_size * 0.9
