"""What docs/page-features.md says that the page can do is shown by the tests that it names."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

FEATURES = ROOT / "docs" / "page-features.md"
SAID = {"yes", "partly", "no", "?"}


def rows() -> list[list[str]]:
    """The rows of the table, each a list of its cells, without its head."""
    lines = [line for line in FEATURES.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@cache
def named_in(file: Path) -> set[str]:
    """The names of the tests of a file, which is read and not imported."""
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_each_feature_that_is_claimed_names_a_test_that_is_there():
    missing = [
        (feature, proof)
        for feature, ours, *_, proof in rows()
        if ours == "yes"
        and not (
            (named := re.fullmatch(r"`(tests/\S+\.py)::(test_\w+)`", proof))
            and named[2] in named_in(ROOT / named[1])
        )
    ]
    assert missing == []


def test_what_is_not_there_is_said_and_nothing_is_said_otherwise():
    assert len(rows()) >= 30
    assert {cell for row in rows() for cell in row[1:-1]} <= SAID
    assert any(row[1] == "no" for row in rows())
    assert all(not row[-1] for row in rows() if row[1] == "no")
