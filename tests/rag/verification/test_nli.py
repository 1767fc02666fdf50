"""The entailment model, with a tiny one of random weights made on the spot."""

from pathlib import Path

import pytest

from footnote.rag.core.errors import VerifierError
from footnote.rag.verification.nli import load_nli

pytestmark = pytest.mark.slow

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "caches", "grow", "shrink", "."]


def tiny_model(folder: Path, labels: list[str]) -> str:
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    folder.mkdir()
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    BertTokenizer(str(vocabulary)).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        id2label=dict(enumerate(labels)),
        label2id={label: n for n, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


def test_chances_follow_the_labels_of_the_model(tmp_path: Path):
    name = tiny_model(tmp_path / "a", ["contradiction", "entailment", "neutral"])
    chances = load_nli(name)("caches grow .", "caches shrink .")
    assert sum(chances) == pytest.approx(1)
    assert all(0 <= chance <= 1 for chance in chances)

    import torch
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(name)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 5.0, 1.0]))
    model.save_pretrained(name)
    entails, neutral, contradicts = load_nli(name)("caches grow .", "caches grow .")
    assert entails > neutral > contradicts


def test_a_model_of_other_labels_is_refused(tmp_path: Path):
    name = tiny_model(tmp_path / "b", ["good", "bad"])
    with pytest.raises(VerifierError, match="labels good, bad; it needs entailment"):
        load_nli(name)


def test_a_model_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(VerifierError, match="cannot be loaded"):
        load_nli(str(tmp_path / "none"))
