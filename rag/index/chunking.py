"""Papers as LlamaIndex nodes: whole, or cut into the passages that are searched, sentences."""

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from llama_index.core.schema import (
    BaseNode,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)

from footnote.rag.core.records import Paper

# Named on the index card: another way of cutting needs another name, and a rebuild.
CHUNKER = "sentences-under-title"
# Where their vectors come from one pass over the paper.
IN_CONTEXT = "sentences-in-context"
# Of a list, in Chroma Cloud, less a bit: nothing is answered from it, the catalogue has them all.
_MOST_BYTES = 4_000


def chunk_paper(paper: Paper) -> list[TextNode]:
    """Cut a paper into its sentences, in order, as nodes; the n-th has the id `chunk_id`.

    Each is embedded as it stands in its paper (`rag.index.passages`), or with the title above it,
    since a system is often named there alone. One sentence a chunk finds papers as well as windows
    of three (`docs/experiments.md`), and the same vectors then tell which sentence answers.
    """
    about = {"title": paper.title, "paper_id": paper.paper_id, "version": paper.version}
    source = RelatedNodeInfo(node_id=paper.paper_id)
    return [
        _CHUNK.model_copy(
            update={
                "id_": chunk_id(paper, number),
                "text": paper.quote(span),
                "metadata": {**about, "sentence": number},
                "relationships": {NodeRelationship.SOURCE: source},
            }
        )
        for number, span in enumerate(paper.sentences)
    ]


def paper_node(paper: Paper, vector: np.ndarray) -> TextNode:
    """Make what a vector store keeps of a paper: this vector and its facts, without text."""
    about = {"paper_id": paper.paper_id, "version": paper.version, **facts_of(paper)}
    return bare_node(paper.paper_id, about, embedding=vector.tolist())


def facts_of(paper: Paper) -> dict[str, Any]:
    """Return what a vector store is told of a paper beside its text, to filter by.

    Returns:
        `date` as the whole number YYYYMMDD where its day is known, `year`, `organisation`,
        `upvotes`, `n_authors`, `withdrawn`, and the lists `authors` and `sources`, of many the
        first; None for what is not known.
    """
    day = paper.date
    return {
        "date": int(day.strftime("%Y%m%d")) if isinstance(day, datetime.date) else None,
        "year": day.year if day else None,
        "organisation": paper.organisation,
        "upvotes": paper.upvotes,
        "n_authors": paper.n_authors,
        "withdrawn": paper.withdrawn,
        "authors": _fitting(paper.authors) or None,
        "sources": _fitting(dict.fromkeys(s.source for s in paper.sightings)) or None,
    }


def _fitting(names: Iterable[str]) -> list[str]:
    """Return the first of the names, as many as a hosted store takes."""
    ends = accumulate(len(name.encode()) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= _MOST_BYTES]


def embedded_length(chunk: BaseNode) -> int:
    """Count the characters that are embedded of a chunk, its title among them."""
    return len(chunk.get_content(metadata_mode=MetadataMode.EMBED))


def chunk_id(paper: Paper, number: int) -> str:
    """Return the id of the chunk that holds a paper's sentence, counted from 0.

    It names the version too, so that a later one is added beside it before this one goes.
    """
    return sentence_id(version_id(paper.paper_id, paper.version), number)


def version_id(paper_id: str, version: str) -> str:
    """Return what the ids of all chunks of one version of a paper begin with."""
    return f"{paper_id}@{version}"


def sentence_id(version_id: str, number: int) -> str:
    """Return the id of a chunk by its version's and the sentence's number."""
    return f"{version_id}#{number}"


def version_of_chunk(chunk: str) -> str:
    """Return the `version_id` in an id of `chunk_id`."""
    return chunk.rpartition("#")[0]


def parse_chunk_id(chunk: str) -> dict[str, str | int]:
    """Read an id of `chunk_id`: the paper's id, its version, the sentence's number."""
    of_version, _, number = chunk.rpartition("#")
    paper_id, _, version = of_version.rpartition("@")
    return {"paper_id": paper_id, "version": version, "sentence": int(number)}


def paper_of_chunk(chunk: str) -> str:
    """Return the paper's id in an id of `chunk_id`."""
    return chunk.rpartition("@")[0]


def best_of_shards(
    by_shard: Sequence[list[tuple[str, float]]],
    depth: int,
    *,
    paper_of: Callable[[str], str] = paper_of_chunk,
) -> list[tuple[str, float]]:
    """Merge what each shard found, ids with cosines, best first, at most `depth`.

    Args:
        by_shard: Of each shard what it found, best first, at most `depth`.
        depth: How many are kept.
        paper_of: Tells the paper that an id is of; of papers as near the smaller id comes first.
    """
    if len(by_shard) == 1:
        return by_shard[0]
    found = [each for own in by_shard for each in own]
    return sorted(found, key=lambda each: (-each[1], paper_of(each[0])))[:depth]


def bare_node(
    node_id: str, metadata: Mapping[str, Any], embedding: list[float] | None = None
) -> TextNode:
    """Make a node without text, for what a search has found or a vector store keeps.

    Copied: to make and check hundreds of them takes longer than the search.
    """
    told = {"id_": node_id, "metadata": dict(metadata), "embedding": embedding}
    return _BARE.model_copy(update=told)


_BARE = TextNode()
_CHUNK = TextNode(
    excluded_embed_metadata_keys=["paper_id", "version", "sentence"],
    metadata_template="{value}",
    text_template="{metadata_str}\n{content}",
)
