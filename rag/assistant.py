"""Ask a question of the index. Reads like the lower half of the architecture diagram."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle

from footnote.rag.answering.citations import cite, reason_for_refusal, refuse
from footnote.rag.answering.collection import PAGE, Words, answer_from_catalogue
from footnote.rag.answering.evidence import Draft, QuoteAnswerer, SentenceSignal
from footnote.rag.answering.generative import Event, Writer, rewrite_with_model
from footnote.rag.core.records import Answer, Hit, Paper
from footnote.rag.core.request import Act, Filters, Kind
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.embedding import Question
from footnote.rag.understanding.dialogue import leans_back, rewrite
from footnote.rag.understanding.question import check_question
from footnote.rag.understanding.request import read_act, read_kind, read_request

# Questions before the one asked that can matter to it.
_TURNS = 4
# A question with a name that no paper has is answered only when it is this sure, whatever the
# settings ask for: an abbreviation may be unknown, a thing may not.
_WITHOUT_THE_NAME = 0.2


class Assistant:
    """Answers questions, the same behind every door: command line, page and evaluation."""

    def __init__(
        self,
        catalogue: Catalogue,
        read_question: Callable[[str], QueryBundle],
        retriever: BaseRetriever,
        rerankers: Sequence[BaseNodePostprocessor],
        sentences: SentenceSignal,
        answerer: QuoteAnswerer,
        words: Words,
        *,
        keep: int,
        min_confidence: float,
        max_question_chars: int,
        reads_vectors: bool = False,
        writer: Writer | None = None,
    ):
        self.catalogue = catalogue
        self._read_question = read_question
        self._retriever = retriever
        self._rerankers = rerankers
        self._sentences = sentences
        self._answerer = answerer
        self._words = words
        # True where the vectors are the bundled embedder's, which the trained heads know.
        self._reads_vectors = reads_vectors
        self._keep = keep
        self._min_confidence = min_confidence
        self._max_question_chars = max_question_chars
        self.writer = writer

    def ask(
        self, question: str, history: Sequence[str] = (), filters: Filters | None = None
    ) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason.

        Args:
            question: As a person typed it.
            history: Earlier questions of the same conversation, oldest first; one that leans on
                them (`and its memory use?`) is understood with them.
            filters: Which papers may answer; None for all.

        Raises:
            QuestionError: The question is empty or too long.
        """
        events = self.ask_stream(question, history, filters)
        [answer] = [event for event in events if isinstance(event, Answer)]
        return answer

    def ask_stream(
        self, question: str, history: Sequence[str] = (), filters: Filters | None = None
    ) -> Generator[Event]:
        """Answer as `ask` does, with progress.

        Yields:
            Progress, each sentence of a model that passed the check, and at last the answer,
            which takes the place of all sentences before it. Close it to stop.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        query = self._query(asked, filters)
        if answer := self._from_catalogue(query, history, filters):
            yield answer
            return
        rewritten = self._rewritten(asked, history)
        if rewritten != asked:
            query = self._query(rewritten, filters)
        hits, draft = self._draft(query, asked)
        events: Iterable[Event]
        if not self._is_answer(draft):
            among = query.only if isinstance(query, Question) else None
            n_papers = len(self.catalogue if among is None else among)
            reason = reason_for_refusal(draft, n_papers, filtered=among is not None)
            events = [refuse(rewritten, draft, reason)]
        elif self.writer:
            events = self.writer.write(cite(rewritten, draft), _sources(draft, hits))
        else:
            events = [cite(rewritten, draft)]
        said = {"question": asked, "understood_as": rewritten if rewritten != asked else None}
        for event in events:
            yield event.model_copy(update=said) if isinstance(event, Answer) else event

    def search(
        self,
        question: str,
        k: int = 10,
        history: Sequence[str] = (),
        filters: Filters | None = None,
    ) -> list[Hit]:
        """Find the papers that fit the question, best first, at most `k`, within the filters.

        Raises:
            QuestionError: The question is empty or too long.
        """
        rewritten = self._rewritten(self._checked(question), history)
        return self._retrieve(self._query(rewritten, filters), k)

    def draft(self, question: str, history: Sequence[str] = ()) -> Draft:
        """Return what could be said, however unsure, and what that was chosen from.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        return self._draft(self._query(self._rewritten(asked, history)), asked)[1]

    def paper(self, paper_id: str) -> Paper | None:
        """Return a paper by an id that it has or had, as it is answered from; None for none."""
        own_id = self.catalogue.resolve(paper_id)
        return self.catalogue.served([own_id]).get(own_id) if own_id else None

    def _from_catalogue(
        self, query: QueryBundle, history: Sequence[str], filters: Filters | None
    ) -> Answer | None:
        """Answer a question about the collection, or one that asks for more of such an answer.

        None for any other, and for one that leans on the questions before it.
        """
        *before, asked = [*history, query.query_str]
        n_pages = 0
        while before and self._act(query, before[-1]) is Act.MORE:
            n_pages += 1
            query = self._read_question(self._checked(before.pop()))
        if before and self._act(query, before[-1]) is not Act.NEW:
            return None
        vector = self._vector(query)
        if read_kind(query.query_str, vector) is not Kind.CATALOGUE:
            return None
        request = read_request(query.query_str, None, vector)
        if filters:
            request = request.model_copy(update={"filters": filters})
        answer = answer_from_catalogue(request, self.catalogue, self._words, skip=n_pages * PAGE)
        understood_as = query.query_str if n_pages else None
        return answer.model_copy(update={"question": asked, "understood_as": understood_as})

    def _act(self, query: QueryBundle, before: str) -> Act:
        return read_act(query.query_str, before, self._vector(query))

    def _vector(self, query: QueryBundle) -> Sequence[float] | None:
        return query.embedding if self._reads_vectors else None

    def _checked(self, question: str) -> str:
        return check_question(question, max_chars=self._max_question_chars)

    def _rewritten(self, question: str, history: Sequence[str]) -> str:
        """Rewrite a question that leans on the questions before it to stand alone.

        It is about the paper that fits the last of them best, or, where the papers did not answer
        that one, about what it asked.

        Raises:
            QuestionError: One of the questions before it is empty or too long.
        """
        if not history or not leans_back(question):
            return question
        if self.writer and (said := rewrite_with_model(self.writer.model, question, history)):
            return said
        before = self._rewritten(self._checked(history[-1]), history[-_TURNS:-1])
        hits, draft = self._draft(self._query(before), history[-1])
        return rewrite(question, hits[0].paper.title if self._is_answer(draft) else before)

    def _query(self, text: str, filters: Filters | None = None) -> QueryBundle:
        """Embed a question, and note which papers may answer it."""
        query = self._read_question(text)
        if not filters:
            return query
        return Question(
            query.query_str,
            embedding=query.embedding,
            token_embeddings=query.token_embeddings if isinstance(query, Question) else None,
            only=self.catalogue.matching(filters),
        )

    def _draft(self, query: QueryBundle, asked: str) -> tuple[list[Hit], Draft]:
        """Find papers for a question as rewritten, and choose from them what could be said."""
        hits = self._retrieve(query, self._keep)
        return hits, self._answerer.draft(query, hits, asked)

    def _retrieve(self, query: QueryBundle, k: int) -> list[Hit]:
        """Find papers for a question, rerank them, and read the best from the catalogue."""
        nodes = self._retriever.retrieve(query)
        for reranker in self._rerankers:
            nodes = reranker.postprocess_nodes(nodes, query)
        best = {node.node.metadata["paper_id"]: node for node in nodes[:k]}
        papers = self.catalogue.served(best)
        passages = self._passages(query, best, papers)
        return [
            Hit(
                paper=papers[paper_id],
                score=min(node.get_score(), 1.0),
                passage=papers[paper_id].sentences[passages[paper_id]],
                signals=node.node.metadata.get("signals", {}),
            )
            for paper_id, node in best.items()
            if paper_id in papers
        ]

    def _passages(
        self, query: QueryBundle, nodes: Mapping[str, NodeWithScore], papers: Mapping[str, Paper]
    ) -> dict[str, int]:
        """Return the number of the best sentence of each paper, by paper id."""
        found = {
            paper_id: _passage(nodes[paper_id].node.metadata, paper)
            for paper_id, paper in papers.items()
        }
        # A paper found by its words alone has no passage yet.
        unread = [paper for paper_id, paper in papers.items() if found[paper_id] is None]
        for paper_id, scores in self._sentences.sentence_scores(query, unread).items():
            found[paper_id] = int(scores.argmax())
        return {paper_id: number or 0 for paper_id, number in found.items()}

    def _is_answer(self, draft: Draft) -> bool:
        least = max(self._min_confidence, _WITHOUT_THE_NAME if draft.unknown_names else 0.0)
        return bool(draft.evidence) and draft.confidence >= least


def _passage(found: Mapping[str, Any], paper: Paper) -> int | None:
    # A passage may be of a version that is being replaced, or not in force yet.
    return found.get("sentence") if found.get("version") == paper.version else None


def _sources(draft: Draft, hits: Sequence[Hit]) -> list[Paper]:
    """List the papers that the quotes are from, then the others found."""
    papers = [e.paper for e in draft.evidence] + [hit.paper for hit in hits]
    return list({paper.paper_id: paper for paper in papers}.values())
