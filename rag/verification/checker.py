"""Check what a model wrote against the sentences that it rests on.

A statement is *checked* when a judge says that its quotes say it, *quoted* when it is bound to
exact quotes and nothing in it differs from them, *differs* when something does, and *unbound* when
no sentence could be found that it rests on.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import NamedTuple

from footnote.rag.core.records import Paper, Verdict
from footnote.rag.core.text import TermStatistics
from footnote.rag.verification.binding import Binder, Bound, Cited
from footnote.rag.verification.instructions import is_planted, orders
from footnote.rag.verification.judges import Judge
from footnote.rag.verification.vetoes import difference, is_contradicted

_MAX_CHARS = 4_000
TOO_LONG = "too long to be compared; write it in sentences"
SHARES = 0.27
"""Below this share of its words, what a statement is bound to speaks of something else: of
SciFact's claims and the abstracts of others, see `docs/evaluation.md`."""


class Checked(NamedTuple):
    """What was found for a statement."""

    verdict: Verdict
    bound: tuple[Bound, ...] = ()
    """The sentences that it rests on, in the order in which it names them."""
    reason: str | None = None
    """In what it differs, for a person."""
    contradicted: bool = False
    """True where those sentences, or a judge who read them, speak against it."""


class Checker:
    """Binds statements to sentences, and finds what differs from them."""

    def __init__(self, statistics: TermStatistics, judge: Judge | None = None, least: float = 0.9):
        """Check with these.

        Args:
            statistics: Of the words of the corpus.
            judge: Is asked of what nothing differs in; None for nobody.
            least: How likely it must be by the judge that a statement is said.
        """
        self._binder = Binder(statistics)
        self._judge = judge
        self._least = least

    @property
    def has_judge(self) -> bool:
        """True where somebody is asked of what nothing differs in."""
        return self._judge is not None

    def judging_by(self, judge: Judge) -> "Checker":
        """Return one like it that asks this judge."""
        checker = copy(self)
        checker._judge = judge
        return checker

    def check(self, text: str, cited: Iterable[Cited] | None, papers: Sequence[Paper]) -> Checked:
        """Bind a statement, and compare it with what it rests on; no judge is asked.

        Args:
            text: The statement, without markers.
            cited: What it says that it rests on, empty where nothing of that is there; None where
                it names nothing, and all papers are searched.
            papers: All that the answer is written from.
        """
        if len(text) > _MAX_CHARS:
            return Checked("unbound", reason=TOO_LONG)
        instruction = Checked("differs", reason="gives an instruction, states nothing")
        if is_planted(text):
            return instruction
        named = None if cited is None else list(cited)
        bound = self._binder.bind(text, named or ())
        if named != []:
            bound = bound or self._binder.search(text, papers)
        # `Start with patches`, where the paper speaks of patches, is advice.
        said = self._binder.share(text, [b.quote for b in bound])
        if said < SHARES and orders(text):
            return instruction
        if not bound:
            return Checked("unbound")
        return self.compared(text, bound, papers)

    def weighed(self, text: str, bound: Sequence[Bound]) -> list[Bound]:
        """Return the sentences in their order, each with how much of a statement it says."""
        return [b._replace(share=self._binder.share(text, [b.quote])) for b in bound]

    def compared(self, text: str, bound: Sequence[Bound], papers: Sequence[Paper]) -> Checked:
        """Compare a statement with sentences that it is bound to; at least one."""
        used = {b.paper.paper_id for b in bound}
        others = [paper for paper in papers if paper.paper_id not in used]
        reason = difference(text, bound, others)
        against = reason is not None and is_contradicted(text, bound)
        return Checked("differs" if reason else "quoted", tuple(bound), reason, against)

    def stands(self, text: str, cited: Iterable[Cited]) -> bool:
        """Return True if the sentences cited say a statement, by the judge where there is one."""
        checked = self.check(text, cited, [])
        if not self._judge:
            said = self._binder.share(text, [b.quote for b in checked.bound])
            return checked.verdict == "quoted" and said >= SHARES
        return self.judged([(text, checked)])[0].verdict == "checked"

    def judged(self, statements: Sequence[tuple[str, Checked]]) -> list[Checked]:
        """Have the judge, where there is one, say which of the quoted statements are checked.

        Those in which it finds that something differs, differ.
        """
        asked = [n for n, (_, c) in enumerate(statements) if c.verdict == "quoted"]
        found = [checked for _, checked in statements]
        if not self._judge or not asked:
            return found
        pairs = [(" ".join(b.quote for b in found[n].bound), statements[n][0]) for n in asked]
        for n, judgement in zip(asked, self._judge(pairs), strict=True):
            if judgement.differs:
                found[n] = found[n]._replace(
                    verdict="differs", reason=judgement.differs, contradicted=True
                )
            elif judgement.likely >= self._least:
                found[n] = found[n]._replace(verdict="checked")
        return found
