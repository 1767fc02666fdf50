r"""Turn text as a listing shows it into text that reads as the authors meant it.

Listings print LaTeX with its commands half removed: `1.96\times` arrives as `1.96times`,
`\frac{2}{3}` as `2{3}`; and Markdown with its stars. Each rule below undoes one kind of residue,
and leaves plain prose as it is; cleaning twice changes nothing more.
"""

import html
import re
import unicodedata
from collections.abc import Callable

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_SUPERSCRIPT = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# `text- text` after one of these was a hyphen at a line's end; others were split words.
_HYPHENATED = frozenset(
    [
        "all",
        "cross",
        "data",
        "device",
        "end",
        "fine",
        "hardware",
        "high",
        "ill",
        "inter",
        "intra",
        "large",
        "long",
        "low",
        "mid",
        "model",
        "multi",
        "non",
        "off",
        "on",
        "one",
        "open",
        "out",
        "post",
        "pre",
        "real",
        "self",
        "semi",
        "short",
        "single",
        "small",
        "state",
        "sub",
        "super",
        "task",
        "time",
        "token",
        "two",
        "well",
    ]
)
# `compute- and memory-bound`: the hyphen stands for a word that is left out.
_SUSPENDED = "and|or|to|nor|vs|versus|through|but|as|than"
_GREEK = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
    ]
} | {
    # Unicode calls it LAMDA.
    "lambda": "λ",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Omega": "Ω",
}
_COMMANDS = _GREEK | {
    "times": "×",
    "cdot": "·",
    "sim": "~",
    "approx": "≈",
    "pm": "±",
    "geq": "≥",
    "ge": "≥",
    "leq": "≤",
    "le": "≤",
    "infty": "∞",
    "rightarrow": "→",
    "to": "→",
    "ldots": "…",
    "dots": "…",
    "deg": "°",
    "circ": "°",
    "ell": "ℓ",
    "eg": "e.g.",
    "ie": "i.e.",
    "etal": "et al.",
    "quad": " ",
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "aa": "å",
    "AA": "Å",
}
# Combining marks for LaTeX accents: `na\"ive`, `Han{\v{c}}`.
_ACCENT = {
    '"': "\u0308",
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "H": "\u030b",
    "u": "\u0306",
    "k": "\u0328",
    "r": "\u030a",
}


def _command(match: re.Match[str]) -> str:
    # An author's own macro, such as `\HyperRouter`, keeps its name.
    return _COMMANDS.get(match.group(1), match.group(1))


def _join_split_word(match: re.Match[str]) -> str:
    head, tail = match.groups()
    return f"{head}-{tail}" if head.lower() in _HYPHENATED else head + tail


def _rules(*pairs: tuple[str, str | Callable[[re.Match[str]], str]]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


_RESIDUE = _rules(
    # Characters by code point that lost their backslash: dashes and quotes, U+2010 to U+2027.
    (r"(?<!\d)x(20[12][0-7])(?=[a-z]|\b)", lambda m: chr(int(m.group(1), 16))),
    (r"``|''", lambda m: "“" if m.group() == "``" else "”"),
    (r"\s--\s", " – "),
    # Commands that only dress their argument.
    (
        r"\\(?:text(?:it|bf|tt|sc|rm|sf)?|emph|math(?:bf|rm|cal|bb|sf|tt|it)|underline|mbox)"
        r"\s*\{([^{}]*)\}",
        r"\1",
    ),
    (r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"\1/\2"),
    (r"~\\%", "%"),
    (r"\\([\"'`^~=.])\{?\\?([A-Za-z])\}?", lambda m: m.group(2) + _ACCENT[m.group(1)]),
    (r"\\([cvHukr])\s?\{\\?([A-Za-z])\}", lambda m: m.group(2) + _ACCENT[m.group(1)]),
    (r"(\w)~(?=[(\[])", r"\1 "),
    (r"\\([%$#&_{}])", r"\1"),
    # Markdown's `**bold**` and `*italic*`, around whole words: `A* and B*`, `a*b` are none.
    (
        r"(?<![^\s(\[\"'“‘/–—-])(\*{1,3})(?=[^\W_])([^*]{1,200}?)(?<=\S)\1"
        r"(?![^\s.,;:!?)\]\"'”’/–—-])",
        r"\2",
    ),
    # `T_{2}^*` and `M^{3}ViT`, once with braces and once without.
    (r"\^(?=\*)", ""),
    (r"\^\{([\d+-]+|n)\}|\^(\d|n\b)", lambda m: (m.group(1) or m.group(2)).translate(_SUPERSCRIPT)),
    (
        r"(?<=\b[A-Z])_(?:\{(\d+)\}|(\d)(?!\w))|(?<=\bell)_(\d)",
        lambda m: "".join(filter(None, m.groups())).translate(_SUBSCRIPT),
    ),
    # `2{3}`: a fraction whose command is gone. Only after a number, a power or an index.
    (r"(?<![\w^_])(\d+)\{(\d+)\}", r"\1/\2"),
    (r"([⁰-⁹²³¹₀-₉])\{([\w²³₀-₉]+)\}", r"\1/\2"),
    # An argument that stood apart from the word before it.
    (r"(?<=\w)\{+(?=https?:|\w+ )", " "),
    (r"\\([A-Za-z]+)(?![A-Za-z])", _command),
    # `$…$` around formulas (Pandoc's rule tells them from prices), and halves of pairs.
    (r"\$(?=\S)([^$\n]{1,80}?)(?<=\S)\$(?!\d)", r"\1"),
    (r"(?<=[×%])\$", ""),
    (r"[{}]", ""),
    (r"\\", ""),
    # Names of signs that lost their backslash. Prose is safe: each needs a number or a bracket.
    (r"(?<=\d)times(?![a-z])(?:\s(?=\d{1,9}\b(?![.,]\d)))?", "×"),
    (r"(?<=\d)times(?=\d)", "×"),
    (r"\bof times (?=\d)", "of ×"),
    (r"(?<=[\d%×])\s?sim\s?(?=\d)", "~"),
    (r"(?<![A-Za-z])sim\s?(?=\d)", "~"),
    (r"(?<![A-Za-z])approx\s?(?=\d)", "≈"),
    (r"(?<=\d) pm (?=\d{1,9}\.)", " ± "),
    (r"(?:\b|(?<=[A-Z]))geq\b", "≥"),
    (r"(?:\b|(?<=[A-Z]))leq\b", "≤"),
    (r"(?<=[A-Z])cdot(?=[A-Z])|(?<![A-Za-z])cdot(?![A-Za-z])", "·"),
    (r"(?<=,)ldots(?=,)", "…"),
    (r"\bell(?=[₀-₉])|(?<=/)ell(?=[₀-₉])", "ℓ"),
    (r"\b(Theta|Omega)(?=\()", lambda m: _GREEK[m.group(1)]),
    (rf"\b([a-z]{{2,}})- (?!(?:{_SUSPENDED})\b)([a-z]{{2,}})", _join_split_word),
)
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


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
    text = unicodedata.normalize("NFC", text)
    text = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    for pattern, replacement in _RESIDUE:
        text = pattern.sub(replacement, text)
    return unicodedata.normalize("NFC", " ".join(text.split()))
