"""Check a text that somebody wrote: each of its statements against what the papers say."""

from collections.abc import Mapping, Sequence
from copy import copy

from footnote.rag.answering.claims import Stated, evidence_of, statements_of
from footnote.rag.answering.quoting import Quoter
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.records import Citation, Claim, Paper
from footnote.rag.core.request import Filters, Kind, Request
from footnote.rag.retrieval.finder import Finder, Searched
from footnote.rag.understanding.request import read_request
from footnote.rag.verification.checker import TOO_LONG, Checked, Checker


class ClaimChecker:
    """Compares claims with the papers that are found for them, or that they name."""

    def __init__(self, finder: Finder, quoter: Quoter, checker: Checker, *, max_chars: int):
        """Check with these.

        Args:
            finder: The papers.
            quoter: Finds the sentences that speak to a claim.
            checker: Compares it with them.
            max_chars: A longer statement is not compared.
        """
        self._finder = finder
        self._quoter = quoter
        self._checker = checker
        self._max_chars = max_chars

    def quoting_by(self, quoter: Quoter) -> "ClaimChecker":
        """Return one like it that has another find the sentences."""
        other = copy(self)
        other._quoter = quoter
        return other

    def check(self, text: str, within: Filters) -> list[Claim]:
        """Compare each statement of a text, in order.

        Args:
            text: Plain, Markdown or LaTeX.
            within: Which papers a statement that names no BibTeX entry is compared with.

        Raises:
            QuestionError: It holds no statement.
        """
        stated = list(statements_of(text))
        if not stated:
            raise QuestionError("the text holds no statement; write a sentence")
        by_key = self._papers_by_key(stated)
        found = [self._compared(each, by_key, within) for each in stated]
        judged = self._checker.judged([(s.text, c) for s, c in zip(stated, found, strict=True)])
        return [_claim(s, checked) for s, checked in zip(stated, judged, strict=True)]

    def _papers_by_key(self, stated: Sequence[Stated]) -> Mapping[str, Paper]:
        """Return the papers by their BibTeX keys, where a statement names any."""
        if not any(each.keys for each in stated):
            return {}
        # One by one: few of many papers have keys.
        each_paper = self._finder.catalogue.each_paper()
        return {key: paper for paper in each_paper for key in paper.cite_keys}

    def _compared(self, stated: Stated, by_key: Mapping[str, Paper], within: Filters) -> Checked:
        text, keys = stated.text, stated.keys
        if len(text) > self._max_chars:
            return Checked("unbound", reason=TOO_LONG)
        if unknown := [key for key in keys if key not in by_key]:
            return Checked("unbound", reason=f"no paper here has the key {', '.join(unknown)}")
        topic = read_request(text).topic
        request = Request(question=text, kind=Kind.CLAIM, topic=topic, filters=within)
        if keys:
            named = self._finder.named([by_key[key].paper_id for key in keys])
            found = Searched(request, self._finder.query(text), named)
        else:
            found = self._quoter.search(request)
        found, draft = self._quoter.draft(found)
        is_about = bool(keys) or draft.confidence >= self._quoter.min_confidence
        spoken = evidence_of(draft.ranked) if is_about else []
        bound = self._checker.weighed(text, spoken)
        if not bound:
            return Checked("unbound", reason="nothing here speaks of it")
        return self._checker.compared(text, bound, [hit.paper for hit in found.hits])


def _claim(stated: Stated, checked: Checked) -> Claim:
    papers = dict.fromkeys(b.paper.paper_id for b in checked.bound)
    marker = {paper_id: n for n, paper_id in enumerate(papers, start=1)}
    return Claim(
        text=stated.text,
        verdict=checked.verdict,
        reason=checked.reason,
        citations=tuple(
            Citation.of(b.paper, b.span, marker=marker[b.paper.paper_id], score=b.share)
            for b in checked.bound
        ),
        keys=stated.keys,
        contradicted=checked.contradicted,
    )
