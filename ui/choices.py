"""Render the filters beside the thread: what there is to choose from, counted in the catalogue."""

from collections import Counter
from html import escape

from footnote.rag.index.catalogue import Catalogue
from footnote.ui.wording import Wording

# A longer menu is no choice; a name can be typed into the question.
_NAMES_SHOWN = 40


def choices_html(catalogue: Catalogue, say: Wording) -> str:
    """Render years as a histogram, organisations and sources as menus. All text is escaped."""
    by_year = dict(catalogue.tally("year"))
    undated = by_year.pop(None, 0)
    years = Counter({int(year): n for year, n in by_year.items() if year})
    organisations = [(name, n) for name, n in catalogue.tally("organisation") if name]
    sources = {name: n for name, n in catalogue.tally("source") if name}
    stating = catalogue.count_stating()
    return (
        _years_html(years, undated, say)
        + _menu_html("organisation", dict(organisations[:_NAMES_SHOWN]), say)
        + _menu_html("source", sources, say)
        + _figures_html(stating, say)
    )


def _years_html(years: Counter[int], undated: int, say: Wording) -> str:
    if not years:
        return f'<p class="fn-facts">{escape(say("undated", undated))}</p>'
    span, most = range(min(years), max(years) + 1), max(years.values())
    bars = "".join(
        f'<button type="button" class="fn-bar" data-do="year" data-year="{year}"'
        f' aria-label="{escape(say("in_year", years[year], year=year))}">'
        f'<i style="height:{100 * years[year] / most:.0f}%"></i></button>'
        for year in span
    )
    options = "".join(f"<option>{year}</option>" for year in span)
    ends = "".join(
        f"<label>{escape(say(end))}<select data-filter='{end}'><option value=''>–</option>{options}"
        "</select></label>"
        for end in ("since", "until")
    )
    also = (
        '<label class="fn-check"><input type="checkbox" data-filter="undated"> '
        f"{escape(say('with_undated', undated))}</label>"
    )
    return (
        f'<div class="fn-bars" role="group" aria-label="{escape(say("years"))}">{bars}</div>'
        f'<div class="fn-span" aria-hidden="true"><span>{span[0]}</span>'
        f"<span>{span[-1]}</span></div>"
        f'<div class="fn-ends">{ends}</div>{also if undated else ""}'
    )


def _figures_html(stating: int, say: Wording) -> str:
    return (
        '<label class="fn-check"><input type="checkbox" data-filter="reports_number"> '
        f"{escape(say('with_figures', stating))}</label>"
        if stating
        else ""
    )


def _menu_html(name: str, counts: dict[str, int], say: Wording) -> str:
    if not counts:
        return ""
    options = "".join(
        f'<option value="{escape(each)}">{escape(each)} · {n:,}</option>'
        for each, n in list(counts.items())[:_NAMES_SHOWN]
    )
    return (
        f'<label class="fn-menu-of">{escape(say(name))}<select data-filter="{name}">'
        f'<option value="">{escape(say("all"))}</option>{options}</select></label>'
    )
