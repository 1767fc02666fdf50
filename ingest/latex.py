r"""Say what commands of LaTeX say: `\sqrt{n}` is √(n), `{\"u}` is ü.

pylatexenc reads them, one command with its arguments at a time: what stands around them is prose,
whose `%`, `$` and `_` mean themselves.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from pylatexenc import latex2text, latexwalker
from pylatexenc.macrospec import LatexContextDb, MacroSpec, MacroStandardArgsParser

# Braces in braces in braces; what lies deeper is no argument.
_NESTED = r"(?:[^{}]|\{[^{}]*+\})"
_ARGUMENT = rf"\{{(?:[^{{}}]|\{{{_NESTED}*+\}})*+\}}"
_ARGUMENTS = re.compile(_ARGUMENT)
_COMMAND = re.compile(
    rf"\\([A-Za-z]+)\*?((?:(?:\[[^][{{}}]*+\])?{_ARGUMENT})*+)"
    # An argument without braces: `\mathcal O`, `\sqrt2`.
    r"(?:( ?[A-Za-z0-9])(?![A-Za-z]))?+"
)
# What pylatexenc reads otherwise: signs as most write them, and what authors define themselves.
_READ_AS = {
    "sim": "~",
    "deg": "°",
    "circ": "°",
    "epsilon": "ε",
    "phi": "φ",
    "eg": "e.g.",
    "ie": "i.e.",
    "etal": "et al.",
    "item": " ",
    "textasciicircum": "^",
    "textbraceleft": "{",
    "textbraceright": "}",
    "url": "%s",
    "href": "%(2)s",
    "verb": "verb",
    "textsuperscript": "^{%s}",
    "textsubscript": "%s",
}
# What it prints with arguments that it does not read, or the other way round.
_ARGUMENTS_OF = {
    "href": "{{",
    "textfrac": "{{",
    "textsuperscript": "{",
    "textsubscript": "{",
    "verb": "",
}
# Plain letters in place of those that mathematics has of its own, and what says nothing here.
_PLAIN = ["mathbf", "mathcal", "mathbb", "mathfrak", "mathscr", "mathit", "mathsf", "mathtt"]
_LEFT_OUT = [
    *("cite", "citep", "citet", "ref", "eqref", "autoref", "label"),
    *("em", "bf", "it", "tt", "sc"),
]


def read_commands(text: str) -> str:
    """Replace each command of a text by what it says; one that is not known, by its name."""
    if "\\" in text:
        for pattern, says in _COMMANDS:
            text = pattern.sub(says, text)
    return text


def read_command(latex: str) -> str:
    r"""Read what one command says: `×` for `\times`."""
    return _COMMAND.sub(_says, latex)


def _says(match: re.Match[str]) -> str:
    name, braces, next_one = match.groups(default="")
    braces = read_command(braces)  # so that pylatexenc sees no half of a command
    ends = [argument.end() for argument in _ARGUMENTS.finditer(braces)]
    n_taken = _n_arguments(name)
    if next_one and n_taken == len(ends) + 1:
        return _read(f"\\{name}{braces}{{{next_one.strip()}}}")
    # Half a command keeps its name, as does an author's own macro, such as `\HyperRouter`.
    end = ends[n_taken - 1] if 0 < n_taken <= len(ends) else 0
    said = name if n_taken > len(ends) else _read(f"\\{name}{braces[:end]}")
    return said + braces[end:] + next_one


_COMMANDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"~\\%"), lambda m: "%"),
    (re.compile(r"\\(?:begin|end)\{[^{}]*\}"), lambda m: " "),
    # Letters of other alphabets: the space after them only ends the command.
    (
        re.compile(r"\\(?:o|O|l|L|ss|ae|AE|oe|OE|aa|AA) (?=[a-z])"),
        lambda m: _read(m.group().rstrip()),
    ),
    (
        re.compile(r"\\[\"'`^~=.](?:\{\\?[A-Za-z]\}|\\[ij](?![A-Za-z])|[A-Za-z])"),
        lambda m: _read(m.group()),
    ),
    (re.compile(r"\\[cvHukr] [A-Za-z]"), lambda m: _read(m.group())),
    (re.compile(r"\\[^A-Za-z]"), lambda m: _read(m.group())),
    # `$\sim$3`: not money, whatever follows.
    (re.compile(r"\$(\\[A-Za-z]+) ?\$"), lambda m: read_command(m.group(1))),
    (_COMMAND, _says),
)


@lru_cache(maxsize=4096)
def _read(latex: str) -> str:
    to_text, known = _reader()
    # Within a command dollars can only be mathematics; the others would be signs of TeX.
    escaped = re.sub(r"(?<!\\)[%&#]", r"\\\g<0>", re.sub(r"(?<!\\)\$", "", latex))
    nodes, _, _ = latexwalker.LatexWalker(escaped, latex_context=known).get_latex_nodes()
    return to_text.nodelist_to_text(nodes)


def _n_arguments(name: str) -> int:
    """Count the arguments that a macro has to have."""
    spec = _reader()[1].get_macro_spec(name)
    return spec.args_parser.argspec.count("{") if spec else 0


@cache
def _reader() -> tuple[latex2text.LatexNodes2Text, LatexContextDb]:
    says = latex2text.MacroTextSpec
    said = [
        *(says(name, simplify_repl=sign) for name, sign in _READ_AS.items()),
        *(says(name, discard=False) for name in _PLAIN),
        *(says(name, discard=True) for name in _LEFT_OUT),
    ]
    known = [MacroSpec(n, MacroStandardArgsParser(reads)) for n, reads in _ARGUMENTS_OF.items()]
    to_text = latex2text.get_default_latex_context_db()
    to_text.add_context_category("listing", prepend=True, macros=said)
    to_text.set_unknown_macro_spec(says("", simplify_repl=_name_of))
    walked = latexwalker.get_default_latex_context_db()
    walked.add_context_category("listing", prepend=True, macros=known)
    return latex2text.LatexNodes2Text(latex_context=to_text), walked


def _name_of(node: Any) -> str:  # noqa: ANN401
    return node.macroname
