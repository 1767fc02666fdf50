"""Files that gzip packed: the same records as unpacked, and no more than a machine bears."""

import gzip
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.opening import Meter
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import FORMAT_NAMES, cut, find_files, read_source

SAMPLE = Path(__file__).parents[2] / "ingest" / "sample" / "digests.jsonl"
ABSTRACT = "Alpha keeps the cache on disk and reads it back in blocks."
FORMS = {
    "jsonl": f'{{"title": "One", "abstract": "{ABSTRACT}"}}\n{{"title": "Two", "abstract": 3}}\n',
    "array": f'[{{"title": "One", "abstract": "{ABSTRACT}"}}, {{"title": "Two"}}]',
    "csv": f"title,abstract\nOne,{ABSTRACT}\nTwo,\n",
    "bibtex": f"@article{{a, title = {{One}}, abstract = {{{ABSTRACT}}}}}\n@article{{b, title={{Two}}}}\n",
    "ris": f"TY  - JOUR\nTI  - One\nAB  - {ABSTRACT}\nER  - \nTY  - JOUR\nTI  - Two\nER  - \n",
}


def items(file: Path) -> list[SourceRecord | Refusal]:
    return list(read_source(file, "papers"))


@pytest.mark.parametrize("name", FORMS)
def test_every_format_is_read_out_of_gzip_as_it_is_without(tmp_path: Path, name: str):
    (tmp_path / "plain").write_text(FORMS[name])
    (tmp_path / "packed").write_bytes(gzip.compress(FORMS[name].encode()))
    plain = items(tmp_path / "plain")
    assert [type(item) for item in plain] == [SourceRecord, Refusal]
    assert items(tmp_path / "packed") == plain


def test_parts_that_were_packed_one_by_one_are_one_file(tmp_path: Path):
    lines = SAMPLE.read_bytes().splitlines(keepends=True)
    (tmp_path / "packed").write_bytes(b"".join(map(gzip.compress, lines)))
    assert items(tmp_path / "packed") == items(SAMPLE)


def test_what_is_packed_is_counted_as_it_lies_there(tmp_path: Path):
    packed = gzip.compress(SAMPLE.read_bytes())
    (tmp_path / "packed").write_bytes(packed)
    for file in (SAMPLE, tmp_path / "packed"):
        meter = Meter()
        list(read_source(file, "papers", meter))
        assert meter.n_bytes == file.stat().st_size
    assert len(packed) < SAMPLE.stat().st_size


def test_what_is_packed_is_not_cut(tmp_path: Path):
    (tmp_path / "packed").write_bytes(gzip.compress(SAMPLE.read_bytes()))
    assert list(cut(tmp_path / "packed", 1_000)) == [None]
    assert len(list(cut(SAMPLE, 100_000))) > 1


FEW = b"".join(SAMPLE.read_bytes().splitlines(keepends=True)[:8])
PACKED = gzip.compress(FEW)
RECORDS = items(SAMPLE)[:8]


@settings(max_examples=200)
@given(st.integers(0, len(PACKED) - 1), st.none() | st.integers(1, 255))
def test_damage_is_listed_and_costs_only_what_follows_it(at: int, flipped: int | None):
    """The file is cut there, or bits of one byte are flipped."""
    damaged = PACKED[:at] + bytes([PACKED[at] ^ flipped]) + PACKED[at + 1 :] if flipped else None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "packed"
        file.write_bytes(PACKED[:at] if damaged is None else damaged)
        found = items(file)
    records = [item for item in found if isinstance(item, SourceRecord)]
    refusals = [item for item in found if isinstance(item, Refusal)]
    if damaged is None:
        assert records == RECORDS[: len(records)]
        [refusal] = refusals
        assert refusal.record is None
    elif at >= 10:  # of the head that is before, a time and a system say nothing of the text
        assert refusals
        assert refusals[-1].record is None
        assert refusals[-1].reason.startswith("a damaged gzip file")


def test_a_long_line_costs_that_line_alone_in_bounded_memory(tmp_path: Path):
    long = json.dumps({"title": "Long", "abstract": os.urandom(3_000_000).hex()})
    with gzip.open(tmp_path / "packed", "wt") as file:
        file.write(f"{long}\n{FORMS['jsonl']}")
    refused, record, _ = items(tmp_path / "packed")
    assert isinstance(refused, Refusal)
    assert "more than 2,000,000" in refused.reason
    assert isinstance(record, SourceRecord)


@pytest.mark.parametrize("filler", [b" ", b"\n", b"x"], ids=["blank", "lines", "one-line"])
def test_what_unpacks_to_far_more_than_papers_do_is_refused(tmp_path: Path, filler: bytes):
    with gzip.open(tmp_path / "packed", "wb") as file:
        file.write(FORMS["jsonl"].encode())
        for _ in range(40):
            file.write(filler * 1_000_000)
    meter = Meter()
    *_, refused = read_source(tmp_path / "packed", "papers", meter)
    assert isinstance(refused, Refusal)
    assert "more than 200 times" in refused.reason
    assert meter.n_bytes < 100_000


def test_what_is_packed_and_no_paper_is_refused_as_it_would_be_without(tmp_path: Path):
    for name, content, reason in [
        ("empty", b"", "an empty file"),
        ("words", b"only some words\n", f"not {FORMAT_NAMES}"),
        ("twice", gzip.compress(b"{}"), "a binary file"),
    ]:
        (tmp_path / name).write_bytes(gzip.compress(content))
        [refused] = items(tmp_path / name)
        assert isinstance(refused, Refusal)
        assert refused.reason.startswith(reason[:20])


def test_a_folder_of_packed_parts_is_read_by_content_whatever_they_are_called(tmp_path: Path):
    """As OpenAlex's snapshot has them."""
    part = tmp_path / "works" / "updated_date=2024-01-01" / "part_000.gz"
    part.parent.mkdir(parents=True)
    part.write_bytes(gzip.compress(FORMS["jsonl"].encode()))
    [(file, source)] = find_files([tmp_path / "works"])
    assert source == "updated_date=2024-01-01/part_000.gz"
    assert [type(item) for item in read_source(file, source)] == [SourceRecord, Refusal]
