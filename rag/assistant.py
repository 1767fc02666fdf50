"""Ask a question of the index. Reads like the lower half of the architecture diagram."""

from collections.abc import Callable, Generator, Sequence

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import QueryBundle

from rag.answer import Draft, QuoteAnswerer
from rag.catalogue import Catalogue
from rag.cite import cite, refuse
from rag.errors import QuestionError
from rag.generate import Event, Writer
from rag.schema import Answer, Hit, Paper
from rag.text import Span


class Assistant:
    """The same behind every door: command line, chat and evaluation."""

    def __init__(
        self,
        catalogue: Catalogue,
        read_question: Callable[[str], QueryBundle],
        retriever: BaseRetriever,
        rerankers: Sequence[BaseNodePostprocessor],
        answerer: QuoteAnswerer,
        *,
        keep: int,
        min_confidence: float,
        max_question_chars: int,
        writer: Writer | None = None,
    ):
        self.catalogue = catalogue
        self._read_question = read_question
        self._retriever = retriever
        self._rerankers = rerankers
        self._answerer = answerer
        self._keep = keep
        self._min_confidence = min_confidence
        self._max_question_chars = max_question_chars
        self.writer = writer

    def ask(self, question: str) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason.

        Raises:
            QuestionError: The question is empty or too long.
        """
        [answer] = [event for event in self.ask_stream(question) if isinstance(event, Answer)]
        return answer

    def ask_stream(self, question: str) -> Generator[Event]:
        """Answer as `ask` does, telling what goes on.

        Yields:
            What goes on, each sentence of a model that stood the check, and at last the answer,
            which takes the place of all sentences before it. Close it to stop.

        Raises:
            QuestionError: The question is empty or too long.
        """
        query = self._query(question)
        hits = self._hits(query, self._keep)
        if unknown := self._answerer.unknown_names(query.query_str):
            yield refuse(query.query_str, self._never_mentioned(unknown))
            return
        draft = self._answerer.draft(query, hits)
        if draft.confidence < self._min_confidence or not draft.evidence:
            yield refuse(query.query_str, f"Nothing in {self._the_papers()} answers this.")
            return
        quotes = cite(query.query_str, draft)
        if self.writer:
            yield from self.writer.write(quotes, _sources(draft, hits))
        else:
            yield quotes

    def search(self, question: str, k: int = 10) -> list[Hit]:
        """The papers that fit the question, best first, at most `k`.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return self._hits(self._query(question), k)

    def paper(self, paper_id: str) -> Paper | None:
        """One paper by its id; None when it is not in the catalogue."""
        return self.catalogue.get([paper_id]).get(paper_id)

    def _never_mentioned(self, names: list[str]) -> str:
        return f"Nothing in {self._the_papers()} mentions {' or '.join(names)}."

    def _the_papers(self) -> str:
        n_papers = len(self.catalogue)
        return "the one paper here" if n_papers == 1 else f"the {n_papers:,} papers here"

    def _query(self, question: str) -> QueryBundle:
        # A terminal may pass bytes that are no text.
        question = " ".join(question.encode(errors="replace").decode().split())
        if not any(character.isalnum() for character in question):
            raise QuestionError("the question is empty; ask it in words")
        if len(question) > self._max_question_chars:
            raise QuestionError(
                f"question of {len(question):,} characters, at most {self._max_question_chars:,}; "
                "shorten it, or raise `answering.max_question_chars`"
            )
        return self._read_question(question)

    def _hits(self, query: QueryBundle, k: int) -> list[Hit]:
        nodes = self._retriever.retrieve(query)
        for reranker in self._rerankers:
            nodes = reranker.postprocess_nodes(nodes, query)
        nodes = nodes[:k]
        papers = self.catalogue.get([node.node.metadata["paper_id"] for node in nodes])
        return [
            Hit(
                paper=papers[meta["paper_id"]],
                score=node.get_score(),
                passage=Span(meta["start"], meta["end"]),
                signals=meta.get("signals", {}),
            )
            for node in nodes
            if (meta := node.node.metadata)["paper_id"] in papers
        ]


def _sources(draft: Draft, hits: Sequence[Hit]) -> list[Paper]:
    """The papers that the quotes are from, then the others found."""
    papers = [e.paper for e in draft.evidence] + [hit.paper for hit in hits]
    return list({paper.paper_id: paper for paper in papers}.values())
