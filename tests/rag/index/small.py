"""A small index, made in a moment: two papers by hand, vectors by hashes."""

import shutil
from pathlib import Path

import numpy as np

from footnote.rag.build import open_index
from footnote.rag.core.config import Config
from footnote.rag.core.records import Paper
from footnote.rag.core.text import sentence_spans
from footnote.rag.index.chroma import Row
from footnote.rag.index.chunking import facts_of
from footnote.rag.index.foreign import ForeignEmbedder
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import Card, Snapshot
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.hashing import HashEmbedding


def paper(title: str, abstract: str) -> Paper:
    return Paper(
        paper_id=f"title:{title.lower()}",
        title=title,
        abstract=abstract,
        sentences=sentence_spans(abstract),
        titles=(title,),
        original_title=title,
        original_abstract=abstract,
    )


ALPHA = paper("Alpha", "Alpha keeps blocks on disk. It is fast.")
BRAVO = paper("Bravo", "Bravo routes questions to models. It is cheap.")
LATER = paper("Alpha", "Alpha now keeps zebras in a stable. The rest is new. It has a third.")


def save(index: Index, *papers: Paper) -> None:
    index.catalogue.save([(each, [f"title:{each.title.lower()}"]) for each in papers], {})


def embedder() -> ForeignEmbedder:
    return ForeignEmbedder(HashEmbedding())


def empty_index(folder: Path, **card: object) -> Index:
    asked = Card.model_validate({"embedder": "hashes"} | card)
    return Index(folder, asked, embedder, exact_up_to=1_000, create=True)


def filled_index(folder: Path) -> Index:
    index = empty_index(folder)
    save(index, ALPHA, BRAVO)
    IndexWriter(index).update(unwatched)
    return index


def files(folder: Path) -> dict[str, bytes]:
    """What only writers change, by its name; Chroma and SQLite touch their files to read them."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "sqlite" not in file.name and file.name != "gate"
    }


def spread(config: Config, folder: Path, n_shards: int) -> Config:
    """Copy an index, with what is derived from it in so many shards."""
    shutil.copytree(config.index, folder)
    copied = config.model_copy(update={"index": folder})
    index = open_index(copied)
    old, last = index.snapshot(), ""
    card = old.card.model_copy(update={"shards": n_shards})
    made = Snapshot.make(index.snapshots / f"of-{n_shards}", card)
    while papers := index.catalogue.served_after(last, 100):
        made.copy(old, papers)
        last = papers[-1].paper_id
    made.seal()
    index.catalogue.switch(made.name)
    return copied


def row(paper: Paper, vector: np.ndarray) -> Row:
    """What the vector store is given of a paper."""
    return Row(paper.paper_id, paper.version, vector, facts_of(paper))
