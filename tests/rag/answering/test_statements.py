"""What a model writes in Markdown, read as statements and labels, however it arrives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.rag.answering.markers import Ref
from footnote.rag.answering.statements import Label, Statement, StatementStream, Written


def read(text: str, size: int = 1_000) -> list[Written]:
    """Read a text of two sources with three sentences each, given in pieces of this size."""
    stream = StatementStream([3, 3])
    found: list[Written] = []
    for start in range(0, len(text), size):
        found += stream.feed(text[start : start + size])
    return [*found, *stream.finish()]


def test_paragraphs_are_read_sentence_by_sentence():
    found = read("It is fast [1.2]. It is small [1.3, 2.1].\n\nBoth are open. [1.1][2]")
    assert found == [
        Statement("It is fast.", (Ref(1, 2),), 0, "prose"),
        Statement("It is small.", (Ref(1, 3), Ref(2, 1)), 0, "prose"),
        Statement("Both are open.", (Ref(1, 1), Ref(2)), 1, "prose"),
    ]


def test_an_item_of_a_list_is_a_statement_and_a_heading_a_label():
    found = read(
        "## What they do\n- **Alpha**: it caches [1.1]. It is fast [1.2]\n\n- Bravo routes"
    )
    assert found == [
        Label("What they do", 0, "heading"),
        Statement("Alpha: it caches. It is fast", (Ref(1, 1), Ref(1, 2)), 0, "list"),
        Statement("Bravo routes", None, 0, "list"),
    ]


def test_a_line_in_bold_alone_is_a_heading():
    assert read("**Speed**\nIt is fast [1.1].")[0] == Label("Speed", 0, "heading")


def test_fields_of_a_table_are_statements_where_they_rest_on_something():
    found = read(
        "| | Idea | Says |\n|:--|---|---|\n| Alpha | caches | [1.2] |\n| Bravo | x [2.1] | – |"
    )
    assert found == [
        Label("", 0, "column", column=0),
        Label("Idea", 0, "column", column=1),
        Label("Says", 0, "column", column=2),
        Label("Alpha", 0, "field", 0, 0),
        # A field of markers alone is what the others of its row rest on.
        Statement("caches", (Ref(1, 2),), 0, "table", 0, 1),
        Label("Bravo", 0, "field", 1, 0),
        Statement("x", (Ref(2, 1),), 0, "table", 1, 1),
        Label("–", 0, "field", 1, 2),
    ]


def test_a_range_names_each_of_its_sentences_and_one_too_many_names_nothing():
    assert read("It is so [1.1-1.3].")[0] == Statement(
        "It is so.", (Ref(1, 1), Ref(1, 2), Ref(1, 3)), 0, "prose"
    )
    assert read("It is so [1.2-1.9].")[0] == Statement(
        "It is so.", (Ref(1, 2), Ref(1, 3)), 0, "prose"
    )
    assert read("It is so [2.9, 7.1].")[0] == Statement("It is so.", (), 0, "prose")
    assert read("It is so.")[0] == Statement("It is so.", None, 0, "prose")


def test_a_field_that_names_what_is_not_there_is_a_statement_that_rests_on_nothing():
    found = read(
        "| | Idea | Says |\n|---|---|---|\n| Alpha | caches [9.9] | |\n| B | routes | [7] |"
    )
    assert [each for each in found if isinstance(each, Statement)] == [
        Statement("caches", (), 0, "table", 0, 1),
        Statement("routes", (), 0, "table", 1, 1),
    ]


def test_a_sentence_is_told_before_its_line_has_ended():
    stream = StatementStream([3])
    assert list(stream.feed("It is fast [1.1]. Its cache is small")) == [
        Statement("It is fast.", (Ref(1, 1),), 0, "prose")
    ]


PIECES = (
    "It is fast|. |\n|\n\n|- |1. |# |[1.2]|[2]|**|```|[1.1-1.3]| (2)|x|: |A sentence that goes on"
)
fragment = st.sampled_from([*PIECES.split("|"), "| ", " |", "|---|"])


@settings(max_examples=300, deadline=None)
@given(st.lists(fragment, max_size=30).map("".join), st.integers(1, 7))
def test_how_it_arrives_does_not_matter(text: str, size: int):
    assert read(text, size) == read(text)


@pytest.mark.parametrize("text", ["|" * 5_000, "# " * 3_000, "- " * 3_000, "[1." * 3_000])
def test_no_text_takes_forever(text: str):
    read(text)
