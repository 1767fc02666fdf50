"""Lines of files: nothing is lost, whatever the bytes, and each fault stays with its line."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest import lines
from footnote.ingest.lines import Line, Span, cut_lines, load_lines, undecoded, whole_lines
from footnote.rag.core.errors import SourceError


def read(content: bytes) -> list[Line]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(content)
        return list(load_lines(file))


def test_lines_are_counted_from_one_and_lose_their_ends():
    found = read("\ufeffone\r\ntwo\n\nfour".encode())
    assert [(line.number, line.text) for line in found] == [
        (1, "one"), (2, "two"), (3, ""), (4, "four"),
    ]  # fmt: skip
    assert not any(line.fault or line.continues for line in found)


@given(
    st.lists(
        st.sampled_from([b"", b" ", b"{}", b'{"title": "One"}', b"x" * 40, b"\xff"]), max_size=300
    ),
    st.integers(1, 200),
)
def test_spans_hold_each_line_once_under_its_number(found: list[bytes], n_bytes: int):
    content = b"\n".join([b"{}", *found])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(content)
        spans = list(cut_lines(file, n_bytes))
        parts = [line for span in spans for line in load_lines(file, span)]
        whole = list(load_lines(file))
    assert [span.begin for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert sum(span.n_bytes for span in spans) == len(content)
    assert all(span.n_bytes >= n_bytes for span in spans[:-1])
    # Of many blank lines some are passed over, and they may be others.
    assert [line for line in parts if line.text.strip()] == [
        line for line in whole if line.text.strip()
    ]


def test_a_line_longer_than_a_span_stays_whole(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"a\n" + b"b" * 250_000 + b"\nc\n")
    assert list(cut_lines(tmp_path / "file", 2)) == [
        Span(0, 2, 1), Span(2, 250_003, 2), Span(250_003, 250_005, 3),
    ]  # fmt: skip


text_lines = st.lists(st.text(st.characters(exclude_characters="\0\r\n\ufeff", codec="utf-8"), max_size=30), min_size=1, max_size=6)  # fmt: skip


@given(text_lines.filter(lambda found: any(map(str.strip, found))))
def test_lines_join_to_the_file_and_their_bytes_to_its_size(texts: list[str]):
    content = "\n".join(["head", *texts]).encode()
    found = read(content)
    # A last line that is empty is none.
    assert "\n".join(line.text for line in found) == content.decode().removesuffix("\n")
    assert sum(line.n_bytes for line in found) == len(content)


@pytest.mark.parametrize("cut_at", [8, 13, 50])
def test_the_pieces_of_a_long_line_are_that_line(monkeypatch: pytest.MonkeyPatch, cut_at: int):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", cut_at)
    monkeypatch.setattr(lines, "_PIECE_BYTES", cut_at)
    long = "größer, und größer, und am größten " * 4
    found = read(f"{long}\nshort\n".encode())
    pieces = [line for line in found if line.number == 1]
    assert len(pieces) > 2
    assert "".join(piece.text for piece in pieces) == long
    assert [piece.continues for piece in pieces] == [False] + [True] * (len(pieces) - 1)
    assert all(piece.n_bytes <= cut_at and piece.fault is None for piece in pieces)
    [one, other] = whole_lines(found)
    assert (one.number, one.n_bytes) == (1, len(f"{long}\n".encode()))
    assert one.fault == f"a line of {one.n_bytes} bytes, more than {cut_at}"
    assert (other.text, other.fault) == ("short", None)


def test_a_byte_that_is_not_utf_8_is_named_with_its_line_and_column():
    [good, bad] = read(b"first\nf\xfcr\n")
    assert good.fault is None
    assert bad.fault == "not UTF-8: byte 0xfc at column 2"
    assert undecoded(f"first\n{bad.text}", first_line=7) == (
        "line 8: not UTF-8: byte 0xfc at column 2"
    )
    assert undecoded("für") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(b" \n\n", "an empty file", id="blank"),
        pytest.param("text".encode("utf-16"), "UTF-16", id="utf-16"),
        pytest.param(("text and more" * 9).encode("utf-16-le"), "UTF-16", id="utf-16-without-mark"),
        pytest.param(bytes(range(32)) * 9, "a binary file", id="binary"),
    ],
)
def test_what_is_no_text_is_refused_by_name(content: bytes, reason: str):
    with pytest.raises(SourceError, match=reason):
        read(content)
