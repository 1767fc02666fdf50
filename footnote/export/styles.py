"""The styles of a page: plain text, Markdown, HTML. No text of a paper is markup in any of them."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from footnote.export.pages import Note
from footnote.export.references import Reference

_AUTHORS_SHOWN = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


def cited(reference: Reference) -> str:
    """Write who wrote a paper, when, and its title."""
    names = [f"{name.given} {name.family}".strip() for name in reference.authors]
    more = len(names) - _AUTHORS_SHOWN
    by = ", ".join(names[:_AUTHORS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    year = f" ({reference.date[0]})" if reference.date else ""
    said = f"{by}{year}. {reference.title}" if by else f"{reference.title}{year}"
    withdrawn = f" Withdrawn: {reference.notice}" if reference.notice is not None else ""
    end = "" if said.endswith(("?", "!")) else "."
    return f"{said.rstrip('.')}{end}{withdrawn}"


class PlainText:
    """For a mail or a terminal."""

    def text(self, said: str) -> str:
        """Return the text on one line, without what would steer a terminal."""
        return _CONTROL.sub(" ", said)

    def mark(self, label: str) -> str:
        """Return `[2a]`."""
        return f" [{label}]"

    def heading(self, said: str, level: int) -> str:
        """Return a line."""
        return f"{said}\n{'=' * min(len(said), 79)}" if level == 1 else f"{said}:"

    def paragraph(self, said: str) -> str:
        """Return it as it is."""
        return said

    def items(self, said: Sequence[str]) -> str:
        """Return a line each."""
        return "\n".join(f"- {item}" for item in said)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a paragraph a row, each of its fields with the name of the column."""
        return "\n\n".join(
            "\n".join(
                f"{column}: {field}" if column else field
                for column, field in zip(columns, row, strict=True)
                if field
            )
            for row in rows
        )

    def notes(self, notes: Sequence[Note]) -> str:
        """Return the papers, below each its quotes."""
        return "\n\n".join(
            "\n".join(
                [
                    " ".join(filter(None, (f"[{n.marker}]", self._reference(n), n.reference.url))),
                    *(f"  {quoted.label}. “{self.text(quoted.text)}”" for quoted in n.quotes),
                ]
            )
            for n in notes
        )

    def page(self, title: str, parts: Sequence[str]) -> str:
        """Return the parts with a blank line between."""
        del title
        return "\n\n".join(parts) + "\n"

    def _reference(self, note: Note) -> str:
        return self.text(cited(note.reference))


class Markdown(PlainText):
    """With footnotes, as GitHub, Pandoc and Obsidian read them."""

    # Signs that mean something anywhere in a line, and what means something where it begins.
    _SIGNS = re.compile(r"[\\`*_\[\]|~$^@]")
    _BEGINNING = re.compile(r"^(\s*)(?:([0-9]{1,9})([.)])|([#+=:-]))")
    _ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

    def text(self, said: str) -> str:
        """Return the text with each sign of Markdown's and HTML's escaped."""
        line = self._SIGNS.sub(r"\\\g<0>", super().text(said).translate(self._ENTITIES))
        return self._BEGINNING.sub(
            lambda m: f"{m[1]}{m[2]}\\{m[3]}" if m[2] else f"{m[1]}\\{m[4]}", line
        )

    def mark(self, label: str) -> str:
        """Return `[^2a]`."""
        return f"[^{label}]"

    def heading(self, said: str, level: int) -> str:
        """Return a heading."""
        return f"{'#' * level} {said}"

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a table, as GitHub and Pandoc read it."""
        lines = [columns, ["---"] * len(columns), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def notes(self, notes: Sequence[Note]) -> str:
        """Return a footnote a quote; and one for a paper that a row is about."""
        return "\n".join(line for note in notes for line in self._footnotes(note))

    def _footnotes(self, note: Note) -> Iterator[str]:
        paper = self._reference(note)
        if note.reference.url:
            paper += f" <{note.reference.url}>"
        if note.in_table or not note.quotes:
            yield f"[^{note.marker}]: {paper}"
        for quoted in note.quotes:
            yield f"[^{quoted.label}]: “{self.text(quoted.text)}” {paper}"


class Html:
    """A page by itself, which needs nothing else, runs nothing and prints well."""

    def text(self, said: str) -> str:
        """Return the text escaped."""
        return escape(_CONTROL.sub(" ", said))

    def mark(self, label: str) -> str:
        """Return a link to the note."""
        return f' <a class="mark" href="#note-{label}">[{label}]</a>'

    def heading(self, said: str, level: int) -> str:
        """Return a heading."""
        return f'<h{level} dir="auto">{said}</h{level}>'

    def paragraph(self, said: str) -> str:
        """Return a paragraph."""
        return f'<p dir="auto">{said}</p>'

    def items(self, said: Sequence[str]) -> str:
        """Return a list."""
        items = "".join(f'<li dir="auto">{item}</li>' for item in said)
        return f"<ul>{items}</ul>"

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return a table."""
        heads = "".join(f'<th scope="col">{column}</th>' for column in columns)
        cells = ("".join(f'<td dir="auto">{field}</td>' for field in row) for row in rows)
        body = "\n".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"

    def notes(self, notes: Sequence[Note]) -> str:
        """Return the papers with their quotes."""
        items = "\n".join(map(self._note, notes))
        return f"<h2>Sources</h2>\n<ol>\n{items}\n</ol>" if notes else ""

    def page(self, title: str, parts: Sequence[str]) -> str:
        """Return a document of its own."""
        return _HTML.format(title=self.text(title), body="\n".join(parts))

    def _note(self, note: Note) -> str:
        paper = self.text(cited(note.reference))
        if url := note.reference.url:
            paper += f' <a rel="noreferrer" href="{escape(url)}">{escape(url)}</a>'
        quotes = "".join(
            f'<blockquote id="note-{quoted.label}" dir="auto"><b>{quoted.label}</b> '
            f"“{self.text(quoted.text)}”</blockquote>"
            for quoted in note.quotes
        )
        return f'<li id="note-{note.marker}" value="{note.marker}" dir="auto">{paper}{quotes}</li>'


_HTML = """\
<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.6 Georgia, serif; }}
h1 {{ font-size: 1.5rem; line-height: 1.3; }} h2 {{ font-size: 1.1rem; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.95rem; }}
th, td {{ border: 1px solid #bbb; padding: 0.35rem 0.5rem; text-align: start; }}
td {{ vertical-align: top; }}
blockquote {{ margin: 0.4rem 0 0.4rem 1rem; }} .mark {{ font-size: 0.8em; white-space: nowrap; }}
:target {{ background: #fff3c4; }} a {{ color: #0b4f8a; overflow-wrap: anywhere; }}
@media print {{
body {{ max-width: none; margin: 0; font-size: 10.5pt; }}
a {{ color: inherit; text-decoration: none; }}
tr, blockquote {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
}}
</style>
</head>
<body>
{body}
</body>
</html>
"""
