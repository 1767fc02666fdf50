"""Tell sentences that state nothing: planted instructions, questions, and small talk."""

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
_QUESTION = re.compile(
    r"^\W*(?:what|who|whom|whose|where|when|why|how|which|is|are|was|were|do|does|did|can|could|"
    r"should|would|will|may|has|have)\b",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"^\W*(?:sure|certainly|of course|okay|ok|absolutely|great|thank you|hello|hi)\b[\s!,.]"
    r"|^\W*(?:here(?:'s|’s| is| are)|below (?:is|are)|let me|i (?:hope|can|will|have|found|am)"
    r"|i'(?:ll|m|ve)|feel free|as requested|to answer|in (?:short|summary|conclusion)\W*$)"
    r"|^\W*(?:based on|according to|from|in) (?:the|these|your) (?:sources?|papers?|abstracts?|"
    r"documents?|context|information)(?: (?:provided|given|above|cited|supplied))?[^\w]*"
    r"(?:$|(?:the following|here|i |we can|it can))",
    re.IGNORECASE,
)
# An order or small talk shows at once; what follows may be long.
_LOOKED_AT = 400


def instructs(sentence: str) -> bool:
    """Return True if a sentence tells its reader, or a program that reads it, what to do."""
    head = sentence[:_LOOKED_AT]
    if _PLANTED.search(head):
        return True
    if not _ORDER.search(head):
        return False
    return bool(_TO_THE_READER.search(head)) or bool(_OBJECT.search(head))


def asks(sentence: str) -> bool:
    """Return True if a sentence is a question."""
    ending = sentence.rstrip(" \t\n\"'”’)")
    return ending.endswith("?") and (
        bool(_QUESTION.search(sentence[:_LOOKED_AT])) or ", " not in sentence
    )


def says_nothing(sentence: str) -> bool:
    """Return True if a sentence talks about the answer rather than about a paper."""
    return bool(_SMALL_TALK.search(sentence[:_LOOKED_AT]))
