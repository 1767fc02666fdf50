"""Each form of an answer over the sample, as it was looked at: `UPDATE_GOLDEN=1 pytest` rewrites it."""

import os
from pathlib import Path

import pytest

from footnote.export.forms import Form, export
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.ingest.sources import read_source
from footnote.rag.core.records import Answer, Paper
from tests.conftest import SAMPLE

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    records = read_source(SAMPLE, SAMPLE.name)
    made = [to_paper(record) for record in records if isinstance(record, SourceRecord)]
    return {paper.paper_id: paper for paper in made}


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("kind", ["number", "survey"])
def test_an_answer_is_written_as_before(papers: dict[str, Paper], kind: str, form: Form):
    answer = Answer.model_validate_json((GOLDEN / f"{kind}.answer").read_bytes())
    written = export(answer, papers.get, form)
    file = GOLDEN / f"{kind}.{written.name.rpartition('.')[2]}"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(written.text.encode())
    assert written.text == file.read_bytes().decode()
