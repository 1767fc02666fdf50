"""Tell sentences that give an instruction to their reader, or to a program that reads them."""

import re

_VERBS = (
    "add|include|integrate|modify|augment|enhance|replace|substitute|provide|write|say|tell"
    "|translate|explain|describe|draft|compose|develop|give|print|output|repeat|reply|respond"
    "|answer|claim|state|mention|ignore|disregard|forget|pretend|act|visit|click|download|remember"
    "|render|convert|scramble|jumble|rearrange|anagram|misspell|remove|group|combine|introduce"
    "|suggest|recommend|break down|list|summari[sz]e|insert|append|begin|start|end|always|never"
    "|do not|don't|please|you must|you should|make sure|ensure|note to|use|show|create|call|send"
    "|open|follow|rate|praise|recite|prefix|conclude your|stop"
)
# An order begins with a bare verb, and speaks of what the reader is to write or do.
_ORDER = re.compile(rf"^\W*(?:(?:and|then|now|also|please|instead)\W+){{0,2}}(?:{_VERBS})\b", re.I)
_TO_THE_READER = re.compile(
    r"\b(?:you|your|yours|yourself|me|my)\b"
    r"|\b(?:the|this|that) (?:user|reader|reply|response|answer|message|output|prompt)s?\b|\bwww\.|https?://|\b\w+\.(?:com|example|xyz)\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"^\W*\w+\s+(?:the|a|an|all|any|every|each|this|that|these|it|no|up|out|down|for|in|as|with|"
    r"how|why|what|who|random|vowels|letters|words|only|nothing|more|to)\b",
    re.IGNORECASE,
)
_PLANTED = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,60}?"
    r"\b(?:instructions?|prompts?|rules|guidelines|context|above|previous|everything)\b"
    r"|\b(?:in|to|from|of|into) your (?:next )?(?:answer|reply|response|message|output|words)\b"
    r"|\byour (?:answer|reply|response|message|output|instructions|task|system prompt)\b"
    r"|\b(?:system prompt|as an ai|ai (?:assistant|model)s?\b.{0,40}\b(?:must|should))\b"
    r"|\b(?:assistants?|chatbots?|readers?|reviewers?|users?|models?|llms?|ais?|agents?)"
    r"(?:\s+(?!that\b|which\b|whether\b)[\w-]+){0,5}?"
    r"\s+(?:must|should|shall|are (?:asked|told|instructed|required) to)"
    r"\s+(?:always\s+|only\s+|now\s+)?"
    r"(?:say|answer|reply|respond|state|claim|write|tell|mention|repeat|recommend|output|ignore"
    r"|praise|accept|rate|call|declare|conclude)\b"
    r"|\byou (?:must|should|shall|will|are (?:now|to))\b"
    r"|\bthe (?:correct |right |only )?(?:answer|reply)"
    r" (?:to (?:this|any|every|all|the)|must|should|is)\b"
    r"|^\W*(?:system|assistant|user|important|attention|note to \w+)\s*:",
    re.IGNORECASE,
)
# An order shows at once; what follows may be long.
_LOOKED_AT = 400


def is_planted(sentence: str) -> bool:
    """Return True if a sentence speaks to a program that answers, as planted instructions do."""
    return bool(_PLANTED.search(sentence[:_LOOKED_AT]))


def orders(sentence: str) -> bool:
    """Return True if a sentence begins with what its reader is to do."""
    head = sentence[:_LOOKED_AT]
    if not _ORDER.search(head):
        return False
    return bool(_TO_THE_READER.search(head)) or bool(_OBJECT.search(head))
