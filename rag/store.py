"""Vectors of chunks, kept by Chroma and searched as a LlamaIndex retriever."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import InternalError
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.vector_stores.chroma import ChromaVectorStore

from rag.chunk import chunk_id, parse_chunk_id
from rag.errors import EmbeddingError, IndexDamagedError
from rag.pieces import unit_rows
from rag.schema import Paper

_COLLECTION = "chunks"
# Neighbours looked at: with Chroma's default of 100 the order of the same index moved between runs.
_SEARCHED = 400


class CosineChroma(ChromaVectorStore):
    """Chroma whose similarities are cosines: its own class returns exp(cosine - 1)."""

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:  # noqa: ANN401
        """Search, best first, similarities in [-1, 1]."""
        try:
            return self._search(query, **kwargs)
        except InternalError:
            # Another process has added chunks: Chroma 1.5 sees them in its SQLite file, but goes
            # on with the graph it loaded, and fails on the ids that this one lacks.
            self.reopen()
            return self._search(query, **kwargs)

    def _search(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:  # noqa: ANN401
        if query.filters is not None or kwargs or query.mode is not VectorStoreQueryMode.DEFAULT:
            result = super().query(query, **kwargs)
            # exp() of a distance above 700 is 0; a cosine distance is at most 2.
            result.similarities = [1 + math.log(s) for s in result.similarities or ()]
            return result
        # What a paper says is read from the catalogue: to fetch and parse its chunks too takes
        # several times as long as the search itself.
        found = self.client.query(
            query_embeddings=[query.query_embedding or []],
            n_results=query.similarity_top_k,
            include=["distances"],
        )
        [ids], distances = found["ids"], found["distances"] or [[]]
        return VectorStoreQueryResult(
            nodes=[_bare_node(chunk) for chunk in ids],
            similarities=[1 - distance for distance in distances[0]],
            ids=ids,
        )

    def reopen(self) -> None:
        """See what other processes have written since this was opened."""
        SharedSystemClient.clear_system_cache()
        self._collection = _collection(Path(self.persist_dir or ""))

    def sentence_scores(self, query: QueryBundle, papers: Sequence[Paper]) -> dict[str, np.ndarray]:
        """Cosines in [-1, 1] of sentences to a question, by paper id; float, (n_sentences,).

        Papers whose sentences are not all here are left out, as all are for a question without a
        vector.
        """
        ids = {
            p.paper_id: [chunk_id(p.paper_id, n) for n in range(len(p.sentences))] for p in papers
        }
        if query.embedding is None or not ids:
            return {}
        held = self.client.get(ids=[i for own in ids.values() for i in own], include=["embeddings"])
        cosines = (
            unit_rows(np.asarray(held["embeddings"]).reshape(len(held["ids"]), -1))
            @ (unit_rows(np.array([query.embedding]))[0])
        )
        by_id = dict(zip(held["ids"], cosines, strict=True))
        return {
            paper_id: np.array([by_id[i] for i in own])
            for paper_id, own in ids.items()
            if by_id.keys() >= set(own)
        }


def _bare_node(chunk: str) -> TextNode:
    paper_id, sentence = parse_chunk_id(chunk)
    return TextNode(id_=chunk, metadata={"paper_id": paper_id, "sentence": sentence})


def open_chroma(folder: Path) -> CosineChroma:
    """Open the collection in this folder, or make it.

    Raises:
        IndexDamagedError: Chroma cannot use the folder.
    """
    try:
        collection = _collection(folder)
        return CosineChroma(chroma_collection=collection, persist_dir=str(folder))  # pyright: ignore[reportCallIssue]
    except Exception as error:  # Chroma raises its own, SQLite's, and bare Rust panics as errors
        raise IndexDamagedError(
            f"vector store {folder} cannot be used: {_on_one_line(error)}; run `footnote rebuild`"
        ) from error


def _collection(folder: Path) -> Collection:
    client = chromadb.PersistentClient(
        path=str(folder), settings=Settings(anonymized_telemetry=False)
    )
    return client.get_or_create_collection(
        _COLLECTION,
        embedding_function=None,  # vectors come with the chunks
        configuration={"hnsw": {"space": "cosine", "ef_search": _SEARCHED}},
    )


def remove_chroma(folder: Path) -> None:
    """Delete the store in this folder, whatever state it is in; none there is fine."""
    # Chroma keeps one open system a path in this process, which would go on with deleted files.
    SharedSystemClient.clear_system_cache()
    shutil.rmtree(folder, ignore_errors=True)


class DenseRetriever(BaseRetriever):
    """Chunks whose vectors lie nearest the question's, from any LlamaIndex vector store."""

    def __init__(self, store: BasePydanticVectorStore, embedder: BaseEmbedding, *, depth: int):
        super().__init__()
        self._store = store
        self._embedder = embedder
        self._depth = depth

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        # A question without a vector yet is given one, so that later steps need not embed it again.
        if query_bundle.embedding is None:
            query_bundle.embedding = self._embedder.get_query_embedding(query_bundle.query_str)
        if not all(map(math.isfinite, query_bundle.embedding)):
            raise EmbeddingError("the embedder returned a vector that is not finite")
        result = self._store.query(
            VectorStoreQuery(query_embedding=query_bundle.embedding, similarity_top_k=self._depth)
        )
        return [
            NodeWithScore(node=node, score=score)
            for node, score in zip(result.nodes or (), result.similarities or (), strict=True)
        ]


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
