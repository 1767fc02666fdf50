"""Reading sentences: tokens with what they mean, what is denied, and which clause they are in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.text import words
from footnote.rag.verification.reading import NEXT_SENTENCE, Reader, is_name, joined


class Words:
    """Every word weighs the same and is its own stem."""

    def terms(self, text: str) -> list[str]:
        return words(text)

    def idf(self, term: str) -> float:
        return 1.0


READER = Reader(Words())


@given(st.text(max_size=200), st.integers(0, 50))
def test_tokens_lie_in_order_where_they_say(text: str, offset: int):
    end = offset
    for token in READER.read(text, offset=offset):
        assert end <= token.start < token.end <= len(text) + offset
        end = token.end


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("It uses LLaMA-7B.", ["grammar", "word", "name", "mark"]),
        ("An RTX 4090 is used.", ["grammar", "name", "grammar", "word", "mark"]),
        ("Caches save 40%.", ["word", "word", "number", "mark"]),
    ],
)
def test_kinds_of_tokens(text: str, kinds: list[str]):
    assert [token.kind for token in READER.read(text)] == kinds


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("Caches do not grow.", ["grow"]),
        ("It trains without a teacher and halves the bill.", ["teacher"]),
        ("Alpha helps, longer training does not.", ["training"]),
        ("Alpha is no faster than Bravo.", []),
    ],
)
def test_a_denial_reaches_the_word_that_it_denies(text: str, denied: list[str]):
    found = [t.text for t in READER.read(text) if t.negated and t.tells]
    assert found == denied


def test_clauses_are_told_apart_and_those_of_a_second_sentence_lie_far_off():
    first = READER.read("Alpha is fast, but Bravo is slow.")
    assert {t.text: t.clause for t in first if t.kind == "word" and t.tells}["slow"] == 1
    both = joined(first, READER.read("It is open."))
    assert {t.clause // NEXT_SENTENCE for t in both} == {0, 1}


@pytest.mark.parametrize(
    ("word", "first", "is_one"),
    [
        ("NanoFlow", True, True),
        ("GPUs", True, True),
        ("Caches", True, False),
        ("Bravo", False, True),
        ("cache", False, False),
    ],
)
def test_a_name_is_told_by_its_capitals(word: str, first: bool, is_one: bool):
    assert is_name(word, first=first) is is_one
