"""Render the parts of an answer: prose, lists, tables and counts, with a marker for each quote."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from footnote.rag.core.quantity import measure_of, quantities
from footnote.rag.core.records import Answer, Block, Cell, Citation, Paper, Sentence
from footnote.rag.core.text import short_name
from footnote.ui.labels import labels_of, place_of
from footnote.ui.wording import Wording

# A date, a count: what is no longer than this is not broken.
_BRIEF = 12
# By what papers in a table can be put in another order, with what each figure is counted in.
_FIGURES = {"factor": measure_of("x"), "share": measure_of("%")}
_TO_ORDER = 3


class _Row(NamedTuple):
    """A row of a table."""

    cells: str
    orders: Mapping[str, str]
    """What it can be put in order by; the largest comes first."""


class Blocks:
    """Renders parts of one answer. All text is escaped."""

    def __init__(self, answer: Answer, papers: Mapping[str, Paper], say: Wording):
        self._answer = answer
        self._papers = papers
        self._say = say
        self._labels = labels_of(answer)
        self._sources = {source.marker: source for source in answer.sources}

    def as_written(self) -> str:
        """Render the answer as it was laid out for its kind of question."""
        return "".join(map(self.block, self._answer.blocks)) or self.running(self._answer.sentences)

    def as_prose(self) -> str:
        """Render all its sentences as running text."""
        return self.running(self._answer.sentences)

    def as_table(self) -> str:
        """Render a row for each paper with what is quoted of it."""
        say, rows = self._say, list[_Row]()
        for source in self._answer.sources:
            quotes = {
                place_of(c): c
                for s in self._answer.sentences
                for c in s.citations
                if c.marker == source.marker
            }
            said = "".join(f"<li>{escape(c.quote)} {self.marker(c)}</li>" for c in quotes.values())
            paper = self._papers.get(source.paper_id)
            date = str(paper.date) if paper and paper.date else say("no_date")
            cells = (
                f'<th scope="row">{self._paper(source.marker, is_short=True)}'
                f'<span class="fn-date">{escape(date)}</span></th>'
                f'<td><ul lang="en">{said}</ul></td>'
            )
            rows.append(
                _Row(cells, self._orders(source.marker, [c.quote for c in quotes.values()]))
            )
        heads = "".join(f'<th scope="col">{escape(say(key))}</th>' for key in ("paper", "quotes"))
        return self._ordered(heads, rows, is_titles=False)

    def as_papers(self) -> str:
        """List the papers it cites, or those that come near."""
        items = "".join(
            f"<li>{self._paper(source.marker)}</li>" for source in self._answer.sources
        ) + "".join(
            f'<li><b lang="en">{escape(c.title)}</b> <q lang="en">{escape(c.quote)}</q>'
            f" {self.marker(c)}</li>"
            for c in self._answer.nearest
        )
        return f'<ol class="fn-papers">{items}</ol>'

    def running(self, sentences: Sequence[Sentence]) -> str:
        """Render sentences one after the other, each with its markers."""
        said = " ".join(map(self._said, sentences))
        return f'<p lang="en">{said}</p>' if said else ""

    def block(self, block: Block, level: int = 3) -> str:
        """Render a part of the answer, its heading at a level."""
        said = [self._answer.sentences[at] for at in block.sentences]
        named = f'<h{level} lang="en">{escape(block.heading or "")}</h{level}>'
        heading = named if block.heading else ""
        text = f'<p lang="en">{escape(block.text)}</p>' if block.text else ""
        if block.form == "list":
            items = "".join(f"<li>{self._said(sentence)}</li>" for sentence in said)
            body = f'<ul lang="en">{items}</ul>'
        else:
            body = self.running(said)
        return heading + text + body + self._table(block) + self._more(block)

    def _more(self, block: Block) -> str:
        if not block.n_more:
            return ""
        said = escape(self._say("more", block.n_more))
        return f'<p><button type="button" class="fn-soft" data-ask="more">{said}</button></p>'

    def _table(self, block: Block) -> str:
        if not block.rows:
            return ""
        # A column that no row has anything in is left out: few pages date their papers.
        shown = [
            at for at in range(len(block.columns)) if any(_is_filled(row[at]) for row in block.rows)
        ]
        heads = "".join(
            f'<th scope="col" lang="en">{escape(block.columns[at])}</th>' for at in shown
        )
        rows = [
            _Row(
                "".join(
                    self._cell(
                        row[at], block.columns[at], is_head=at == shown[0], is_short=bool(texts)
                    )
                    for at in shown
                ),
                self._orders(row[shown[0]].marker, texts),
            )
            for row in block.rows
            for texts in [self._texts(row)]
        ]
        # Titles that little stands beside need the room that quotes would have.
        is_titles = 2 * sum(any(map(self._is_quoted, row)) for row in block.rows) < len(rows)
        return self._ordered(heads, rows, is_titles=is_titles)

    @staticmethod
    def _is_quoted(cell: Cell) -> bool:
        return bool(cell.sentences)

    def _texts(self, row: Sequence[Cell]) -> list[str]:
        return [self._answer.sentences[at].text for cell in row for at in cell.sentences]

    def _orders(self, marker: int | None, texts: Iterable[str]) -> dict[str, str]:
        """Return by what a paper's row can be put in order; nothing where the row is no paper's."""
        source = self._sources.get(marker or 0)
        if source is None:
            return {}
        paper = self._papers.get(source.paper_id)
        stated = [figure for text in texts for figure in quantities(text)]
        largest = {
            name: max((q.value for q in stated if q.measures == measure), default=None)
            for name, measure in _FIGURES.items()
        }
        found = {name: f"{value:.6g}" for name, value in largest.items() if value is not None}
        return found | ({"date": paper.date.isoformat()} if paper and paper.date else {})

    def _ordered(self, heads: str, rows: Sequence[_Row], *, is_titles: bool) -> str:
        """Render a table, with a menu of its orders where there is more than the one it has."""
        orders = [
            name
            for name in ("date", *_FIGURES)
            if sum(name in row.orders for row in rows) >= _TO_ORDER
        ]
        body = "".join(f"<tr{_data(row.orders)}>{row.cells}</tr>" for row in rows)
        return (self._order_menu(orders) if orders else "") + _table(
            heads, body, is_titles=is_titles
        )

    def _order_menu(self, orders: Sequence[str]) -> str:
        options = "".join(
            f'<option value="{name}">{escape(self._say(f"order.{name}"))}</option>'
            for name in ("found", *orders)
        )
        named = escape(self._say("order"))
        return f'<label class="fn-order">{named} <select data-do="order">{options}</select></label>'

    def _cell(self, cell: Cell, column: str, *, is_head: bool, is_short: bool) -> str:
        """Render a cell; a paper by its short name where something is said of it beside that."""
        text = self._paper(cell.marker, is_short=is_short) if cell.marker else escape(cell.text)
        said = " ".join(self._said(self._answer.sentences[at]) for at in cell.sentences)
        inside = " ".join(filter(None, (text, said)))
        if is_head:
            return f'<th scope="row" lang="en">{inside}</th>'
        is_brief = not said and not cell.marker and len(cell.text) <= _BRIEF
        # Where the columns stand one below the other, each says its name.
        named = f' data-name="{escape(column)}"' if inside and column else ""
        return f'<td lang="en"{" class=fn-brief" if is_brief else ""}{named}>{inside}</td>'

    def _paper(self, marker: int, *, is_short: bool = False) -> str:
        """Render a paper's title, or its short name, as a button that opens its card."""
        source = self._sources.get(marker)
        if source is None:
            return ""
        title = escape(source.title)
        shown = escape((is_short and short_name(source.title)) or source.title)
        return (
            f'<button type="button" class="fn-title" lang="en" data-card="{marker}"'
            f' title="{title}">{shown}</button>'
        )

    def _said(self, sentence: Sentence) -> str:
        """Render a sentence and its markers, with in what it differs from its quotes."""
        text = _named(sentence)
        if sentence.verdict == "unbound":
            why = escape(self._say("verdict.unbound"))
            return f'<span class="fn-unbound">{text} <small>({why})</small></span>'
        if sentence.verdict == "differs":
            why = escape(self._say("differs", why=sentence.reason or ""))
            text = f'<span class="fn-differs">{text}</span> <small>({why})</small>'
        return f"{text} {self._markers(sentence)}"

    def _markers(self, sentence: Sentence) -> str:
        each = {place_of(citation): citation for citation in sentence.citations}
        return " ".join(map(self.marker, each.values()))

    def marker(self, citation: Citation) -> str:
        """Render the marker of a quote as a button that opens it."""
        label = self._labels[place_of(citation)]
        name = escape(self._say("open_quote", label=label, title=citation.title))
        return (
            f'<button type="button" class="fn-marker" data-cite="{label}" aria-label="{name}">'
            f"{label}</button>"
        )


def _named(sentence: Sentence) -> str:
    """Render a sentence, the name of its paper in front of its quote in bold."""
    quoted = sentence.citations[0].quote if sentence.citations else ""
    if not quoted or not sentence.text.endswith(quoted):
        return escape(sentence.text)
    said_by = sentence.text.removesuffix(quoted)
    bold = f"<b>{escape(said_by)}</b>" if said_by else ""
    return f"{bold}{escape(quoted)}"


def _is_filled(cell: Cell) -> bool:
    return bool(cell.text or cell.sentences or cell.marker)


def _data(values: Mapping[str, str]) -> str:
    return "".join(f' data-{name}="{escape(value)}"' for name, value in values.items())


def _table(heads: str, rows: str, *, is_titles: bool) -> str:
    return (
        f'<div class="fn-wide{" fn-titles" * is_titles}"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
