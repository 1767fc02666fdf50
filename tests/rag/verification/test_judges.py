"""Judges that are cross-encoders, made small for the test and saved as the real ones are."""

from pathlib import Path

import pytest

from footnote.rag.core.errors import VerifierError
from footnote.rag.verification.judges import load_judge

pytestmark = pytest.mark.slow


def made(folder: Path, labels: list[str]) -> str:
    """Save a tiny cross-encoder with these labels; return its folder."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "it", "is"]))
    config = BertConfig(
        vocab_size=6, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, num_labels=len(labels),
        id2label=dict(enumerate(labels)), label2id={name: n for n, name in enumerate(labels)},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    "labels",
    [
        ["entailment", "neutral", "contradiction"],
        ["contradiction", "entailment", "neutral"],
        ["LABEL_0", "LABEL_1"],
        ["consistent", "hallucinated"],
        ["LABEL_0"],
    ],
)
def test_each_kind_gives_a_probability_a_pair(tmp_path: Path, labels: list[str]):
    judge = load_judge(made(tmp_path, labels))
    chances = [j.likely for j in judge([("It is.", "It is."), ("It.", "Is.")])]
    assert len(chances) == 2
    assert all(0 <= chance <= 1 for chance in chances)
    assert judge([]) == []


def test_what_cannot_be_loaded_or_does_not_judge_is_named(tmp_path: Path):
    with pytest.raises(VerifierError, match="cannot be loaded"):
        load_judge(str(tmp_path / "gone"))
    with pytest.raises(VerifierError, match="has the labels red, green, blue"):
        load_judge(made(tmp_path, ["red", "green", "blue"]))
