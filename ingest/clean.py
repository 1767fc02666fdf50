r"""Turn text as a listing shows it into text that reads as the authors meant it.

Listings print LaTeX with its commands half removed: `1.96\times` arrives as `1.96times`,
`\frac{2}{3}` as `2{3}`; and Markdown with its stars. Each rule below undoes one kind of residue,
and leaves plain prose as it is; cleaning twice changes nothing more. Whole commands are read by
`ingest/latex`, and what was decoded wrongly (`naÃ¯ve`) by ftfy.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from ftfy import TextFixerConfig, fix_text
from wordfreq import get_frequency_dict

from footnote.ingest.latex import read_command, read_commands

Replacement = str | Callable[[re.Match[str]], str]

_SUPERSCRIPT = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# `compute- and memory-bound`: the hyphen stands for a word that is left out.
_SUSPENDED = "and|or|to|nor|vs|versus|through|but|as|than"
# A word is written as one when it is not that much rarer than the rarer of its halves:
# `bottlenecks` and `imbalance` are, `large-scale` and `real-time` are not.
_MUCH_RARER = 400


def _join_split_word(match: re.Match[str]) -> str:
    head, tail = match.groups()
    frequency = get_frequency_dict("en")
    halves = min(frequency.get(head, 0), frequency.get(tail, 0))
    is_one = frequency.get(head + tail, 0) * _MUCH_RARER >= halves
    return head + tail if is_one else f"{head}-{tail}"


class Rule(NamedTuple):
    """Undoes one kind of residue."""

    signs: tuple[str, ...]
    """One of them is in every text that the pattern matches: to look for these takes a hundredth of
    the time, and most texts have none."""
    pattern: re.Pattern[str]
    replacement: Replacement

    def applied(self, text: str) -> str:
        """Return a text without this residue."""
        if any(sign in text for sign in self.signs):
            return self.pattern.sub(self.replacement, text)
        return text


def _rules(*rules: tuple[tuple[str, ...], str, Replacement]) -> tuple[Rule, ...]:
    return tuple(Rule(signs, re.compile(pattern), new) for signs, pattern, new in rules)


RESIDUE = _rules(
    # Characters by code point that lost their backslash: dashes and quotes, U+2010 to U+2027.
    (("x20",), r"(?<!\d)x(20[12][0-7])(?=[a-z]|\b)", lambda m: chr(int(m.group(1), 16))),
    (("``", "''"), r"``|''", lambda m: "“" if m.group() == "``" else "”"),
    (("--",), r"\s--\s", " – "),
    (("~",), r"(\w)~(?=[(\[])", r"\1 "),
    # Markdown's `**bold**` and `*italic*`, around whole words: `A* and B*`, `a*b` are none.
    (
        ("*",),
        r"(?<![^\s(\[\"'“‘/–—-])(\*{1,3})(?=[^\W_])([^*]{1,200}?)(?<=\S)\1"
        r"(?![^\s.,;:!?)\]\"'”’/–—-])",
        r"\2",
    ),
    # `T_{2}^*` and `M^{3}ViT`, once with braces and once without.
    (("^",), r"\^(?=[*°])", ""),
    (
        ("^",),
        r"\^\{([\d+-]+|n)\}|\^(\d|n\b)",
        lambda m: (m.group(1) or m.group(2)).translate(_SUPERSCRIPT),
    ),
    (
        ("_",),
        r"(?<=\b[A-Z])_(?:\{(\d+)\}|(\d)(?!\w))|(?<=\bell)_(\d)|(?<=ℓ)_(\d)",
        lambda m: "".join(filter(None, m.groups())).translate(_SUBSCRIPT),
    ),
    # `2{3}`: a fraction whose command is gone. Only after a number, a power or an index.
    (("{",), r"(?<![\w^_])(\d+)\{(\d+)\}", r"\1/\2"),
    (("{",), r"([⁰-⁹²³¹₀-₉])\{([\w²³₀-₉]+)\}", r"\1/\2"),
    # An argument that stood apart from the word before it.
    (("{",), r"(?<=\w)\{+(?=https?:|\w+ )", " "),
    # `$…$` around formulas (Pandoc's rule tells them from prices), and halves of pairs.
    (("$",), r"\$(?=\S)([^$\n]{1,80}?)(?<=\S)\$(?!\d)", r"\1"),
    (("$",), r"(?<=[×%])\$", ""),
    (("{", "}"), r"[{}]", ""),
    (("\\",), r"\\", ""),
    # Names of signs that lost their backslash. Prose is safe: each needs a number or a bracket.
    (("times",), r"(?<=\d)times(?![a-z])(?:\s(?=\d{1,9}\b(?![.,]\d)))?", "×"),
    (("times",), r"(?<=\d)times(?=\d)", "×"),
    (("of times ",), r"\bof times (?=\d)", "of ×"),
    (("sim",), r"(?<=[\d%×])\s?sim\s?(?=\d)", "~"),
    (("sim",), r"(?<![A-Za-z])sim\s?(?=\d)", "~"),
    (("approx",), r"(?<![A-Za-z])approx\s?(?=\d)", "≈"),
    ((" pm ",), r"(?<=\d) pm (?=\d{1,9}\.)", " ± "),
    (("geq",), r"(?:\b|(?<=[A-Z]))geq\b", "≥"),
    (("leq",), r"(?:\b|(?<=[A-Z]))leq\b", "≤"),
    (("cdot",), r"(?<=[A-Z])cdot(?=[A-Z])|(?<![A-Za-z])cdot(?![A-Za-z])", "·"),
    (("ldots",), r"(?<=,)ldots(?=,)", "…"),
    (("ell",), r"\bell(?=[₀-₉])|(?<=/)ell(?=[₀-₉])", "ℓ"),
    (("Theta(", "Omega("), r"\b(?:Theta|Omega)(?=\()", lambda m: read_command(f"\\{m.group()}")),
    (("- ",), rf"\b([a-z]{{2,}})- (?!(?:{_SUSPENDED})\b)([a-z]{{2,}})", _join_split_word),
)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


# Only what stands for other characters: quotes and wide letters are the authors' own.
_WRONGLY_DECODED = TextFixerConfig(
    unescape_html=False,
    uncurl_quotes=False,
    fix_character_width=False,
    fix_line_breaks=False,
    remove_control_chars=False,
)
_ESCAPE = "\x1b"
# `&amp;amp;lt;`: text that was escaped again and again.
_ESCAPED_AGAIN = re.compile(r"&(?:(?:amp|AMP|#0{0,9}38|#[xX]0{0,9}26);)+")
# Plain text needs one pass, residue inside residue a second or third.
_MAX_PASSES = 20


def clean_text(text: str) -> str:
    """Resolve LaTeX residue, entities, odd spaces and invisible characters.

    The result is in Unicode's form C, on one line, with single spaces; empty for white space.
    """
    for _ in range(_MAX_PASSES):
        before, text = text, _cleaned_once(text)
        if text == before:
            break
    return text


def _cleaned_once(text: str) -> str:
    text = html.unescape(_ESCAPED_AGAIN.sub("&", text))
    # Of ASCII alone, nothing can be decoded wrongly or invisible but an escape for a terminal.
    if not text.isascii() or _ESCAPE in text:
        text = _INVISIBLE.sub("", fix_text(text, _WRONGLY_DECODED))
    text = read_commands(_CONTROL.sub(" ", text))
    for rule in RESIDUE:
        text = rule.applied(text)
    return unicodedata.normalize("NFC", " ".join(text.split()))
