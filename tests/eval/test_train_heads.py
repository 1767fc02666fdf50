"""Fitting heads: what tells is found, and no writer is judged by a head that saw them."""

import pytest

from footnote.eval import labels
from footnote.eval.train_heads import Example, cross_validated, fit, head_examples

LINES = [
    Example(["how", "many", f"w{n}"], "count", f"writer {n % 3}") for n in range(12)
] + [Example(["why", f"w{n}"], "why", f"writer {n % 3}") for n in range(12)]  # fmt: skip


def test_a_head_learns_the_words_that_tell():
    fitted = fit(LINES)
    unseen = [Example(["many", "x"], "", ""), Example(["why", "x"], "", "")]
    assert fitted.predict(unseen).tolist() == ["count", "why"]


def test_a_feature_of_one_line_alone_is_left_out():
    vocabulary = fit([*LINES, Example(["once", "why"], "why", "a")]).vocabulary
    assert "why" in vocabulary
    assert "once" not in vocabulary


def test_each_writer_is_judged_by_a_head_that_never_saw_them():
    predicted = cross_validated(LINES)
    assert predicted.tolist() == [e.label for e in LINES]


def test_digests_count_for_less_than_abstracts():
    abstracts = [Example(["tide", f"a{n}"], "idea", "systems") for n in range(12)]
    digests = [Example(["tide", f"d{n}"], "result", "digests") for n in range(40)]
    asked = Example(["tide"], "", "")
    assert fit([*abstracts, *digests]).predict([asked]).tolist() == ["idea"]
    as_many = [e._replace(group="physics") for e in digests]
    assert fit([*abstracts, *as_many]).predict([asked]).tolist() == ["result"]


@pytest.mark.slow
def test_each_digest_has_a_role_for_each_of_its_sentences():
    own = {
        key: texts for key, texts in labels.sentences_of_abstracts().items() if key[0] == "digests"
    }
    told = {a.title: a.roles for a in labels.abstracts() if a.field == "digests"}
    assert len(own) == len(told) == 408
    assert all(len(told[title]) == len(texts) for (_, title), texts in own.items())


@pytest.mark.slow
def test_every_label_can_be_read_and_every_example_has_features():
    assert len(labels.lines()) + len(labels.marks()) >= 1_500
    assert len({line.id for line in labels.lines()}) == len(labels.lines())
    assert labels.abstracts()
    for name, examples in head_examples().items():
        assert examples, name
        assert all(example.features for example in examples), name


def test_a_span_of_a_line_is_a_part_of_it():
    for line in labels.lines():
        for parts in line.spans.values():
            for part in [parts] if isinstance(parts, str) else parts:
                assert part in line.text
