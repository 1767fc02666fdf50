"""What is installed is what lies in the folders."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.conftest import ROOT

SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS = {ROOT / folder: name for name, folder in SETUPTOOLS["package-dir"].items()}
# For those who change the code: read by `make gate` alone.
NOT_INSTALLED = {"eval/baseline.json"}


def files() -> Iterator[Path]:
    """Give every file of the rooms."""
    for room in ROOMS:
        for file in room.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def package(folder: Path) -> str:
    """Return the name under which a folder of Python files is imported."""
    room = next(room for room in ROOMS if folder.is_relative_to(room))
    return ".".join([ROOMS[room], *folder.relative_to(room).parts])


def folder(package: str) -> Path:
    parts = package.split(".")
    known = {name: room for room, name in ROOMS.items()}
    at = max(n for n in range(1, len(parts) + 1) if ".".join(parts[:n]) in known)
    return known[".".join(parts[:at])].joinpath(*parts[at:])


def test_every_room_at_the_top_is_installed_under_its_own_name():
    there = {file.parent for file in ROOT.glob("*/__init__.py") if file.parent.name != "tests"}
    assert set(ROOMS) == there
    assert {name: room.name for room, name in ROOMS.items() if name != "footnote"} == {
        f"footnote.{room.name}": room.name for room in there if room.name != "footnote"
    }


def test_every_folder_of_python_files_is_a_listed_package():
    python = {file.parent for file in files() if file.suffix == ".py"}
    assert sorted(map(package, python)) == sorted(SETUPTOOLS["packages"])
    assert [f for f in python if not (f / "__init__.py").is_file()] == []


def test_every_other_file_is_package_data():
    data = {
        file
        for name, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for file in folder(name).glob(pattern)
    }
    other = {file for file in files() if file.suffix != ".py"}
    assert {str(file.relative_to(ROOT)) for file in other - data} == NOT_INSTALLED


def test_every_pattern_of_package_data_finds_a_file():
    for name, patterns in SETUPTOOLS["package-data"].items():
        for pattern in patterns:
            assert list(folder(name).glob(pattern)), f"{name}: {pattern}"


def test_one_version_is_named_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
