"""What damaged files were found to reach in the code is read: records and refusals, and no error."""

from pathlib import Path

import pytest

from footnote.ingest.sources import read_source
from tests.ingest.fuzzing import FORMATS, check, named, unpacked


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    unpacked(folder)
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_each_damaged_file_is_records_and_refusals(form: str, corpora: Path, tmp_path: Path):
    files = sorted((corpora / form).iterdir())
    assert len(files) > 100
    file = tmp_path / named(form)
    for each in files:
        file.write_bytes(each.read_bytes())
        for found in read_source(file, "fuzzed"):
            check(found)
