"""Measure the checker on claims with known verdicts, in SciFact's format."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from footnote.rag.core.records import Paper, Verdict
from footnote.rag.core.text import Span
from footnote.rag.verification.binding import Cited
from footnote.rag.verification.checker import Checker

Label = Literal["SUPPORT", "CONTRADICT", "UNRELATED"]
VERDICTS: tuple[Verdict, ...] = ("checked", "quoted", "differs", "unbound")


class LabelledClaim(NamedTuple):
    """A claim, an abstract, and what people found the one to say about the other."""

    claim: str
    paper: Paper
    label: Label


class CheckerFigures(NamedTuple):
    """How often each verdict was given, by label."""

    counts: Mapping[Label, Mapping[Verdict, int]]

    def share(self, label: Label, verdict: Verdict) -> float:
        """Return the share of a label's claims with this verdict; 0 where there are none."""
        total = sum(self.counts.get(label, {}).values())
        return self.counts[label].get(verdict, 0) / total if total else 0.0

    def precision(self, verdict: Verdict, *labels: Label) -> float:
        """Return the share of a verdict's claims with one of the labels; 0 where none has it."""
        given = sum(counts.get(verdict, 0) for counts in self.counts.values())
        right = sum(self.counts.get(label, {}).get(verdict, 0) for label in labels)
        return right / given if given else 0.0

    def table(self) -> str:
        """Write the counts as a Markdown table, a row for each label."""
        lines = [f"| label | {' | '.join(VERDICTS)} |", "|---|" + "---|" * len(VERDICTS)]
        for label, counts in self.counts.items():
            cells = " | ".join(str(counts.get(verdict, 0)) for verdict in VERDICTS)
            lines.append(f"| {label} | {cells} |")
        return "\n".join(lines)


def measure_checker(checker: Checker, claims: Iterable[LabelledClaim]) -> CheckerFigures:
    """Check every claim against its abstract alone, and count the verdicts."""
    counts: dict[Label, Counter[Verdict]] = {}
    for claim, paper, label in claims:
        checked = checker.check(claim, [Cited(paper)], [paper])
        [checked] = checker.judged([(claim, checked)])
        verdict = checked.verdict
        counts.setdefault(label, Counter())[verdict] += 1
    return CheckerFigures(counts)


def read_scifact(folder: Path, split: str) -> list[LabelledClaim]:
    """Read the claims of one split: each with the abstract judged for it, and with another one.

    Needs `claims.jsonl`, `corpus.jsonl` and `sentences.jsonl`. Claims whose abstract was judged to
    say nothing are left out; `UNRELATED` pairs a claim with the abstract of the claim after it.
    """
    papers = {paper.paper_id: paper for paper in _papers(folder)}
    judged: list[LabelledClaim] = []
    for row in _rows(folder / "claims.jsonl"):
        if row["split"] != split:
            continue
        for doc_id, evidence in row["evidence"].items():
            judged.append(LabelledClaim(row["claim"], papers[doc_id], evidence[0]["label"]))
    unrelated = [
        LabelledClaim(one.claim, other.paper, "UNRELATED")
        for one, other in zip(judged, judged[1:] + judged[:1], strict=True)
        if one.paper != other.paper and one.claim != other.claim
    ]
    return judged + unrelated


def _papers(folder: Path) -> Iterator[Paper]:
    titles = {row["_id"]: row["title"] for row in _rows(folder / "corpus.jsonl")}
    for row in _rows(folder / "sentences.jsonl"):
        sentences = [text for text in (" ".join(s.split()) for s in row["sentences"]) if text]
        spans: list[Span] = []
        for sentence in sentences:
            start = spans[-1].end + 1 if spans else 0
            spans.append(Span(start, start + len(sentence)))
        title, abstract = titles[row["_id"]] or row["_id"], " ".join(sentences)
        if abstract:
            yield Paper(
                paper_id=row["_id"],
                title=title,
                abstract=abstract,
                sentences=tuple(spans),
                titles=(title,),
                original_title=title,
                original_abstract=abstract,
            )


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)
