"""A paper is read once: its sentences' vectors are the means of their own tokens."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType

import numpy as np
import pytest

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.chunking import sentence_texts
from footnote.rag.index.embedding import LocalEmbedder
from footnote.rag.index.encoders import Encoded, Side
from footnote.rag.index.foreign import ForeignEmbedder
from footnote.rag.index.passages import embed_papers
from footnote.rag.index.token_embeddings import TokenEmbeddings, paper_text
from tests.hashing import HashEmbedding

WORDS = [
    "alpha",
    "keeps",
    "blocks",
    "of",
    "many",
    "bytes",
    "on",
    "disk",
    "and",
    "reads",
    "them",
    "back",
    "when",
    "they",
    "are",
    "asked",
    "for",
]


class WordEncoder:
    """A word is a token, along the axis of its number in the text; a window holds so many."""

    dimension = 64

    def __init__(
        self,
        most: int,
        *,
        averages: bool = True,
        longer: Mapping[int, float] = MappingProxyType({}),
    ):
        """Read so many words; some rows, by their numbers, are longer than 1."""
        self.most = most
        self.averages = averages
        self.longer = longer
        self.texts: list[str] = []

    def batch(self, *, abstracts: bool) -> int:
        return 4 if abstracts else 8

    def encode(self, texts: Sequence[str], side: Side) -> list[Encoded]:
        assert side == "document"
        self.texts.extend(texts)
        return [self._encoded(text) for text in texts]

    def _encoded(self, text: str) -> Encoded:
        spans = [match.span() for match in islice(re.finditer(r"\S+", text), self.most)]
        rows = np.eye(self.dimension, dtype=np.float32)[np.arange(len(spans)) % self.dimension]
        for number, length in self.longer.items():
            rows[number] *= length
        starts, ends = np.array(spans).reshape(-1, 2).T
        tokens = TokenEmbeddings(rows, starts, ends)
        return Encoded(np.full(self.dimension, 1 / 8, np.float32), tokens)


def paper(n_sentences: int, *, title: str = "A title of five words") -> Paper:
    sentences = [" ".join([f"Number{n}", *WORDS[: 4 + n % 11]]) + "." for n in range(n_sentences)]
    record = SourceRecord(title=title, abstract=" ".join(sentences), sighting=Sighting(source="t"))
    return to_paper(record)


def local(encoder: WordEncoder) -> LocalEmbedder:
    return LocalEmbedder(encoder, lambda: encoder, one_pass=True)


def test_a_sentence_s_vector_is_the_mean_of_the_title_s_tokens_and_its_own():
    encoder = WordEncoder(1_000)
    own = paper(3)
    [vectors], tokens = embed_papers(local(encoder), [own])
    assert encoder.texts == [paper_text(own)]
    assert tokens is not None
    # Five words of title, then five, six and seven words.
    expected = np.zeros((3, 64))
    for row, (first, end) in zip(expected, [(5, 10), (10, 16), (16, 23)], strict=True):
        row[:5] = row[first:end] = 1 / np.sqrt(5 + end - first)
    assert vectors == pytest.approx(expected)


def test_a_longer_token_weighs_more_as_it_does_in_the_model():
    encoder = WordEncoder(1_000, longer={1: 3.0})
    own = paper(1, title="A title")
    [[vector]], _ = embed_papers(local(encoder), [own])
    expected = np.zeros(64)
    expected[: 2 + len(own.abstract.split())] = 1
    expected[1] = 3
    assert vector == pytest.approx(expected / np.linalg.norm(expected))


@pytest.mark.parametrize("most", [12, 20, 31, 64])
@pytest.mark.parametrize("title", ["A title of five words", "Short", "word " * 120 + "end"])
def test_of_a_long_paper_every_word_is_read_once_and_lies_in_its_place(most: int, title: str):
    papers = [paper(n, title=title) for n in (1, 7, 40)]
    encoder = WordEncoder(most)
    vectors, found = embed_papers(local(encoder), papers)
    assert found is not None
    for own, tokens in zip(papers, found, strict=True):
        text = paper_text(own)
        words = [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]
        in_abstract = words[len(words) - len(own.abstract.split()) :]
        assert in_abstract == own.abstract.split()
        assert (np.diff(tokens.starts) > 0).all()
    assert [len(own) for own in vectors] == [len(own.sentences) for own in papers]
    assert np.linalg.norm(np.concatenate(vectors), axis=1) == pytest.approx(1)


def test_the_words_read_grow_as_the_paper_does():
    counts: list[int] = []
    for n in (50, 100, 200, 400):
        encoder = WordEncoder(40)
        embed_papers(local(encoder), [paper(n)])
        counts.append(len(encoder.texts))
    assert counts[3] < 10 * counts[0]


def test_a_sentence_longer_than_a_window_is_read_on():
    abstract = "Begin " + " ".join(f"w{n}" for n in range(300)) + "."
    record = SourceRecord(title="T", abstract=abstract, sighting=Sighting(source="t"))
    own = to_paper(record)
    _, found = embed_papers(local(WordEncoder(32)), [own])
    assert found is not None
    assert len(found[0].starts) == 302


def test_what_a_model_does_not_average_is_read_sentence_by_sentence_too():
    encoder = WordEncoder(1_000, averages=False)
    own = paper(2)
    [vectors], tokens = embed_papers(local(encoder), [own])
    assert tokens is not None
    assert len(tokens[0].starts) == 16
    assert vectors.tolist() == [[1 / 8] * 64] * 2
    under_title = [f"{own.title}\n{own.quote(span)}" for span in own.sentences]
    assert sorted(encoder.texts) == sorted([paper_text(own), *under_title])


def test_unless_it_is_asked_for_sentences_are_read_under_their_title():
    encoder = WordEncoder(1_000)
    own = paper(2)
    embed_papers(LocalEmbedder(encoder, lambda: encoder), [own])
    under_title = [f"{own.title}\n{own.quote(span)}" for span in own.sentences]
    assert sorted(encoder.texts) == sorted([paper_text(own), *under_title])


def test_an_embedder_without_tokens_is_given_the_sentences():
    own = paper(2)
    [vectors], tokens = embed_papers(ForeignEmbedder(HashEmbedding()), [own])
    assert tokens is None
    expected = [HashEmbedding().get_text_embedding(text) for text in sentence_texts(own)]
    assert vectors == pytest.approx(np.array(expected), abs=1e-6)
