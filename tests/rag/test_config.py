from pathlib import Path

import pytest
import yaml

from rag.config import Config, load_config
from rag.errors import ConfigError
from tests.conftest import ROOT


def test_config_yaml_ships_every_default():
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert shipped == Config().model_dump(mode="json")


def test_command_line_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "mine.yaml"
    file.write_text("retrieval: {depth: 7, dense_weight: 0.1}\nindex: from-file\n")
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__DEPTH", "9")
    monkeypatch.setenv("FOOTNOTE_INDEX", "from-env")
    config = load_config(file, index=Path("from-cli"))
    assert (config.retrieval.depth, config.retrieval.dense_weight) == (9, 0.1)
    assert config.index == Path("from-cli")
    assert load_config(file).index == Path("from-env")


def test_the_working_folder_s_file_is_read(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("answering: {max_sentences: 1}")
    assert load_config().answering.max_sentences == 1


def test_every_wrong_key_is_listed_at_once(tmp_path: Path):
    file = tmp_path / "wrong.yaml"
    file.write_text("retrieval: {depht: 20, dense_weight: 3}\nwebb: {}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    message = str(caught.value)
    assert "retrieval.depht" in message
    assert "retrieval.dense_weight" in message
    assert "webb" in message


@pytest.mark.parametrize("content", ["a: [", "\x00", "- a\n- b\n"])
def test_a_file_that_is_no_settings(tmp_path: Path, content: str):
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_config(file)


def test_a_named_file_that_is_absent(tmp_path: Path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "none.yaml")
