"""The statements of a draft, and the papers that it names for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.answering.claims import Stated, evidence_of, statements_of
from tests.made import evidence, paper

DRAFT = r"""# Caches

Alpha keeps blocks on disk [@alpha; see @bravo, p. 3]. It is fast.

- Bravo routes questions~\cite{bravo}.
- Models differ. [@alpha]

\section{Costs}
The bill falls by 40\% \citep[see][]{bravo, charlie}, they say.

---
"""


def test_a_draft_is_read_sentence_by_sentence_with_its_keys():
    assert list(statements_of(DRAFT)) == [
        Stated("Alpha keeps blocks on disk.", ("alpha", "bravo")),
        Stated("It is fast.", ()),
        Stated("Bravo routes questions.", ("bravo",)),
        Stated("Models differ.", ("alpha",)),
        Stated(r"The bill falls by 40\%, they say.", ("bravo", "charlie")),
    ]


@pytest.mark.parametrize("text", ["", "  \n ", "# A heading", "--- 12 ---", "[@alpha]"])
def test_what_states_nothing(text: str):
    assert list(statements_of(text)) == []


def test_an_address_is_no_key():
    [stated] = statements_of("Write to someone@example.org about caches.")
    assert stated.keys == ()


def test_evidence_is_of_the_best_paper_and_likely():
    alpha = paper("Alpha", "It caches. It is fast. It is small.")
    bravo = paper("Bravo", "It routes.")
    ranked = [
        evidence(alpha, 1, 0.4), evidence(bravo, 0, 0.4), evidence(alpha, 0, 0.6),
        evidence(alpha, 2, 0.1),
    ]  # fmt: skip
    assert [(b.paper, b.number) for b in evidence_of(ranked)] == [(alpha, 1), (alpha, 0)]
    assert evidence_of([]) == []


@given(st.text("ab.@[]{}\\cite# -\n;,", max_size=300))
def test_no_text_makes_it_fail(text: str):
    for stated in statements_of(text):
        assert stated.text.strip() == stated.text
        assert all(stated.keys)


@pytest.mark.parametrize(
    "text", ["[@" * 4_000, "\\cite{" * 4_000, "[a@" * 4_000 + "]", "@a" * 9_000]
)
def test_no_text_takes_forever(text: str):
    list(statements_of(text))
