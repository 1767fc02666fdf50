"""What tells if a line leans on what was said, by weights that are made here."""

import json

from footnote.rag.understanding.leaning import FILE, Leaning, leans

NOTHING = Leaning(0, 0, 0, 0, 0, 0, 0)
WEIGHTS = dict.fromkeys(Leaning._fields, 0.0) | {"bias": 0.0}


def test_the_weights_are_of_the_fields():
    # The chance is 1 / (1 + e^-x): a half for 0, above the least; 0.12 for -2, below it.
    assert leans(NOTHING, WEIGHTS)
    assert not leans(NOTHING._replace(in_title=1), WEIGHTS | {"in_title": -2.0})
    assert leans(NOTHING._replace(in_title=1, is_said=1), WEIGHTS | {"in_title": -2, "is_said": 2})


def test_the_fitted_ones_have_their_sense():
    fitted = json.loads(FILE.read_text())
    assert fitted["weights"].keys() == {*Leaning._fields, "bias"}
    # Words for a new line, and words of another paper, speak against leaning.
    for name in ("odds", "in_title", "in_abstract", "rarest"):
        assert fitted["weights"][name] < 0
    assert fitted["weights"]["is_said"] > 0
    assert {"lines", "accuracy", "held out by", "date"} <= fitted["card"].keys()
