"""What kind of answer a question wants."""

import re
from enum import StrEnum

_WORKS = (
    r"papers|works|studies|publications|articles|authors|researchers|groups|systems|methods|"
    r"approaches|techniques|frameworks|algorithms|solutions|benchmarks|surveys|datasets|tools|"
    r"schemes|strategies|schedules|architectures|accelerators|engines|libraries|designs|ways"
)
# No character fits two neighbouring parts of a pattern here: else a row of hyphens takes forever.
_SURVEY = re.compile(
    rf"\b(?:which|what|any|all|list|show|find|name)\b(?:[^\w-]+[\w-]+){{0,3}}?[^\w-]+(?:{_WORKS})\b"
    r"(?!\s+(?:does|did|do|is|was)\b)"
    rf"|^[^\w-]*(?:[\w-]+[^\w-]+){{0,2}}?(?:{_WORKS})\s+(?:for|to|of|on|about|that|which|in)\b"
    r"|\bpapers\b|^who\b|\b(?:overview of|survey of|state of the art in|literature on)\b",
    re.IGNORECASE,
)
_COMPARISON = re.compile(
    r"\bcompar(?:e|ison)\b|\bversus\b|\bvs\b|\bdifferences?\b|\bdiffer\b|\bagainst\b.*\beach\b|"
    r"\band\b.*\b(?:each|both)\b|\bboth\b.*\band\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\bhow (?:much|many|fast|large|big|long|small|often|close|closely|far|high|low|quickly|"
    r"accurate|cheap|sparse|dense|\w+er)\b|\b(?:percent\w*|speed-?ups?|what factor|by what \w+|"
    r"what (?:fraction|share|number|ratio|score|accuracy)|accuracy|[fF]-?score|fps|runtime|"
    r"throughput (?:gain|improvement|increase)|how \w+ times)\b",
    re.IGNORECASE,
)
_FACT = re.compile(r"^(?:when|where|which|what)\b|\bname\b", re.IGNORECASE)
# `RWKV`, `QLoRA`, `NF4`, `vLLM`: capitals or digits inside a word; not `RAM`, which is a noun.
_NAME = re.compile(
    r"\b(?![A-Z]{1,3}s?\b)(?=[\w-]*[A-Za-z])"
    r"[\w-]*(?:[A-Z][\w-]*[A-Z]|[a-z][A-Z]|[A-Za-z]\d|\d[A-Z])[\w-]*",
    re.ASCII,
)
_CAPITALISED = re.compile(r"(?<=[\w,;:] )[A-Z][a-z]{2,}\b")
# Elsewhere ordinary nouns have capitals too, as in German.
_ENGLISH = re.compile(r"\b(?:the|what|how|which|why|does|do|is|are|of|and|for)\b", re.IGNORECASE)


class Kind(StrEnum):
    """What an answer to a question looks like."""

    NUMBER = "number"
    """One or two sentences that hold a number."""
    FACT = "fact"
    """One or two sentences."""
    SURVEY = "survey"
    """A line for each of many papers."""
    COMPARISON = "comparison"
    """Sentences of two or more papers."""
    EXPLANATION = "explanation"
    """A few sentences."""


def kind_of(question: str) -> Kind:
    """Judge by the question's own words, in English; what cannot be told is an explanation."""
    if _SURVEY.search(question):
        return Kind.SURVEY
    if re.search(r"\bhow (?:much|many|large)\b", question, re.IGNORECASE):
        return Kind.NUMBER
    if _COMPARISON.search(question):
        return Kind.COMPARISON
    if _NUMBER.search(question):
        return Kind.NUMBER
    return Kind.FACT if _FACT.search(question) else Kind.EXPLANATION


def names_in(question: str) -> list[str]:
    """The words of a question that are written like names, in order, each once."""
    found = [(m.start(), m.group().strip("-")) for m in _NAME.finditer(question)]
    if _ENGLISH.search(question):
        found += [(m.start(), m.group()) for m in _CAPITALISED.finditer(question)]
    return list(dict.fromkeys(name for _, name in sorted(found)))
