"""Ask a language model a second time of what it wrote: if the quotes say it, and to mend it."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import ask_to_judge, ask_to_mend
from footnote.rag.llm.talk import ask_once
from footnote.rag.verification.judges import Judge, Judgement

# Calls at once; hosted services answer so many, and a server on this machine lets them wait.
_AT_ONCE = 4
_JUDGE_TOKENS, _MEND_TOKENS = 60, 1_500
_VERDICT = re.compile(r"^\W*(yes|no)\b\W*(.*)", re.IGNORECASE)
_LINE = re.compile(r"^\W{0,3}(\d{1,3})[.):]\s+(.+)$", re.MULTILINE)
_UNTOLD = Judgement(0.5)


class Faulty(NamedTuple):
    """A statement that says more than the sentences it rests on."""

    text: str
    quotes: str
    reason: str
    """In what it differs."""


def judge_by(model: Model, *, timeout_s: float) -> Judge:
    """Make a judge of a language model, which sees a claim and its quotes, and nothing else.

    A pair without a yes or a no is left as it is, and so are those that were not judged in time.

    Args:
        model: Is asked once a pair, several at once.
        timeout_s: For all pairs together.
    """

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        ends = time.monotonic() + timeout_s

        def judged(pair: tuple[str, str]) -> Judgement:
            left_s = ends - time.monotonic()
            asked = ask_to_judge(*pair)
            if left_s <= 0:
                return _UNTOLD
            said = ask_once(model, asked, timeout_s=left_s, max_tokens=_JUDGE_TOKENS)
            return _judgement(said or "")

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="judge") as pool:
            return list(pool.map(judged, pairs))

    return judge


def mend(model: Model, faulty: Sequence[Faulty], *, timeout_s: float) -> dict[int, str]:
    """Have a model rewrite statements so that their quotes say them.

    Returns:
        The new wording by the place of the statement; without those that it did not rewrite.
    """
    if not faulty:
        return {}
    asked = ask_to_mend(faulty)
    said = ask_once(model, asked, timeout_s=timeout_s, max_tokens=_MEND_TOKENS)
    found = {int(m[1]) - 1: m[2].strip() for m in _LINE.finditer(said or "")}
    return {
        n: text
        for n, text in found.items()
        if n in range(len(faulty)) and text.strip(" .\"'").lower() != "none"
    }


def _judgement(text: str) -> Judgement:
    found = _VERDICT.match(text)
    if not found:
        return _UNTOLD
    if found[1].lower() == "yes":
        return Judgement(1.0)
    why = found[2].strip().split("\n")[0].rstrip(".")
    return Judgement(0.0, why or "the quotes do not say all of it")
