"""Markers in every style that models write, and sentences cut from text that arrives in pieces."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.rag.answering.markers import SentenceStream, normalise_markers, take_markers


def read(text: str, n_sources: int = 3, size: int = 1000) -> list[tuple[str, tuple[int, ...]]]:
    """The sentences and their markers, the text given in pieces of this size."""
    stream = SentenceStream(n_sources)
    found: list[str] = []
    for start in range(0, len(text), size):
        found += stream.feed(text[start : start + size])
    read = (take_markers(s, [9] * n_sources) for s in [*found, *stream.finish()])
    return [(said, tuple(ref.source for ref in refs or ())) for said, refs in read]


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("[1]", (1,)),
        ("[1,2]", (1, 2)),
        ("[2, 1]", (2, 1)),
        ("[1][2]", (1, 2)),
        ("[1] [2]", (1, 2)),
        ("[1], [2]", (1, 2)),
        ("[1-3]", (1, 2, 3)),
        ("[1–3]", (1, 2, 3)),
        ("[1 and 3]", (1, 3)),
        ("(2)", (2,)),
        ("(1, 2)", (1, 2)),
        ("(Source 2)", (2,)),
        ("[Source 1]", (1,)),
        ("[Sources 1, 2]", (1, 2)),
        ("[source: 3]", (3,)),
        ("[S2]", (2,)),
        ("[#2]", (2,)),
        ("【1】", (1,)),
        ("【2†source】", (2,)),
        ("［3］", (3,)),
        ("^1", (1,)),
        ("^[1]", (1,)),
        ("[^1]", (1,)),
        ("[[2]]", (2,)),
        ("[1](https://example.org/a)", (1,)),
        ("[[1]](#source-1)", (1,)),
        ("<sup>2</sup>", (2,)),
        ("[7]", ()),
        ("[1, 9]", (1,)),
        ("[1][1]", (1,)),
        ("", ()),
    ],
)
@pytest.mark.parametrize(
    "form",
    ["It is fast {}.", "It is fast. {}", "It is fast.{}", "It is fast {}. ", "It is fast {}"],
)
def test_styles(form: str, marker: str, expected: tuple[int, ...]):
    [(text, markers)] = read(form.format(marker))
    assert markers == expected
    assert text.rstrip(".") == "It is fast"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "It is fast. [1] It is small. [2]",
            [("It is fast.", (1,)), ("It is small.", (2,))],
            id="after-the-full-stop",
        ),
        pytest.param(
            "[1] It is fast. [2] It is small.",
            [("It is fast.", (1,)), ("It is small.", (2,))],
            id="before-the-sentence",
        ),
        pytest.param(
            "It is fast. It is small. [1][2]\n\nIt is open [3].",
            [("It is fast.", ()), ("It is small.", (1, 2)), ("It is open.", (3,))],
            id="paragraph-end",
        ),
        pytest.param(
            "- **It** is fast [1].\n- It is `small` [2].",
            [("It is fast.", (1,)), ("It is small.", (2,))],
            id="list",
        ),
        pytest.param(
            "1. It is fast [1].\n2. It is small [2].",
            [("It is fast.", (1,)), ("It is small.", (2,))],
            id="numbered-list",
        ),
        pytest.param(
            "Weights lie in [0, 1] and reach 10^3 ops [2].",
            [("Weights lie in [0, 1] and reach 10^3 ops.", (2,))],
            id="no-marker",
        ),
        pytest.param(
            "It does (1) tiling and (2) fusion [3].",
            [("It does (1) tiling and (2) fusion.", (3,))],
            id="enumeration",
        ),
        pytest.param(
            "See [the page](https://example.org) [1].", [("See the page.", (1,))], id="link"
        ),
        pytest.param("It takes a batch of (64).", [("It takes a batch of (64).", ())], id="number"),
        pytest.param(
            "It is fast, i.e. 1.5x (see et al. [2]).",
            [("It is fast, i.e. 1.5x (see et al.).", (2,))],
            id="abbreviations",
        ),
    ],
)
def test_texts(text: str, expected: list[tuple[str, tuple[int, ...]]]):
    assert read(text) == expected
    assert read(text, size=1) == expected


fragment = st.sampled_from(
    [
        "It is fast",
        "and small",
        "reaches 1.5x",
        ". ",
        ".",
        "? ",
        "\n",
        ", ",
        "[1]",
        "[1, 2]",
        "[1-3]",
        " (2)",
        "【1】",
        "^1",
        "[Source 2]",
        "[1](u://v)",
        "[9]",
        "**",
        "- ",
        "e.g. ",
        "i.e. ",
        "(",
        ")",
        "[",
        "]",
        "vLLM ",
        "NanoFlow ",
        "[0, 1]",
        "<sup>1</sup>",
        " ",
    ]
)
drafts = st.lists(fragment, max_size=25).map("".join)


@settings(max_examples=400, deadline=None)
@given(drafts, st.integers(1, 9))
def test_how_it_arrives_does_not_matter(text: str, size: int):
    assert read(text, size=size) == read(text)


@settings(max_examples=400, deadline=None)
@given(drafts, st.integers(0, 4))
def test_markers_name_sources_and_none_is_left_in_the_text(text: str, n_sources: int):
    for said, markers in read(text, n_sources):
        assert all(1 <= marker <= n_sources for marker in markers)
        assert len(set(markers)) == len(markers)
        assert not re.search(r"\[[1-9]\d?\]", said)


@given(st.text(max_size=60), st.integers(0, 3))
def test_no_text_breaks_it(text: str, n_sources: int):
    read(text, n_sources, size=1)


def test_a_sentence_is_told_before_the_next_is_complete():
    stream = SentenceStream(3)
    assert list(stream.feed("It is fast [1]. Its cache is small")) == ["It is fast [1]."]
    assert stream.pending.strip() == "Its cache is small"


@pytest.mark.parametrize("text", ["[" * 5000, "(1" * 3000, "^1" * 3000, "[1," * 3000, "1-" * 4000])
def test_no_text_takes_forever(text: str):
    normalise_markers(text, 3)
