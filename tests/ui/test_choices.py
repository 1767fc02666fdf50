"""The filters beside the thread say what is in the catalogue, counted by it."""

import datetime
import re
from pathlib import Path

from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.catalogue import Catalogue
from footnote.ui.choices import choices_html
from footnote.ui.wording import wording
from tests.rag.index.small import paper


def described(title: str, abstract: str, **fields: object) -> Paper:
    return paper(title, abstract).model_copy(update=fields)


def test_years_names_and_figures_are_counted(tmp_path: Path):
    papers = [
        described("A", "It is 2.5x as fast.", date=datetime.date(2024, 5, 1), organisation="ACME"),
        described("B", "It is new.", date=datetime.date(2024, 1, 31), organisation="ACME"),
        described("C", "It is old.", date=datetime.date(2022, 1, 1), organisation="Zeta & Co"),
        described("D", "It is.", sightings=(Sighting(source="a.bib"),)),
    ]
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    catalogue.save([(each, []) for each in papers], {})
    catalogue.mark_indexed(papers)
    html = choices_html(catalogue, wording("en"))
    assert re.findall(r'data-year="(\d+)"', html) == ["2022", "2023", "2024"]
    heights = re.findall(r"height:(\d+)%", html)
    assert heights == ["50", "0", "100"]
    assert html.index("ACME") < html.index("Zeta &amp; Co")
    assert "a.bib" in html
    assert 'data-filter="reports_number"' in html
